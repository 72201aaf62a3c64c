"""The nightly deployment with a real permanent server, a process work pool and a worker."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pandas as pd
import pytest

REPOSITORY = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def first_night(standing: Any) -> Any:
    """The first run of the deployment, finished."""
    return standing.ended(standing.run_nightly())


def test_first_night_says_what_it_did(standing: Any, first_night: Any) -> None:
    """A run of the deployment computes its rows; names and states in Prefect say so."""
    assert re.fullmatch(r"nightly\.csv to store, \d{4}-\d\d-\d\d \d\d:\d\d", first_night["name"])
    assert first_night["state"]["type"] == "COMPLETED", first_night["state"]["message"]
    assert first_night["state"]["message"].startswith("2 rows: 2 done, 0 skipped, 0 failed")
    assert list(standing.tasks(first_night["id"])) == ["plan", "chunk 1: 2 jobs, 32 px, plbfgs", "collect"]


def test_first_night_shows_progress_counts_and_the_report(standing: Any, first_night: Any) -> None:
    """A run leaves a full bar, a table whose counts add up to the rows, and a link to an existing report."""
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


def test_a_parameter_that_cannot_be_used(standing: Any) -> None:
    """An unknown choice is refused when the run is requested, not when it begins."""
    with pytest.raises(AssertionError, match="runner"):
        standing.run_nightly(runner="foo")


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[str, list[str]]]:
    """The address of a webhook, and the texts that it receives."""
    texts: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", texts
        server.shutdown()


@pytest.fixture(scope="module")
def automations(standing: Any, told: tuple[str, list[str]]) -> Iterator[list[dict[str, Any]]]:
    """The automations that the run-book's program registers; other tests' runs do without their many writes."""
    program = [sys.executable, "deploy/automations.py", told[0], "10"]
    subprocess.run(program, cwd=REPOSITORY, env=standing.environment, check=True)
    found: list[dict[str, Any]] = standing.call("/automations/filter", {})
    yield [one for one in found if one["name"].startswith("stylize: ")]
    for one in found:
        standing.call(f"/automations/{one['id']}", method="DELETE")


def test_automations_are_registered(automations: list[dict[str, Any]]) -> None:
    """All three are active."""
    actions = sorted((one["actions"][0]["type"], one["enabled"]) for one in automations)
    assert actions == [("call-webhook", True), ("call-webhook", True), ("change-flow-run-state", True)]


@pytest.mark.usefixtures("automations")
def test_failed_rows_are_told(standing: Any, nights: Any, told: tuple[str, list[str]]) -> None:
    """A completed run with many failed rows has its own state, and a webhook is notified where to look."""
    rows = [*nights.rows(1), *nights.rows(1, content="nowhere.png")]
    store = Path(standing.environment["STYLIZE_STORE"]).with_name("told")
    run = standing.ended(
        standing.run_nightly(manifest=nights.write(rows, "told.csv"), store=str(store), max_failed="50%")
    )
    assert (run["state"]["type"], run["state"]["name"]) == ("COMPLETED", "CompletedWithFailures")

    standing.wait_for(lambda: told[1])
    (text,) = told[1]
    assert text.startswith(
        "stylize: nightly: 2 rows: 1 done, 0 skipped, 0 failed, 1 rejected, 0 stopped · 50 % of the rows"
    )
    for place in (f"{store}/runs/", "/failed.csv", "/report.html", f"/runs/flow-run/{run['id']}"):
        assert place in text


@pytest.mark.usefixtures("automations")
def test_a_failed_night_is_told(standing: Any, told: tuple[str, list[str]]) -> None:
    """The webhook is notified of a run that cannot start, with its deployment, its reason and its page."""
    told[1].clear()
    run = standing.ended(standing.run_nightly(manifest="/nowhere.csv"))
    assert run["state"]["type"] == "FAILED"
    (text,) = standing.wait_for(lambda: list(told[1]))
    assert text.startswith(f"stylize: nightly: {run['name']} is Failed. ")
    assert "/nowhere.csv" in text
    assert text.endswith(f"/runs/flow-run/{run['id']}")


def _runs_of(standing: Any, manifest: str) -> list[dict[str, Any]]:
    query = {"deployments": {"id": {"any_": [standing.nightly["id"]]}}, "sort": "EXPECTED_START_TIME_DESC"}
    return [run for run in standing.call("/flow_runs/filter", query) if run["parameters"]["manifest"] == manifest]


def test_a_manifest_that_arrives(standing: Any, nights: Any) -> None:
    """`incoming` starts a run of `nightly` for a manifest in the folder, and no second one the next time."""
    folder = Path(standing.environment["STYLIZE_INCOMING"])
    folder.mkdir()
    Path(nights.write(nights.rows(1), "arrived.csv")).rename(folder / "arrived.csv")
    for _ in range(2):
        looked = standing.ended(standing.run("stylize incoming/incoming", settle_seconds=0))
        assert looked["state"]["message"].startswith("1 manifest, "), looked["state"]
    (run,) = _runs_of(standing, f"{folder}/arrived.csv")
    standing.call(f"/flow_runs/{run['id']}/set_state", {"state": {"type": "CANCELLED"}, "force": True})


def test_an_event_starts_a_run(standing: Any) -> None:
    """An event about a new manifest starts a run of `nightly` with it."""
    manifest = "/arrived/elsewhere.csv"
    event = {
        "occurred": datetime.now(UTC).isoformat(),
        "event": "stylize.manifest.arrived",
        "resource": {"prefect.resource.id": "stylize.manifest.elsewhere"},
        "payload": {"manifest": manifest},
        "id": str(uuid4()),
    }
    standing.call("/events", [event])
    (run,) = standing.wait_for(lambda: _runs_of(standing, manifest))
    standing.ended(run["id"])


@pytest.mark.usefixtures("first_night")
def test_upkeep(standing: Any) -> None:
    """`weekly` finds the store sound, and damaged after a byte was changed; `prune` spares the newest run."""
    assert standing.ended(standing.run("stylize verify/weekly"))["state"]["message"] == "verified: 0 faults"
    assert standing.ended(standing.run("stylize prune/prune"))["state"]["message"].startswith("pruned: 0 runs")
    image = next(Path(standing.environment["STYLIZE_STORE"], "images").rglob("*.png"))
    data = image.read_bytes()
    image.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    try:
        state = standing.ended(standing.run("stylize verify/weekly"))["state"]
    finally:
        image.write_bytes(data)
    assert state["type"] == "FAILED"
    assert "verified: 1 fault, the first images/" in state["message"]


def test_cancelled_run_keeps_its_commits_and_gives_the_store_free(standing: Any, nights: Any, view: Any) -> None:
    """A run cancelled while computing ends within seconds; its commits count, and the store is free."""
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
