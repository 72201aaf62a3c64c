"""Runner dask in a run of the deployment: Prefect loads the flow, and the workers are child processes."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect_dask")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SECONDS = 300.0
"""Seconds for a run and its workers, whose processes begin with ten seconds of imports, or many more."""

OPTIONS: dict[str, Any] = {"runner": "dask", "workers": 2, "device": "cpu", "rows_per_task": 1}


def test_a_run_on_dask(standing: Any, nights: Any, view: Any, tmp_path: Path) -> None:
    """The workers find the program in a deployment too; tasks are reported to the deployment's own server."""
    manifest = nights.write(nights.rows(3), "dask.csv")
    run = standing.run_nightly(manifest=manifest, store=str(tmp_path / "store"), **OPTIONS)
    ended = standing.ended(run, SECONDS)

    assert ended["state"]["message"] == "3 rows: 3 done, 0 skipped, 0 failed, 0 rejected, 0 stopped"
    assert view(tmp_path / "store").lines["job_id"].is_unique
    standing.wait_for(lambda: len(standing.tasks(run)) == 5)
    standing.wait_for(lambda: not standing.processes(run), 20)


def test_a_cancelled_run_on_dask(standing: Any, nights: Any, view: Any, tmp_path: Path) -> None:
    """Cancelled by Prefect during a chunk, it ends within seconds with its workers, and the store is free."""
    quick, endless = nights.rows(1)[0], nights.rows(2, size="256", steps="5000")
    store = tmp_path / "store"
    run = standing.run_nightly(manifest=nights.write([quick, *endless], "long.csv"), store=str(store), **OPTIONS)
    standing.wait_for(lambda: standing.tasks(run).get("chunk 3: 1 job, 256 px, plbfgs") == "Running", SECONDS)
    standing.wait_for(lambda: list((store / "results").glob("*.parquet")))

    asked = time.monotonic()
    standing.call(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    state = standing.ended(run)["state"]
    assert state["type"] == "CANCELLED"
    # Prefect's worker sends the signal within seconds, or much later under load.
    assert time.monotonic() - asked < 60
    standing.wait_for(lambda: not standing.processes(run), 15)
    assert sorted(view(store).statuses()) == ["done", "stopped", "stopped"]
    assert json.loads(max((store / "lease").iterdir()).read_bytes())["released"]
