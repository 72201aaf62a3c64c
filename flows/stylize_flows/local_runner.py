"""Runs chunks on this process's device, as Prefect tasks."""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from prefect.futures import PrefectConcurrentFuture
from prefect.task_runners import ThreadPoolTaskRunner

from stylize_core.chunk.chunk import run_chunk
from stylize_core.errors import Stopped
from stylize_core.job import Chunk
from stylize_core.run.loop import compute_chunk
from stylize_core.run.work import Work
from stylize_flows import tasks
from stylize_flows.artifact import PROGRESS_SECONDS, ProgressArtifact
from stylize_flows.lost_server import has_lost_server
from stylize_flows.stop import StopFlag
from stylize_flows.tasks import Sealed

IN_FLIGHT = 2
"""Chunks submitted at a time: one running and one waiting. A chunk in flight costs Prefect memory."""

ONE_DEVICE: Any = ThreadPoolTaskRunner(max_workers=1)  # `Any`: the types of a flow exclude Prefect's own runners


def fan_out(work: Work, stop: StopFlag) -> None:
    """Computes chunks, one after another, on the runner `ONE_DEVICE` of the flow.

    Raises:
        Stopped: by a signal; what was finished is committed.
        StoreError: the store cannot be written, or the lease is lost.
    """
    if not work.chunks:
        return  # an empty bar would stay at 0 % for ever
    progress = ProgressArtifact(work)
    compute: Sealed[Callable[[Chunk], int]] = Sealed(partial(run_chunk, context=work.context))
    in_flight: deque[Any] = deque()  # futures from `ONE_DEVICE`
    for chunk in work.chunks:
        if stop():
            break
        is_alone = has_lost_server()
        if not is_alone:
            in_flight.append(tasks.stylise_chunk.submit(Sealed(chunk), compute))
        while len(in_flight) >= (1 if is_alone else IN_FLIGHT):
            _settle(in_flight.popleft(), progress)
        if is_alone:
            compute_chunk(chunk, work.context)
    while in_flight:
        _settle(in_flight.popleft(), progress)
    if stop():
        raise Stopped("the run was stopped")
    progress.show(at_once=True)


def _settle(future: PrefectConcurrentFuture[Any], progress: ProgressArtifact) -> None:
    """Waits for a chunk; raises its error if it failed for good."""
    while not future.wrapped_future.done():
        future.wait(timeout=PROGRESS_SECONDS)
        progress.show()
    future.wait()  # takes the state from the thread: the server's copy would lack the result
    if future.state.is_cancelled():
        raise Stopped("the run was stopped")
    future.state.result()
