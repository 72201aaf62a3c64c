"""The nightly deployment, for real: a standing server, a process work pool, a worker."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def first_night(standing: Any) -> Any:
    """The first run of the deployment, ended."""
    return standing.ended(standing.run_nightly())


def test_first_night_says_what_it_did(standing: Any, first_night: Any) -> None:
    """A run of the deployment does its rows; names and states tell so in Prefect."""
    assert first_night["name"] == "nightly.csv to store"
    assert first_night["state"]["type"] == "COMPLETED", first_night["state"]["message"]
    assert first_night["state"]["message"].startswith("2 rows: 2 done, 0 skipped, 0 failed")
    assert list(standing.tasks(first_night["id"])) == ["plan", "chunk 1: 2 jobs, 32 px, plbfgs", "collect"]


def test_first_night_shows_progress_counts_and_the_report(standing: Any, first_night: Any) -> None:
    """A run leaves a full bar, a table whose counts add up to the rows, and the place of a report that exists."""
    query = {"artifacts": {"flow_run_id": {"any_": [first_night["id"]]}}}
    shown = {artifact["key"]: artifact["data"] for artifact in standing.call("/artifacts/filter", query)}
    places = [urlsplit(link) for link in re.findall(r"\]\((.+?)\)", shown["stylize-report"])]

    assert shown["stylize-progress"] == 100.0
    assert {line["status"]: line["rows"] for line in json.loads(shown["stylize-rows"]) if line["rows"]} == {"done": 2}
    assert [Path(link.path).name for link in places] == ["report.html", "sweep-seed.jpg", "index.html"]
    assert all(link.scheme == "file" and Path(link.path).stat().st_size for link in places)


@pytest.mark.usefixtures("first_night")
def test_second_night_skips_what_the_first_did(standing: Any) -> None:
    """The next run finds everything done and computes nothing."""
    second = standing.ended(standing.run_nightly())

    assert second["state"]["message"].startswith("2 rows: 0 done, 2 skipped, 0 failed")
    assert list(standing.tasks(second["id"])) == ["plan", "collect"]


def test_scheduler_makes_the_runs_of_the_cron_schedule(standing: Any) -> None:
    """The schedule is registered with its time zone, and the server's scheduler makes its next runs."""
    (schedule,) = standing.nightly["schedules"]
    query = {
        "deployments": {"id": {"any_": [standing.nightly["id"]]}},
        "flow_runs": {"state": {"name": {"any_": ["Scheduled"]}}},
    }
    nights = standing.wait_for(lambda: standing.call("/flow_runs/filter", query))

    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("0 2 * * *", "UTC")
    assert schedule["active"]
    assert {pd.Timestamp(night["expected_start_time"]).strftime("%H:%M %Z") for night in nights} == {"02:00 UTC"}
    assert all(night["auto_scheduled"] for night in nights)


def test_automations_are_registered(standing: Any) -> None:
    """The program of the run-book leaves both automations switched on."""
    program = [sys.executable, "deploy/automations.py", "http://127.0.0.1:9/hook"]
    subprocess.run(program, cwd=REPOSITORY, env=standing.environment, check=True)

    automations = standing.call("/automations/filter", {})
    assert {automation["actions"][0]["type"]: automation["enabled"] for automation in automations} == {
        "change-flow-run-state": True,
        "call-webhook": True,
    }


def test_cancelled_run_keeps_its_commits_and_gives_the_store_free(standing: Any, nights: Any, view: Any) -> None:
    """A run cancelled in mid-computation ends within seconds; what it committed counts, and nobody holds the store."""
    quick, endless = nights.rows(1)[0], nights.rows(1, size="256", steps="5000")[0]
    store = Path(standing.environment["STYLIZE_STORE"]).with_name("cancelled")
    run = standing.run_nightly(manifest=nights.write([quick, endless], "endless.csv"), store=str(store))
    standing.wait_for(lambda: standing.tasks(run).get("chunk 2: 1 job, 256 px, plbfgs") == "Running")

    asked = time.monotonic()
    standing.call(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    state = standing.ended(run)["state"]

    assert state["type"] == "CANCELLED"
    assert state["message"].endswith("2 rows: 1 done, 0 skipped, 0 failed, 0 rejected, 1 stopped")
    assert time.monotonic() - asked < 15
    assert view(store).statuses() == ["done", "stopped"]
    assert json.loads(max((store / "lease").iterdir()).read_bytes())["released"]
