"""One chunk on one device: load -> optimise -> commit. What a Prefect task runs; knows nothing of Prefect.

While the device optimises a batch, other threads load the next one and encode and commit the one before. The engine is
called, and progress told, on the thread that calls `run_chunk`.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

import torch

from stylize_core.chunk.committing import Committer
from stylize_core.chunk.context import Bench, Progress
from stylize_core.chunk.loading import Loaded, Loader
from stylize_core.chunk.outcomes import Finished, Origin, as_expected
from stylize_core.chunk.overlap import Behind, ahead
from stylize_core.engine.engine import Pair
from stylize_core.engine.optimise import Optimised
from stylize_core.errors import DeviceLost, JobTimeout, Stopped, StoreError, StylizeError
from stylize_core.job import Chunk, Job

COMMIT_SECONDS = 30.0
"""Batches finished within this time are published together; a kill costs at most this much finished work."""


def run_chunk(chunk: Chunk, bench: Bench) -> int:
    """Computes and commits every job of a chunk that is not committed yet; a job's own failure is a result.

    Returns:
        The number of jobs committed now.

    Raises:
        Stopped: the run is to stop; finished batches are committed, the running one is lost.
        DeviceLost: nothing more can be computed in this process; finished batches are committed.
        StoreError: the store cannot be written, or the lease is lost.
    """
    jobs = [job for job in chunk.jobs if job.job_id not in bench.committed]
    origin = Origin(run=bench.run, attempts=chunk.attempts, engine=bench.engine)
    committer = Committer(
        bench.files,
        origin,
        seconds=COMMIT_SECONDS,
        before_commit=bench.before_commit,
        after_commit=bench.committed.update,
    )
    load = partial(_load, Loader(bench.files))
    with Behind() as behind, closing(ahead(load, _batches(jobs, bench))) as batches:
        # What cannot be committed need not be computed: a failure behind stops the batch in front.
        front = replace(bench, should_stop=lambda: bench.should_stop() or behind.has_failed())
        try:
            for batch in batches:
                finished = _compute(batch, front)
                bench.on_progress(_told(finished))
                behind.submit(committer.add, finished)
        except (Stopped, DeviceLost):
            behind.submit(committer.commit)
            behind.wait()
            raise
        bench.engine.forget_styles()
        behind.submit(committer.commit)
    return committer.count


def _told(finished: list[Finished]) -> Progress:
    failed = tuple(one.job.job_id for one in finished if one.error)
    return Progress(finished=tuple(one.job.job_id for one in finished), failed=failed)


def _batches(jobs: Sequence[Job], bench: Bench) -> Iterator[Sequence[Job]]:
    position = 0
    while position < len(jobs):
        job, engine = jobs[position], bench.engine
        size = engine.fit(job.settings, job.height, job.width).jobs
        size = min(size, bench.max_batch or size)
        yield jobs[position : position + size]
        position += size


def _load(loader: Loader, job: Job) -> Loaded | Finished:
    """Loads a job; one that cannot be loaded is finished by that."""
    try:
        return loader.load(job)
    except (Stopped, StoreError):
        raise
    except Exception as problem:  # noqa: BLE001  # a job's unexpected failure becomes its record
        return Finished(job=job, result=as_expected(job, problem))


def _compute(batch: list[Loaded | Finished], bench: Bench) -> list[Finished]:
    """Optimises what could be loaded of a batch; what could not comes first."""
    failed = [one for one in batch if isinstance(one, Finished)]
    loaded = [one for one in batch if isinstance(one, Loaded)]
    return failed + list(_optimise(loaded, bench))


def _optimise(loaded: list[Loaded], bench: Bench) -> Iterator[Finished]:
    """Optimises a batch; one that fails is halved, down to the job that is to blame."""
    waiting = [loaded] if loaded else []
    while waiting:
        batch = waiting.pop()
        results = _attempt(batch, bench)
        if results is None:
            middle = len(batch) // 2
            waiting += [batch[middle:], batch[:middle]]
            continue
        for one, result in zip(batch, results, strict=True):
            yield Finished(job=one.job, result=result, alpha=one.alpha)


def _attempt(batch: list[Loaded], bench: Bench) -> Sequence[Optimised | StylizeError] | None:
    """Returns what came of each job; None where a batch of several failed, whose halves are to be tried.

    The error is gone when this returns, and with it whatever its traceback held in memory.
    """
    try:
        return _optimise_batch([one.pair for one in batch], bench)
    except (Stopped, DeviceLost):
        raise
    except Exception as problem:  # noqa: BLE001  # a job's unexpected failure becomes its record
        return None if len(batch) > 1 else [as_expected(batch[0].job, problem)]


def _optimise_batch(pairs: list[Pair], bench: Bench) -> list[Optimised]:
    steps, shown, began = pairs[0].settings.steps, 0.0, time.monotonic()
    limit = bench.job_timeout * len(pairs) if bench.job_timeout else math.inf

    def on_step(step: int, totals: torch.Tensor) -> None:
        nonlocal shown
        if time.monotonic() - shown > 0.5:  # often enough, too, for the clock not to run away from the device
            shown = time.monotonic()
            bench.on_progress(Progress(jobs=len(pairs), step=step, steps=steps, loss=float(totals.mean())))

    def should_stop() -> bool:
        if time.monotonic() - began > limit:
            raise JobTimeout(f"the job took longer than {bench.job_timeout:g} s")
        return bench.should_stop()

    return bench.engine.optimise(pairs, on_step=on_step, should_stop=should_stop)
