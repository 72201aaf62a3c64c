"""The tasks of the flow: thin wrappers that give Prefect names, states and retries.

Nothing is cached and no result is persisted: the store is the record.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import httpx
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import task_run
from prefect.states import Cancelled, Completed, Failed

from stylize_core.errors import Stopped, StylizeError
from stylize_core.job import Chunk
from stylize_core.run.loop import RETRY_SECONDS, may_pass_here
from stylize_core.run.run import Run
from stylize_flows.artifact import show_outcome

PLAIN: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}

T = TypeVar("T")


class Sealed(Generic[T]):
    """An argument that Prefect does not inspect; it would search a plan of a million rows for futures.

    Prefect's own annotation `quote` does the same in this process. On the way to a Dask worker, though, prefect-dask
    and Dask search what is quoted: 0.7 ms per job instead of 0.05 ms (prefect-dask 0.3.7).
    """

    def __init__(self, value: T) -> None:
        self.value = value


@task(name="plan", task_run_name="plan", **PLAIN)
def plan(run: Sealed[Run]) -> State[Any]:
    """Makes the plan; an expected error becomes a failed state without a traceback."""
    try:
        run.value.prepare()
    except StylizeError as error:
        return Failed(message=str(error), data=error)
    made = run.value.plan
    assert made is not None, "a prepared run has a plan"
    actions = ", ".join(f"{count} to {action}" for action, count in made.counts.items() if count)
    return Completed(message=f"{len(made.rows)} rows ({actions}) in {len(made.chunks)} chunks")


def _chunk_name() -> str:
    chunk: Chunk = task_run.parameters["chunk"].value
    settings = chunk.jobs[0].settings
    return f"chunk {chunk.number}: {_jobs(len(chunk.jobs))}, {settings.size} px, {settings.optimiser}"


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _may_pass(_: object, __: TaskRun, state: State[Any]) -> bool:
    return may_pass_here(state.result(raise_on_failure=False))


@task(
    name="stylise chunk",
    task_run_name=_chunk_name,
    retries=len(RETRY_SECONDS),
    retry_delay_seconds=list(RETRY_SECONDS),
    retry_condition_fn=_may_pass,
    **PLAIN,
)
def stylise_chunk(chunk: Sealed[Chunk], compute: Sealed[Callable[[Chunk], int]]) -> State[Any]:
    """Computes and commits a chunk with a function that returns the number of jobs committed."""
    try:
        count = compute.value(chunk.value)
    except Stopped as error:
        return Cancelled(message=str(error))
    return Completed(message=f"{_jobs(count)} committed")


@task(name="collect", task_run_name="collect", **PLAIN)
def collect(run: Sealed[Run]) -> State[Any]:
    """Publishes rows, sheets and report, and shows them in Prefect's interface."""
    done = run.value
    done.finish()
    with suppress(httpx.HTTPError):  # the store has what Prefect cannot show
        show_outcome(done)
    return Completed(message=done.summary)
