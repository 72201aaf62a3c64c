"""The flow in Prefect: final states with counts, names of runs, artifacts."""

import asyncio
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.exceptions import ParameterTypeError
from prefect.utilities.callables import parameter_schema
from stylize_flows.artifact import LETTERS, fitting
from stylize_flows.cli import main
from stylize_flows.stylize_manifest import stylize_manifest

from stylize_core.errors import ManifestError, StoreFull
from stylize_core.run.run import Run
from stylize_core.store.commits import publish_commit

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def flow(manifests: Any, store: Any) -> Callable[..., State[Any]]:
    """Runs the flow on rows into `tmp_path / "store"`; returns its final state."""

    def run(rows: list[dict[str, str]], **parameters: Any) -> State[Any]:
        fixed = {"store": str(store.folder), "weights": "builtin"}
        return stylize_manifest(manifests.write(rows), **fixed, **parameters, return_state=True)

    return run


def _flow_run_id(state: State[Any]) -> UUID:
    assert state.state_details.flow_run_id
    return state.state_details.flow_run_id


async def _task_runs(flow_run: UUID, count: int) -> list[Any]:
    """Waits until the server, which records task runs with a delay, has a number of them in a final state."""
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    deadline = time.monotonic() + 60
    async with get_client() as client:
        while True:
            found = await client.read_task_runs(flow_run_filter=wanted)
            if len(found) == count and all(run.state and run.state.is_final() for run in found):
                return sorted(found, key=lambda run: run.start_time)
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.2)


async def _artifacts(flow_run: UUID) -> dict[str | None, Any]:
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run]))
    async with get_client() as client:
        return {artifact.key: artifact for artifact in await client.read_artifacts(artifact_filter=wanted)}


def test_a_completed_flow(flow: Callable[..., State[Any]], manifests: Any, store: Any) -> None:
    """The final state has law 1's counts; task names describe the tasks; artifacts lead to the report."""
    state = flow(manifests.rows(3), rows_per_task=2)
    assert state.is_completed()
    assert state.message == "3 rows: 3 done, 0 skipped, 0 failed, 0 rejected, 0 stopped"

    tasks = asyncio.run(_task_runs(_flow_run_id(state), 4))
    assert [run.name for run in tasks] == [
        "plan",
        "chunk 1: 2 jobs, 32 px, plbfgs",
        "chunk 2: 1 job, 32 px, plbfgs",
        "collect",
    ]
    assert [run.state.message for run in tasks] == [
        "3 rows (3 to run) in 2 chunks",
        "2 jobs committed",
        "1 job committed",
        state.message,
    ]

    artifacts = asyncio.run(_artifacts(_flow_run_id(state)))
    assert artifacts["stylize-progress"].data == 100.0
    assert '"status": "done", "rows": 3' in artifacts["stylize-rows"].data
    folder = f"file://{store.folder}/runs/{store.runs[0]}"
    for name in ("report.html", "contact-sheets/index.html", "contact-sheets/sweep-seed.jpg"):
        assert f"({folder}/{name})" in artifacts["stylize-report"].data
        assert Path(f"{folder}/{name}".removeprefix("file://")).exists()
    assert "stylize-failures" not in artifacts


def test_failures_in_prefect(flow: Callable[..., State[Any]], manifests: Any) -> None:
    """The first failed and rejected rows with row, id, code and message, under 100 kB for any number and length."""
    rows = [{**row, "id": f"{number}-{'x' * 150}"} for number, row in enumerate(manifests.rows(120))]
    for row in rows[1:]:
        row["content"] = f"nowhere/{'😀' * 50}.png"
    state = flow(rows, max_failed="100%")
    artifact = asyncio.run(_artifacts(_flow_run_id(state)))["stylize-failures"]
    assert len(json.dumps(artifact.data)) < 100_000
    table = json.loads(artifact.data)
    assert "of 119 failed or rejected rows" in artifact.description
    assert 10 <= len(table) <= 50
    assert list(table[0]) == ["row", "id", "code", "message"]
    assert (table[0]["row"], table[0]["code"]) == (2, "input_missing")
    assert table[0]["id"].startswith("1-x")


@pytest.mark.parametrize("letter", ["x", '"', "ü", "😀", "\x00"])
def test_failures_fit_an_artifact(letter: str) -> None:
    """For any text, the table stays under 100 kB of JSON and begins with the first failure."""
    lines = [
        {"row": n, "id": letter * LETTERS, "code": letter * LETTERS, "message": letter * LETTERS} for n in range(50)
    ]
    kept = fitting(lines)
    assert len(json.dumps(kept)) < 100_000
    assert kept == lines[: len(kept)]
    assert len(kept) >= 8


def test_the_name_of_a_flow_run(flow: Callable[..., State[Any]], manifests: Any) -> None:
    """A flow run is named after its manifest, its store and the minute, in UTC."""

    async def read(flow_run: UUID) -> str:
        async with get_client() as client:
            return (await client.read_flow_run(flow_run)).name

    name = asyncio.run(read(_flow_run_id(flow(manifests.rows(1)))))
    assert re.fullmatch(r"manifest\.csv to store, \d{4}-\d\d-\d\d \d\d:\d\d", name)


def test_failed_rows(flow: Callable[..., State[Any]], manifests: Any, store: Any) -> None:
    """More failed or rejected rows than `max_failed` make the flow Failed; fewer give a named Completed state.

    Both messages say where these rows and the report are.
    """
    rows = [*manifests.rows(1), *manifests.rows(1, content="nowhere.png")]
    state = flow(rows)
    assert state.is_failed()
    counts, limit, failed, report = str(state.message).split(" · ")
    assert counts == "2 rows: 1 done, 0 skipped, 0 failed, 1 rejected, 0 stopped"
    assert limit == "max_failed=0 allows fewer"
    assert failed == f"to correct and run again: {store.folder}/runs/{store.runs[0]}/failed.csv"
    assert report == f"report: {store.folder}/runs/{store.runs[0]}/report.html"

    state = flow(rows, max_failed="50%", no_report=True)
    assert (state.is_completed(), state.name) == (True, "CompletedWithFailures")
    assert str(state.message).startswith("2 rows: 0 done, 1 skipped, 0 failed, 1 rejected, 0 stopped · to correct")
    assert "report:" not in str(state.message)


def test_an_event_tells_that_a_run_has_finished(
    flow: Callable[..., State[Any]], manifests: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the counts and, for automations, the share of failed rows as a label in whole percent, rounded down."""
    sent: list[Any] = []
    monkeypatch.setattr("stylize_flows.outcome.emit_event", lambda event, **rest: sent.append((event, rest)))
    flow([*manifests.rows(2), *manifests.rows(1, content="nowhere.png")], max_failed="50%", no_report=True)
    ((event, rest),) = sent
    assert event == "stylize.run.finished"
    assert rest["resource"]["stylize.failed-percent"] == "33"
    assert rest["payload"]["rows"] == {"done": 2, "skipped": 0, "failed": 0, "rejected": 1, "stopped": 0}
    assert rest["payload"]["places"]["failed_rows"] == f"{store.folder}/runs/{store.runs[0]}/failed.csv"


def test_parameters_in_prefect() -> None:
    """Every parameter has a description in Prefect's form, and parameters with few values are choices."""
    properties = parameter_schema(stylize_manifest.fn).model_dump()["properties"]
    assert all(len(one["description"]) > 10 for one in properties.values())
    choices = {name: one["enum"] for name, one in properties.items() if "enum" in one}
    assert choices == {
        "precision": ["auto", "float32", "bfloat16"],
        "runner": ["local", "dask"],
        "retry_failed": ["none", "transient", "all"],
    }
    assert properties["partition"]["description"].startswith("Internal")


def test_a_choice_that_there_is_not() -> None:
    """It is refused before anything begins."""
    with pytest.raises(ParameterTypeError, match="runner"):
        stylize_manifest("m.csv", "s", runner="foo")  # type: ignore[arg-type]


def test_nothing_to_start(flow: Callable[..., State[Any]], manifests: Any) -> None:
    """An expected error is the flow's final state without a traceback: it says what, where and what to do."""
    state = flow(manifests.rows(2, size="5"))
    assert state.is_failed()
    assert state.message is not None
    assert state.message.startswith("2 of 2 rows are rejected · ")
    assert "correct these rows" in state.message
    assert isinstance(state.result(raise_on_failure=False), ManifestError)


def test_an_error_that_passes_is_tried_again(
    flow: Callable[..., State[Any]], manifests: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect retries a chunk whose store does not answer for a moment; the run completes."""
    monkeypatch.setattr("stylize_flows.tasks.stylise_chunk.retry_delay_seconds", [0.0])
    failures = [StoreFull("there is no space left for the store")]

    def fail_once(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        publish_commit(*arguments)

    monkeypatch.setattr("stylize_core.chunk.committing.publish_commit", fail_once)
    assert flow(manifests.rows(2)).is_completed()
    assert store.statuses() == ["done", "done"]


@pytest.mark.parametrize("method", ["prepare", "finish"])
@pytest.mark.parametrize("runner", ["loop", "local"])
def test_an_unexpected_error_is_not_hidden(
    method: str, runner: str, manifests: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in the program shows its own traceback, with either runner."""

    def fail(run: Run) -> None:
        raise ZeroDivisionError("a fault of the program")

    monkeypatch.setattr(Run, method, fail)
    options = ("--store", f"{tmp_path}/store", "--weights", "builtin", "--runner", runner)
    with pytest.raises(ZeroDivisionError, match="a fault of the program"):
        main(["run", manifests.write(manifests.rows(1)), *options])


def test_the_command_ends_as_the_flow_does(stylize: Callable[..., Any], manifests: Any, store: Any) -> None:
    """With Prefect the command has the same output and exit codes as without."""
    options = ("--store", str(store.folder), "--weights", "builtin")
    ended = stylize("run", manifests.write([*manifests.rows(1), *manifests.rows(1, content="nowhere.png")]), *options)
    assert ended.code == 3
    assert "2 rows: 1 done, 0 skipped, 0 failed, 1 rejected, 0 stopped" in ended.out
    assert "Traceback" not in ended.err

    ended = stylize("run", manifests.write(manifests.rows(1, size="5")), *options)
    assert ended.code == 2
    assert "\nerror: 1 of 1 rows are rejected\n  where: " in ended.err
