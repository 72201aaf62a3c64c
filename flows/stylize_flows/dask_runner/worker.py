"""What runs on a Dask worker: a chunk, in a context that is built there from plain values and kept.

A worker reports to the run through a topic of Dask's events: that a chunk has begun, how many jobs its batches have,
each step (as a sign of life), the finished jobs, and its log messages.
"""

import os
import platform
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
from distributed import Nanny, get_client, get_worker

from stylize_core.chunk.chunk import run_chunk
from stylize_core.chunk.context import Progress, RunContext
from stylize_core.engine.engine import Engine
from stylize_core.errors import DeviceLost, Stopped, StylizeError
from stylize_core.job import Chunk
from stylize_core.options import Options
from stylize_core.run.environment import logged
from stylize_core.run.ticket import RunTicket
from stylize_core.store import layout
from stylize_flows.dask_runner.lost_workers import committed

SIGN_SECONDS = 1.0
"""Pause between two signs of life."""

TOPIC = "stylize"
"""Topic of the workers' events; the same for all runs, because a scheduler never forgets a topic."""

_stopped: set[str] = set()  # runs that are to stop


class MachineShare(NamedTuple):
    """A worker's share of its machine.

    Attributes:
        workers: number of workers on the machine; on the CPU they share its memory.
        threads: number that the worker computes with; None to leave it as it is.
    """

    workers: int
    threads: int | None


def compute(chunk: Chunk, *, ticket: RunTicket, options: Options, share: MachineShare, flight: str) -> int:
    """Computes and commits a chunk on this worker.

    Args:
        chunk: the jobs.
        ticket: of the run.
        options: of the run.
        share: this worker's share of its machine.
        flight: name of this attempt in the worker's events; unique among all runs.

    Returns:
        The number of jobs that this call committed.

    Raises:
        StylizeError: any of the following, with the address of this worker and the name of its machine.
        UsageError: this worker has another release, or lacks the device.
        WeightsError: it has other weights.
        Stopped: the run is to stop.
        StoreError: the store cannot be written, or the run has lost its lease.
    """
    worker, tell = get_worker(), partial(_tell, flight)
    # This event is sent by a call that waits for the answer: if the chunk then kills the worker, the run knows the
    # cause.
    get_client().log_event(TOPIC, {"flight": flight, "worker": worker.address})
    try:
        return _compute(chunk, _context(ticket, options, share), tell)
    except Stopped:
        raise
    except StylizeError as error:
        place = ", ".join(part for part in (error.where, f"worker {worker.address} on {platform.node()}") if part)
        raise type(error)(error.what, where=place, todo=error.todo) from error


def _compute(chunk: Chunk, context: RunContext, tell: Callable[..., None]) -> int:
    job = chunk.jobs[0]
    if context.files.exists(layout.image(job.job_id, job.settings.format)):
        # Another worker may have begun this chunk: one that is gone, or cut off from the scheduler.
        context.committed |= committed(context.files, context.run)
    tell(jobs=min(len(chunk.jobs), context.engine.fit(job.settings, job.height, job.width).jobs))
    with logged() as log:
        try:
            return run_chunk(chunk, replace(context, on_progress=_ProgressReporter(tell)))
        except DeviceLost:
            os._exit(1)  # a process that used the device cannot use it again: the nanny starts another
        finally:
            if log:
                tell(log=list(log))


def stop(run: str) -> None:
    """Makes the chunks of a run on this worker stop at their next evaluation; what is finished is committed."""
    _stopped.add(run)


def kill(dask_worker: Nanny) -> None:
    """Kills the worker of this nanny, which then starts another; for a worker that hangs and no longer listens."""
    if dask_worker.pid:
        os.kill(dask_worker.pid, signal.SIGKILL)


def _tell(flight: str, **message: Any) -> None:
    get_worker().log_event(TOPIC, {"flight": flight, **message})


class _ProgressReporter:
    """Reports finished jobs to the run, and now and then a step."""

    def __init__(self, tell: Any) -> None:
        self._tell, self._told = tell, 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.finished:
            self._tell(finished=list(progress.finished), failed=list(progress.failed))
        elif time.monotonic() - self._told > SIGN_SECONDS:
            self._told = time.monotonic()
            self._tell()


@lru_cache(maxsize=1)
def _context(ticket: RunTicket, options: Options, share: MachineShare) -> RunContext:
    """Returns the context of a run; it is kept, so that a retried chunk skips what it has committed."""
    load = partial(_engine, ticket.weights_sha256, share)
    return ticket.open(options, load=load, should_stop=lambda: ticket.run in _stopped)


@lru_cache(maxsize=1)
def _engine(weights_sha256: str, share: MachineShare, weights: str, device: str, precision: str) -> Engine:
    """Returns this process's engine; the network is loaded once, and again for a run with other weights."""
    if share.threads:
        torch.set_num_threads(share.threads)
    engine = Engine.load(weights, device, precision)
    if engine.device.type == "cpu":
        engine.memory //= share.workers
    return engine
