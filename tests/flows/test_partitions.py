"""More chunks than a flow run may have: partitions in this process, each a separate flow run."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import State
from stylize_flows.stylize_manifest import stylize_manifest

from stylize_core.engine.engine import Engine
from stylize_core.errors import DeviceLost

pytestmark = pytest.mark.usefixtures("prefect_server")

LIMIT = ("--rows-per-task", "1", "--chunks-per-flow-run", "2")


def _arguments(manifest: str, store: Any, *options: str) -> tuple[str, ...]:
    return ("run", manifest, "--store", str(store.folder), "--weights", "builtin", *options, *LIMIT)


async def _parts(state: State[Any], tasks: int) -> dict[str, list[str]]:
    """Waits until the server has a number of tasks of a flow run and its parts; returns them by undated flow run."""
    own = state.state_details.flow_run_id
    assert own
    async with get_client() as client:
        parent = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[own]))
        for _ in range(300):
            flow_runs = [await client.read_flow_run(own), *await client.read_flow_runs(flow_run_filter=parent)]
            found = {}
            for one in flow_runs:
                of_it = FlowRunFilter(id=FlowRunFilterId(any_=[one.id]))
                runs = await client.read_task_runs(flow_run_filter=of_it)
                found[one.name.partition(",")[0]] = sorted(run.name.partition(":")[0] for run in runs)
            if sum(map(len, found.values())) == tasks:
                return found
            await asyncio.sleep(0.2)
    raise AssertionError(found)


def test_each_partition_is_a_flow_run(manifests: Any, store: Any) -> None:
    """No flow run has more chunks than allowed; the run itself has a task for each partition."""
    state = stylize_manifest(
        manifests.write(manifests.rows(5)),
        store=str(store.folder),
        weights="builtin",
        rows_per_task=1,
        chunks_per_flow_run=2,
        return_state=True,
    )
    assert state.message == "5 rows: 5 done, 0 skipped, 0 failed, 0 rejected, 0 stopped"
    assert asyncio.run(_parts(state, 10)) == {
        "manifest.csv to store": [
            "collect",
            "plan",
            *(f"stylize partition-{number}" for number in range(3)),
        ],
        "partition 1 of 3": ["chunk 1", "chunk 2"],
        "partition 2 of 3": ["chunk 3", "chunk 4"],
        "partition 3 of 3": ["chunk 5"],
    }
    assert store.lines["job_id"].is_unique


def test_an_error_of_a_partition_is_the_runs(
    manifests: Any, store: Any, stylize: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A final error of a chunk ends the run with its message; the next run does the rest."""
    optimise, calls = Engine.optimise, iter(range(100))

    def fail_from_the_third(engine: Engine, *arguments: Any, **others: Any) -> Any:
        if next(calls) >= 2:  # a process that lost its device cannot use it again
            raise DeviceLost("the device stopped working")
        return optimise(engine, *arguments, **others)

    manifest = manifests.write(manifests.rows(5))
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "optimise", fail_from_the_third)
        ended = stylize(*_arguments(manifest, store))
    assert ended.code == 1
    assert "error: the device stopped working\n" in ended.err
    assert store.statuses() == ["done", "done", "stopped", "stopped", "stopped"]
    assert stylize(*_arguments(manifest, store)).code == 0
    assert store.statuses() == ["skipped", "skipped", "done", "done", "done"]


@pytest.mark.slow
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_run_that_ends_in_a_partition(
    end: str, manifests: Any, drive: Callable[..., Any], store: Any, stylize: Callable[..., Any]
) -> None:
    """A run killed or stopped in its second partition keeps its commits, and the next one computes the rest once."""
    arguments = _arguments(manifests.write(manifests.rows(5)), store)
    run = drive(*arguments, kill="before results 4" if end == "kill" else "", step_seconds=0.2, fresh=True)
    if end == "stop":
        run.wait_for_journal(4)
        run.signal(signal.SIGTERM)
    assert run.wait() == (130 if end == "stop" else -signal.SIGKILL)
    run.wait_for_left_over()
    again = stylize(*arguments)
    assert again.code == 0, again.err
    assert store.statuses() == ["skipped"] * 3 + ["done"] * 2
    assert store.lines["job_id"].is_unique
