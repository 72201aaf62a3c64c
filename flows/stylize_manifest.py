"""The flow: plan -> fan out -> collect."""

from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

import httpx
from prefect import flow
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State
from prefect.futures import PrefectConcurrentFuture
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows import tasks
from flows.runners import carry_out
from flows.stop import StopFlag
from flows.tasks import Sealed
from stylize_core.errors import Stopped, StylizeError
from stylize_core.options import Options
from stylize_core.run import Run

IN_FLIGHT = 2
"""Chunks submitted at a time: one that runs and one that waits. A chunk in flight costs Prefect memory."""

PROGRESS_SECONDS = 5.0

ONE_DEVICE: Any = ThreadPoolTaskRunner(max_workers=1)  # `Any`: by its types, a flow takes none of Prefect's runners


def _flow_run_name() -> str:
    parameters = flow_run.parameters
    return (
        f"{str(parameters['manifest']).rsplit('/', 1)[-1]} to {str(parameters['store']).rstrip('/').rsplit('/', 1)[-1]}"
    )


@flow(
    name="stylize manifest",
    flow_run_name=_flow_run_name,
    task_runner=ONE_DEVICE,
    persist_result=False,
)
def stylize_manifest(
    manifest: str,
    store: str,
    weights: str = "imagenet",
    device: str = "auto",
    precision: str = "auto",
    rows_per_task: int | None = None,
    max_failed: str = "0",
    retry_failed: str = "transient",
    strict: bool = False,
    wait: bool = False,
    job_timeout: float | None = None,
) -> State[Any]:
    """Stylises every row of a manifest into a store.

    The parameters are those of `stylize_core.options.Options`. The flow's final state says what became of the rows:
    Completed, Failed (more failed or rejected rows than `max_failed`, or nothing could be started) or Cancelled.
    """
    parameters = dict(locals())
    try:
        run = carry_out(Options(**parameters), _prepare, _fan_out, _collect)
    except Stopped as error:
        return Cancelled(message=str(error))
    except StylizeError as error:
        return Failed(message=str(error), data=error)
    return Failed(message=run.summary) if run.too_many_failed else Completed(message=run.summary)


def _prepare(run: Run) -> None:
    tasks.plan(Sealed(run), return_state=True).result()


def _collect(run: Run) -> None:
    tasks.collect(Sealed(run), return_state=True).result()


def _fan_out(run: Run, stop: StopFlag) -> None:
    if not run.chunks:
        return  # an empty bar would stay at 0 % for ever
    progress = _ProgressArtifact(run)
    in_flight: deque[Any] = deque()  # of the futures that `ONE_DEVICE` makes
    for chunk in run.chunks:
        if stop():
            break
        in_flight.append(tasks.stylise_chunk.submit(Sealed(chunk), Sealed(run)))
        if len(in_flight) == IN_FLIGHT:
            _settle(in_flight.popleft(), progress)
    while in_flight:
        _settle(in_flight.popleft(), progress)
    if stop():
        raise Stopped("the run was stopped")
    progress.show()


def _settle(future: PrefectConcurrentFuture[Any], progress: "_ProgressArtifact") -> None:
    """Waits for a chunk; raises what made it fail for good."""
    while not future.wrapped_future.done():
        future.wait(timeout=PROGRESS_SECONDS)
        progress.show()
    future.wait()  # takes the state over from the thread: the server's copy of it would lack the result
    if future.state.is_cancelled():
        raise Stopped("the run was stopped")
    future.state.result()


class _ProgressArtifact:
    """The share of committed jobs, as a progress bar in Prefect's interface."""

    def __init__(self, run: Run) -> None:
        self.run, self.shown = run, 0.0
        self.jobs = sum(len(chunk.jobs) for chunk in run.chunks)
        artifact = create_progress_artifact(progress=0.0, key="stylize-progress", description=f"Run {run.name}")
        self.update = partial(update_progress_artifact, artifact if isinstance(artifact, UUID) else UUID(str(artifact)))

    def show(self) -> None:
        """Sends the share where it has changed."""
        share = 100.0 * len(self.run.bench.committed) / max(self.jobs, 1)
        if share != self.shown:
            with suppress(httpx.HTTPError):  # a server that is away for a while does not end the run
                self.update(progress=share)
                self.shown = share
