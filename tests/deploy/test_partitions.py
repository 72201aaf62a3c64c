"""Partitions as flow runs of the same deployment, with a real worker that starts a process for each."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LIMIT: dict[str, int] = {"rows_per_task": 1, "chunks_per_flow_run": 2}

SECONDS = 400.0
"""Seconds for a run with its partitions, each a process that begins with ten seconds of imports, or many more."""

QUICK = {"size": "32", "steps": "2"}
LONG = {"size": "128", "steps": "100"}
"""Settings of a job of about five seconds, which leaves time for a kill."""
LAST = {"size": "48", "steps": "2"}
"""Settings of a separate group, whose chunk comes last."""


@pytest.fixture
def run_parts(standing: Any, nights: Any, view: Any, tmp_path: Path) -> Callable[..., tuple[str, Any]]:
    """Starts a run of rows with given settings into the test's store, with two chunks of one row per flow run."""

    def run(kinds: list[dict[str, str]]) -> tuple[str, Any]:
        rows = [{**row, **kind} for row, kind in zip(nights.rows(len(kinds)), kinds, strict=True)]
        manifest = nights.write(rows, f"{tmp_path.name}.csv")
        store = tmp_path / "store"
        return standing.run_nightly(manifest=manifest, store=str(store), **LIMIT), view(store)

    return run


def _kill(pids: list[int]) -> None:
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _journal(store: Any) -> list[str]:
    """Names of the commits."""
    return sorted(path.name for path in (store.folder / "results").glob("*.parquet"))


def test_partitions(standing: Any, run_parts: Callable[..., tuple[str, Any]]) -> None:
    """The run only plans and finishes; its partitions compute two chunks each, in flow runs of the same deployment."""
    run, store = run_parts([QUICK] * 3)
    ended = standing.ended(run, SECONDS)

    assert ended["state"]["message"] == "3 rows: 3 done, 0 skipped, 0 failed, 0 rejected, 0 stopped"
    parts = standing.parts(run)
    assert [name.split(" of ")[0] for name in parts] == ["partition 1", "partition 2"]
    assert {part["deployment_id"] for part in parts.values()} == {ended["deployment_id"]}
    assert {part["state"]["type"] for part in parts.values()} == {"COMPLETED"}
    chunks = [list(standing.tasks(part["id"])) for part in parts.values()]
    assert [[name.split(":")[0] for name in names] for names in chunks] == [["chunk 1", "chunk 2"], ["chunk 3"]]
    own = list(standing.tasks(run))
    assert (own[0], own[-1], len(own)) == ("plan", "collect", 4)
    assert store.lines["job_id"].is_unique
    assert set(store.lines["run"]) == {store.runs[0]}
    assert not list((store.folder / "runs" / store.runs[0] / "partitions").iterdir())
    holder = json.loads(max((store.folder / "lease").iterdir()).read_bytes())
    assert (holder["n"], holder["released"]) == (1, True)


def test_a_killed_partition(standing: Any, run_parts: Callable[..., tuple[str, Any]]) -> None:
    """A partition whose process is killed is submitted again, without its committed jobs; the run completes."""
    run, store = run_parts([QUICK, LONG, LAST])
    standing.wait_for(lambda: _begun(standing, run, "chunk 2"), SECONDS)
    standing.wait_for(lambda: _journal(store))
    (first,) = standing.parts(run).values()
    _kill(standing.processes(first["id"]))
    ended = standing.ended(run, SECONDS)

    assert ended["state"]["message"] == "3 rows: 3 done, 0 skipped, 0 failed, 0 rejected, 0 stopped"
    assert store.lines["job_id"].is_unique
    assert len(standing.all_parts(run)) == 3


def test_a_killed_run(standing: Any, run_parts: Callable[..., tuple[str, Any]]) -> None:
    """If the run is killed, its partition ends in seconds and commits nothing more; the next run does the rest."""
    run, store = run_parts([QUICK, LONG, LAST])
    standing.wait_for(lambda: _begun(standing, run, "chunk 2"), SECONDS)
    standing.wait_for(lambda: _journal(store))
    (part,) = standing.parts(run).values()
    committed = _journal(store)
    _kill(standing.processes(run))
    assert standing.ended(part["id"], 30)["state"]["type"] == "CANCELLED"
    standing.wait_for(lambda: not standing.processes(part["id"]), 120)  # its last requests to a busy server take time
    assert _journal(store) == committed

    again, _ = run_parts([QUICK, LONG, LAST])
    assert standing.ended(again, SECONDS)["state"]["message"].startswith("3 rows: 2 done, 1 skipped")
    assert store.lines["job_id"].is_unique


def test_a_cancelled_run(standing: Any, run_parts: Callable[..., tuple[str, Any]]) -> None:
    """Cancelling the run cancels its partition; its commits count, the rest is stopped, the store is free."""
    run, store = run_parts([QUICK, *[{"size": "256", "steps": "5000"}] * 2])
    standing.wait_for(lambda: _begun(standing, run, "chunk 2"), SECONDS)
    (part,) = standing.parts(run).values()
    standing.call(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    assert standing.ended(run, SECONDS)["state"]["type"] == "CANCELLED"
    assert standing.ended(part["id"])["state"]["type"] == "CANCELLED"
    standing.wait_for(lambda: not standing.processes(part["id"]), 15)
    assert sorted(store.statuses()) == ["done", "stopped", "stopped"]
    assert json.loads(max((store.folder / "lease").iterdir()).read_bytes())["released"]


def test_no_room(standing: Any, run_parts: Callable[..., tuple[str, Any]]) -> None:
    """If the deployment allows one flow run at a time, partitions are flow runs in the run's own process."""
    limit = f"/v2/concurrency_limits/{standing.nightly['global_concurrency_limit']['id']}"
    standing.call(limit, {"limit": 1}, "PATCH")
    try:
        run, store = run_parts([QUICK] * 3)
        ended = standing.ended(run, SECONDS)
    finally:
        standing.call(limit, {"limit": 2}, "PATCH")
    assert ended["state"]["message"] == "3 rows: 3 done, 0 skipped, 0 failed, 0 rejected, 0 stopped"
    parts = standing.parts(run)
    assert set(parts) == {"partition 1 of 2", "partition 2 of 2"}
    assert {part["deployment_id"] for part in parts.values()} == {None}
    assert store.lines["job_id"].is_unique


def _begun(standing: Any, run: str, chunk: str) -> bool:
    tasks = [name for part in standing.parts(run).values() for name in standing.tasks(part["id"])]
    return any(name.startswith(chunk) for name in tasks)
