"""More chunks than one flow run bears: partitions in this process, each a flow run of its own."""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State

from flows.stylize_manifest import stylize_manifest
from stylize_core.engine.engine import Engine
from stylize_core.errors import DeviceLost

pytestmark = pytest.mark.usefixtures("prefect_server")

LIMIT = ("--rows-per-task", "1", "--chunks-per-flow-run", "2")


async def _task_runs_by_flow_run(parent: Any, rows: int) -> dict[str, int]:
    """Returns the number of task runs of a flow run and of each of its subflows, by name."""
    async with get_client() as client:
        runs: list[FlowRun] = [await client.read_flow_run(parent)]
        for task in await client.read_task_runs(flow_run_filter=_only(parent)):
            if task.state_details.child_flow_run_id if hasattr(task, "state_details") else False:
                raise AssertionError
        return {run.name: len(await client.read_task_runs(flow_run_filter=_only(run.id))) for run in runs}


def _only(flow_run: Any) -> FlowRunFilter:
    return FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
