"""Pruning deletes only sheets and pages of old runs."""

from datetime import UTC, datetime
from typing import Any

import pytest

from stylize_core.errors import UsageError
from stylize_core.files.files import Files
from stylize_core.store.prune import Limits, prunable, prune

NOW = datetime(2026, 11, 28, tzinfo=UTC)
RUNS = [f"202611{day:02}T020000.000-aaaa" for day in (1, 10, 20, 27)]
RECORD = ["plan.parquet", "results.csv", "results.parquet", "failed.csv", "manifest.csv", "environment.json", "log.txt"]
DRAWN = ["report.html", "compare-x.html", "contact-sheets/index.html", "contact-sheets/matrix.jpg"]
DRAWN += ["contact-sheets/small/matrix.jpg"]
FOREIGN = ["contact-sheets/notes.txt", "report.pdf", "mine/report.html"]


@pytest.fixture
def drawn(files: Files) -> Files:
    """A store with four runs, each with 50 bytes of sheets and pages, and with foreign files."""
    for run in RUNS:
        for name in (*RECORD, *DRAWN, *FOREIGN):
            files.publish(f"runs/{run}/{name}", b"x" * 10)
    for path in ("results/a.parquet", "metrics/a.parquet", "images/aa/report.html", "inputs/aa/a.jpg"):
        files.publish(path, b"x")
    return files


def _pruned(files: Files, **limits: Any) -> list[str]:
    """Prunes; returns the affected runs."""
    limits = {"keep": None, "older_than": None, "max_size": None, **limits}
    going = prunable(files, Limits.parse(**limits), NOW)
    prune(files, going)
    return [one.run for one in going]


def test_only_drawings_go(drawn: Files) -> None:
    """Sheets and pages of a pruned run are deleted; its record, results, and other files are kept."""
    before = {entry.path for entry in drawn.list("")}
    assert _pruned(drawn, older_than="5d") == RUNS[:3]
    gone = before - {entry.path for entry in drawn.list("")}
    assert gone == {f"runs/{run}/{name}" for run in RUNS[:3] for name in DRAWN}
    assert _pruned(drawn, older_than="5d") == []


@pytest.mark.parametrize(
    ("limits", "count"),
    [
        ({"older_than": "15d"}, 2),
        ({"older_than": "15d", "keep": 3}, 1),
        ({"older_than": "2w"}, 2),
        ({"older_than": "1h"}, 3),  # the newest run is kept, however old it is
        ({"keep": 2}, 2),
        ({"keep": 9}, 0),
        ({"max_size": "0kB"}, 3),
        ({"max_size": "1kB"}, 0),
        ({"max_size": "1kB", "older_than": "20d"}, 1),
    ],
)
def test_limits(limits: dict[str, Any], count: int, drawn: Files) -> None:
    """Age, number and size limits each delete the oldest first; `keep` overrides the others."""
    assert _pruned(drawn, **limits) == RUNS[:count]


def test_as_much_as_is_needed(drawn: Files) -> None:
    """If drawings are too large together, the oldest are deleted until the rest fits: 200 bytes into 120."""
    assert [one.run for one in prunable(drawn, Limits(keep=1, max_bytes=120), NOW)] == RUNS[:2]


def test_runs_of_other_names_stay(drawn: Files) -> None:
    """A folder without a run's name is not touched."""
    drawn.publish("runs/2020-best/report.html", b"x")
    drawn.publish("runs/2020-best/plan.parquet", b"x")
    assert "2020-best" not in _pruned(drawn, older_than="1h")


@pytest.mark.parametrize(
    "limits",
    [{}, {"keep": 0}, {"older_than": "30"}, {"older_than": "-1d"}, {"max_size": "5"}, {"max_size": "5 parsecs"}],
)
def test_limits_that_cannot_be_read(limits: dict[str, Any], drawn: Files) -> None:
    """Nothing is deleted if it is not clear what may be deleted."""
    before = drawn.list("")
    with pytest.raises(UsageError):
        _pruned(drawn, **limits)
    assert drawn.list("") == before
