"""What runs on a worker of a Dask cluster: a chunk, on a context that is made there of plain values and kept.

A worker tells the run what it does through a topic of Dask's events: that a chunk is begun, how many jobs its batches
have, each step (as a sign of life), the jobs that are finished, and what it logged.
"""

import os
import signal
import time
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib.metadata import version
from typing import Any

import torch
from distributed import Nanny, get_client, get_worker

from stylize_core.chunk.chunk import run_chunk
from stylize_core.chunk.context import Progress, RunContext
from stylize_core.engine.device import resolve_device
from stylize_core.engine.engine import Engine
from stylize_core.engine.weights import load_weights
from stylize_core.errors import DeviceLost, UsageError, WeightsError
from stylize_core.job import Chunk
from stylize_core.run.environment import logged
from stylize_core.store.holder import Holder, check_held
from stylize_core.store.store import open_store

SIGN_SECONDS = 1.0
"""Pause between two signs of life."""

_stopped: set[str] = set()  # runs that are to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTicket:
    """What a worker has to know of a run; plain values, since its engine and its store are made where it is.

    Attributes:
        run: name of the run.
        store: URL of its store, which every worker reaches.
        lease: who holds the store for the run.
        weights: `imagenet`, `builtin` or a path.
        weights_sha256: that they must have.
        device: auto, cpu or cuda.
        precision: float32 or bfloat16, as the run resolved it: part of every job's id.
        release: of this program, on the run's side.
        threads: that a worker computes with; None to leave it as it is.
        share: of this machine's workers, among which its memory is divided where they compute on the CPU.
        job_timeout: seconds that a job may be computed, None for no limit.
    """

    run: str
    store: str
    lease: Holder
    weights: str
    weights_sha256: str
    device: str
    precision: str
    release: str
    threads: int | None
    share: int
    job_timeout: float | None

    @property
    def topic(self) -> str:
        """Of the events by which workers tell what they do."""
        return f"stylize {self.run}"


def release() -> str:
    """Returns this program's release."""
    return version("stylize")


def compute(chunk: Chunk, *, post: RunTicket, flight: str) -> int:
    """Computes and commits a chunk on this worker.

    Args:
        chunk: the jobs.
        post: what to know of the run.
        flight: names this attempt in what the worker tells.

    Returns:
        The number of jobs committed now.

    Raises:
        UsageError: this worker has another release, or not the device.
        WeightsError: it has other weights.
        Stopped: the run is to stop.
        StoreError: the store cannot be written, or the run has lost its lease.
    """
    worker = get_worker()
    # This one is told through a call that waits for the answer: should the chunk kill the worker, it is known to blame.
    get_client().log_event(post.topic, {"flight": flight, "worker": worker.address})
    context = _context(post)
    job = chunk.jobs[0]
    size = min(len(chunk.jobs), context.engine.fit(job.settings, job.height, job.width).jobs)
    tell = partial(_tell, post.topic, flight)
    tell(jobs=size)
    with logged() as log:
        try:
            return run_chunk(chunk, replace(context, on_progress=_ProgressReporter(tell)))
        except DeviceLost:
            os._exit(1)  # no process that used it can use it again: the nanny starts another
        finally:
            if log:
                tell(log=list(log))


def stop(run: str) -> None:
    """Makes the chunks of a run on this worker stop at their next evaluation; what is finished is committed."""
    _stopped.add(run)


def kill(dask_worker: Nanny) -> None:
    """Kills the worker of this nanny, which then starts another; for one that hangs and would not listen."""
    if dask_worker.pid:
        os.kill(dask_worker.pid, signal.SIGKILL)


def _tell(topic: str, flight: str, **message: Any) -> None:
    get_worker().log_event(topic, {"flight": flight, **message})


class _ProgressReporter:
    """Tells the run of finished jobs, and now and then of a step."""

    def __init__(self, tell: Any) -> None:
        self._tell, self._told = tell, 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.finished:
            self._tell(finished=list(progress.finished), failed=list(progress.failed))
        elif time.monotonic() - self._told > SIGN_SECONDS:
            self._told = time.monotonic()
            self._tell()


@lru_cache(maxsize=1)
def _context(post: RunTicket) -> RunContext:
    """Returns the context of a run; kept, so that a chunk tried again leaves out what it has committed."""
    if post.release != release():
        what = f"the run is of release {post.release}, this worker of {release()}"
        raise UsageError(what, where=get_worker().address, todo="install the same release everywhere")
    files = open_store(post.store, create=False)
    return RunContext(
        engine=_engine(post.weights, post.weights_sha256, post.device, post.precision, post.threads, post.share),
        files=files,
        run=post.run,
        before_commit=partial(check_held, files, post.lease),
        should_stop=lambda: post.run in _stopped,
        job_timeout=post.job_timeout,
    )


@lru_cache(maxsize=1)
def _engine(name: str, sha256: str, device: str, precision: str, threads: int | None, share: int) -> Engine:
    """Returns this process's engine; the network is loaded once."""
    if threads:
        torch.set_num_threads(threads)
    weights = load_weights(name)
    if weights.sha256 != sha256:
        what = "this worker has other weights of that name than the run"
        raise WeightsError(what, where=f"{name} on {get_worker().address}", todo="copy the run's file there")
    engine = Engine(weights, device=resolve_device(device), precision=precision)
    if engine.device.type == "cpu":
        engine.memory //= share
    return engine
