"""The context in which chunks are computed: what they need besides their jobs, and the progress they report."""

from collections.abc import Callable
from dataclasses import dataclass, field

from stylize_core.engine.engine import Engine
from stylize_core.files.files import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A step of a batch, or finished jobs.

    Attributes:
        finished: ids of jobs just computed, to be committed soon; empty for a step.
        failed: the ids of those that failed.
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
    """The context in which jobs are computed, with or without a store.

    Attributes:
        engine: the device with its network.
        should_stop: called between evaluations.
        on_progress: called for steps (at most twice a second) and finished batches.
        max_batch: upper bound of a batch; None for as many jobs as the device's memory allows.
        job_timeout: most seconds to compute a job, and for a batch that times its jobs; None for no limit.
              Polled between evaluations like `should_stop`: it does not end a call that hangs inside one.
    """

    engine: Engine
    should_stop: Callable[[], bool] = lambda: False
    on_progress: Callable[[Progress], None] = lambda progress: None
    max_batch: int | None = None
    job_timeout: float | None = None


@dataclass(slots=True, kw_only=True)
class RunContext(DeviceContext):
    """The context in which chunks of one run are computed.

    Attributes:
        files: the store.
        run: name of the run.
        before_commit: raises if the run may no longer write (its lease is lost); called on the committing thread,
            before a commit and right before its mark.
        committed: ids of jobs this run has committed; a retried chunk skips them.
    """

    files: Files
    run: str
    before_commit: Callable[[], None] = lambda: None
    committed: set[str] = field(default_factory=set)
