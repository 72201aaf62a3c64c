"""One chunk on one device: load -> optimise -> commit. What a Prefect task runs; knows nothing of Prefect."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from stylize_core.engine.device import out_of_memory_as
from stylize_core.engine.engine import Engine, Pair
from stylize_core.engine.memory import batch_size
from stylize_core.engine.optimise import Optimised
from stylize_core.errors import OutOfMemory, Stopped, StoreError, StylizeError
from stylize_core.job import Job
from stylize_core.loading import Loader
from stylize_core.outcomes import Origin, failure, success
from stylize_core.store.commits import commit_name, publish_commit
from stylize_core.store.files import Files
from stylize_core.store.records import Outcome

log = logging.getLogger(__name__)

COMMIT_SECONDS = 30.0
"""Batches finished within this time are published together; a kill costs at most this much finished work."""

Computed = Optimised | StylizeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Jobs of one group.

    Attributes:
        number: of the chunk in its run, from 1.
        jobs: in the order of the manifest.
        attempts: the attempt that this run makes, by job id.
    """

    number: int
    jobs: tuple[Job, ...]
    attempts: dict[str, int]


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
class Bench:
    """Where chunks of one run are computed, and what they need beside their jobs.

    Attributes:
        engine: the device with its network.
        files: the store.
        run: name of the run.
        before_commit: raises where the run may no longer write (its lease is lost).
        should_stop: asked between evaluations.
        on_progress: told of steps (at most twice a second) and finished batches.
        committed: ids of jobs this run has committed; a chunk tried again leaves them out.
        max_batch: upper bound of a batch, None for what the device's memory allows.
    """

    engine: Engine
    files: Files
    run: str
    before_commit: Callable[[], None] = lambda: None
    should_stop: Callable[[], bool] = lambda: False
    on_progress: Callable[[Progress], None] = lambda progress: None
    committed: set[str] = field(default_factory=set)
    max_batch: int | None = None


def run_chunk(chunk: Chunk, bench: Bench) -> int:
    """Computes and commits every job of a chunk that is not committed yet; a job's own failure is a result.

    Returns:
        The number of jobs committed now.

    Raises:
        Stopped: the run is to stop; finished batches are committed, the running one is lost.
        StoreError: the store cannot be written, or the lease is lost.
    """
    jobs = [job for job in chunk.jobs if job.job_id not in bench.committed]
    origin = Origin(run=bench.run, attempts=chunk.attempts, engine=bench.engine)
    pending: list[Outcome] = []
    count, since = 0, time.monotonic()
    try:
        for outcomes in _outcomes(jobs, origin, bench):
            pending += outcomes
            bench.on_progress(_finished(outcomes))
            if time.monotonic() - since >= COMMIT_SECONDS:
                count, since = count + _commit(pending, bench), time.monotonic()
                pending = []
    except Stopped:
        _commit(pending, bench)
        raise
    bench.engine.forget_styles()
    return count + _commit(pending, bench)


def _commit(outcomes: list[Outcome], bench: Bench) -> int:
    if not outcomes:
        return 0
    bench.before_commit()
    publish_commit(bench.files, commit_name(bench.run), outcomes)
    bench.committed.update(outcome.result.job_id for outcome in outcomes)
    return len(outcomes)


def _finished(outcomes: list[Outcome]) -> Progress:
    results = [outcome.result for outcome in outcomes]
    failed = tuple(result.job_id for result in results if result.status == "failed")
    return Progress(finished=tuple(result.job_id for result in results), failed=failed)


def _outcomes(jobs: Sequence[Job], origin: Origin, bench: Bench) -> Iterator[list[Outcome]]:
    """Yields the outcomes of one batch at a time."""
    loader = Loader(bench.files)
    for batch in _batches(jobs, bench):
        loaded, failed = [], []
        for job in batch:
            try:
                loaded.append((job, loader.pair(job)))
            except (Stopped, StoreError):
                raise
            except Exception as problem:  # noqa: BLE001  # a job's unexpected failure becomes its record
                failed.append(failure(job, _as_expected(job, problem), origin))
        computed = _optimise(loaded, bench)
        yield failed + [_outcome(job, result, loader, origin) for job, result in computed]


def _outcome(job: Job, result: Computed, loader: Loader, origin: Origin) -> Outcome:
    if isinstance(result, StylizeError):
        return failure(job, result, origin)
    alpha = loader.alpha(job) if job.settings.alpha == "keep" else None
    return success(job, result, alpha, origin)


def _batches(jobs: Sequence[Job], bench: Bench) -> Iterator[Sequence[Job]]:
    position = 0
    while position < len(jobs):
        job, engine = jobs[position], bench.engine
        size = batch_size(job.settings, job.height, job.width, engine.precision, engine.device)
        size = min(size, bench.max_batch or size)
        yield jobs[position : position + size]
        position += size


def _optimise(loaded: list[tuple[Job, Pair]], bench: Bench) -> Iterator[tuple[Job, Computed]]:
    """Optimises a batch; one that fails is halved, down to the job that is to blame."""
    if not loaded:
        return
    try:
        with out_of_memory_as(OutOfMemory("the job does not fit into the device's memory", where=loaded[0][0].job_id)):
            results: Sequence[Computed] = _optimise_batch([pair for _, pair in loaded], bench)
    except Stopped:
        raise
    except Exception as problem:  # noqa: BLE001  # a job's unexpected failure becomes its record
        if len(loaded) > 1:
            middle = len(loaded) // 2
            yield from _optimise(loaded[:middle], bench)
            yield from _optimise(loaded[middle:], bench)
            return
        results = [_as_expected(loaded[0][0], problem)]
    yield from ((job, result) for (job, _), result in zip(loaded, results, strict=True))


def _as_expected(job: Job, problem: Exception) -> StylizeError:
    if isinstance(problem, StylizeError):
        return problem
    log.error("job %s failed unexpectedly", job.job_id, exc_info=problem)
    return StylizeError(f"{type(problem).__name__}: {problem}", where=job.job_id)


def _optimise_batch(pairs: list[Pair], bench: Bench) -> list[Optimised]:
    steps, shown = pairs[0].settings.steps, 0.0

    def on_step(step: int, totals: torch.Tensor) -> None:
        nonlocal shown
        if time.monotonic() - shown > 0.5:
            shown = time.monotonic()
            bench.on_progress(Progress(jobs=len(pairs), step=step, steps=steps, loss=float(totals.mean())))

    return bench.engine.optimise(pairs, on_step=on_step, should_stop=bench.should_stop)
