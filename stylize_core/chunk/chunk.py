"""One chunk on one device: load -> optimise -> commit. A Prefect task runs it, but it does not know Prefect.

While the device optimises a batch, other threads load the next batch, and encode and commit the previous one. The
thread that calls `run_chunk` also calls the engine and reports progress.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

import torch

from stylize_core.chunk.committing import Committer
from stylize_core.chunk.context import DeviceContext, Progress, RunContext
from stylize_core.chunk.loading import Loaded, Loader
from stylize_core.chunk.outcomes import Finished, as_expected
from stylize_core.chunk.overlap import WriteBehind, prefetch
from stylize_core.engine.optimise import Optimised
from stylize_core.engine.pair import Pair
from stylize_core.errors import DeviceLost, JobTimeout, Stopped, StoreError, StylizeError
from stylize_core.job import Chunk, Job

COMMIT_SECONDS = 30.0
"""Batches finished within this time are published together; a kill loses at most this much finished work."""


def run_chunk(chunk: Chunk, context: RunContext) -> int:
    """Computes and commits every job of a chunk that is not committed yet; a job's own failure is a result.

    Returns:
        The number of jobs that this call committed.

    Raises:
        Stopped: the run was asked to stop; finished batches are committed, the running one is lost.
        DeviceLost: nothing more can be computed in this process; finished batches are committed.
        StoreError: the store cannot be written, or the lease is lost.
    """
    jobs = [job for job in chunk.jobs if job.job_id not in context.committed]
    committer = Committer.of(chunk, context, seconds=COMMIT_SECONDS)
    load = partial(_load, Loader(context.files))
    with WriteBehind() as behind, closing(prefetch(load, batches(jobs, context))) as loaded:
        # What cannot be committed need not be computed: a failed commit stops the running batch.
        front = replace(context, should_stop=lambda: context.should_stop() or behind.has_failed())
        try:
            for batch in loaded:
                finished = _compute(batch, front)
                context.on_progress(_told(finished))
                behind.submit(committer.add, finished)
        except (Stopped, DeviceLost):
            behind.submit(committer.commit)
            behind.wait()
            raise
        context.engine.forget_styles()
        behind.submit(committer.commit)
    return committer.count


def _told(finished: list[Finished]) -> Progress:
    failed = tuple(one.job.job_id for one in finished if one.error)
    return Progress(finished=tuple(one.job.job_id for one in finished), failed=failed)


def batches(jobs: Sequence[Job], context: DeviceContext) -> Iterator[Sequence[Job]]:
    """Yields jobs of one group in batches that fit into the device's memory."""
    position = 0
    while position < len(jobs):
        job, engine = jobs[position], context.engine
        size = engine.fit(job.settings, job.height, job.width).jobs
        size = min(size, context.max_batch or size)
        yield jobs[position : position + size]
        position += size


def _load(loader: Loader, job: Job) -> Loaded | Finished:
    """Loads a job; a job that cannot be loaded is finished as failed."""
    try:
        return loader.load(job)
    except (Stopped, StoreError):
        raise
    except Exception as problem:  # noqa: BLE001  # a job's unexpected failure becomes its record
        return Finished(job=job, result=as_expected(job, problem))


def _compute(batch: list[Loaded | Finished], context: RunContext) -> list[Finished]:
    """Optimises the jobs of a batch that could be loaded; the others come first."""
    failed = [one for one in batch if isinstance(one, Finished)]
    loaded = [one for one in batch if isinstance(one, Loaded)]
    return failed + list(optimise(loaded, context))


def optimise(loaded: list[Loaded], context: DeviceContext) -> Iterator[Finished]:
    """Yields the results of a batch's jobs, in order; a batch that fails is halved, down to the job at fault."""
    waiting = [loaded] if loaded else []
    while waiting:
        batch = waiting.pop()
        results = _attempt(batch, context)
        if results is None:
            middle = len(batch) // 2
            waiting += [batch[middle:], batch[:middle]]
            continue
        for one, result in zip(batch, results, strict=True):
            yield Finished(job=one.job, result=result, alpha=one.alpha)


def _attempt(batch: list[Loaded], context: DeviceContext) -> Sequence[Optimised | StylizeError] | None:
    """Returns the result of each job; None if a batch of several failed and its halves must be tried.

    The error is released when this returns, and with it the memory that its traceback held.
    """
    try:
        return _optimise_batch([one.pair for one in batch], context)
    except (Stopped, DeviceLost):
        raise
    except Exception as problem:  # noqa: BLE001  # a job's unexpected failure becomes its record
        return None if len(batch) > 1 else [as_expected(batch[0].job, problem)]


def _optimise_batch(pairs: list[Pair], context: DeviceContext) -> list[Optimised]:
    steps, shown, began = pairs[0].settings.steps, 0.0, time.monotonic()
    limit = context.job_timeout * len(pairs) if context.job_timeout else math.inf

    def on_step(step: int, totals: torch.Tensor) -> None:
        nonlocal shown
        if time.monotonic() - shown > 0.5:  # also often enough to keep the clock close to the device
            shown = time.monotonic()
            context.on_progress(Progress(jobs=len(pairs), step=step, steps=steps, loss=float(totals.mean())))

    def should_stop() -> bool:
        if time.monotonic() - began > limit:
            raise JobTimeout(f"the job took longer than {context.job_timeout:g} s")
        return context.should_stop()

    return context.engine.optimise(pairs, on_step=on_step, should_stop=should_stop)
