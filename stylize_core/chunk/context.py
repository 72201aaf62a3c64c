"""Where the chunks of a run are computed and what they need beside their jobs; what they tell while they go."""

from collections.abc import Callable
from dataclasses import dataclass, field

from stylize_core.engine.engine import Engine
from stylize_core.files.files import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A step of a batch, or jobs that are finished.

    Attributes:
        finished: ids of jobs just computed, to be committed soon; empty for a step.
        failed: those of them that failed.
        jobs: of the running batch.
        step: of the running batch.
        steps: of the running batch.
        loss: mean total of the running batch.
    """

    finished: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    jobs: int = 0
    step: int = 0
    steps: int = 0
    loss: float = float("nan")


@dataclass(slots=True, kw_only=True)
class DeviceContext:
    """Where jobs are computed, with or without a store.

    Attributes:
        engine: the device with its network.
        should_stop: asked between evaluations.
        on_progress: told of steps (at most twice a second) and finished batches.
        max_batch: upper bound of a batch, None for what the device's memory allows.
        job_timeout: seconds that a job may be computed, a batch as many times that as it has jobs; None for no limit.
            Polled between evaluations, as `should_stop` is: what hangs inside one of them is not ended by it.
    """

    engine: Engine
    should_stop: Callable[[], bool] = lambda: False
    on_progress: Callable[[Progress], None] = lambda progress: None
    max_batch: int | None = None
    job_timeout: float | None = None


@dataclass(slots=True, kw_only=True)
class RunContext(DeviceContext):
    """Where chunks of one run are computed, and what they need beside their jobs.

    Attributes:
        files: the store.
        run: name of the run.
        before_commit: raises where the run may no longer write (its lease is lost); called on the committing thread,
            before a commit and right before its mark.
        committed: ids of jobs this run has committed; a chunk tried again leaves them out.
    """

    files: Files
    run: str
    before_commit: Callable[[], None] = lambda: None
    committed: set[str] = field(default_factory=set)
