"""The soak: two minutes of it, and the faults that its model has to find."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.soak_inputs import draw_pictures, draw_rows
from benchmarks.soak_model import State, check_export, check_report, check_rows, check_same, check_step

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_two_minutes() -> None:
    """Laws 1 to 3 hold for random manifests, kills and stops."""
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", "1.5"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.endswith("violations: 0\n")


def test_a_seed_gives_the_same_manifest(tmp_path: Path) -> None:
    """The pictures and rows of a round depend only on its seed."""
    first, again = (draw_rows(*draw_pictures(tmp_path / name, 7), 7) for name in ("first", "again"))
    assert first == again
    assert len({row["seed"] for row in first}) >= 4
    pictures = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("first", "again")]
    assert pictures[0] == pictures[1]


@pytest.fixture
def rows(manifests: Any) -> list[dict[str, str]]:
    """Two good rows and one that is rejected."""
    found: list[dict[str, str]] = manifests.rows(3)
    found[2]["content"] = "nowhere.png"
    return found


def test_what_counts_as_a_violation_of_a_step(
    rows: list[dict[str, str]], manifests: Any, run_loop: Callable[..., Any], store: Any
) -> None:
    """A job computed twice, a lost or duplicate result, a row whose status differs from its job's: each is named."""
    manifest, expected, nothing = manifests.write(rows), ["done", "done", "rejected"], State.read(store.folder)
    run_loop(manifest, "--no-report")
    first = State.read(store.folder)
    assert list(check_step(nothing, first, (0, 1))) == []
    assert list(check_rows(nothing, first, rows, expected, whole=True)) == []
    run_loop(manifest, "--no-report")
    second = State.read(store.folder)
    assert list(check_rows(first, second, rows, expected, whole=True)) == []  # skipped

    assert list(check_step(first, second, (1,))) == ["committed and computed again, by seed: ['1']"]
    assert list(check_step(first, nothing, ())) == ["committed lines are lost or changed"]
    (told,) = check_rows(nothing, second, rows, expected, whole=False)
    assert told.startswith(
        "rows are ['skipped', 'skipped', 'rejected'], expected from the tables: ['done', 'done', 'rejected']"
    )
    assert "new runs: frozenset()" in list(check_rows(second, second, rows, expected, whole=True))
    (results,) = (store.folder / "results").glob("*.parquet")
    pd.read_parquet(results).assign(run="another").to_parquet(results.with_stem("again"))
    assert "several results, by seed: ['0', '1']" in list(check_step(first, State.read(store.folder), ()))


def test_what_counts_as_a_violation_in_the_end(
    rows: list[dict[str, str]],
    manifests: Any,
    run_loop: Callable[..., Any],
    stylize: Callable[..., Any],
    store: Any,
    tmp_path: Path,
) -> None:
    """Different images, different losses, a report or an export that disagrees: each is named."""
    run_loop(manifests.write(rows), "--max-failed", "1")
    state = State.read(store.folder)
    assert list(check_same(state, state)) == []
    page = store.folder / "runs" / store.runs[0] / "report.html"
    assert list(check_report(page, store.statuses())) == []
    assert list(check_report(page, ["done"] * 3)) != []
    for format in ("imagefolder", "webdataset", "parquet"):
        output = tmp_path / format
        assert stylize("export", str(store.folder), "--format", format, "-o", str(output)).code == 0
        assert list(check_export(output, state, rows)) == []
        assert list(check_export(output, state, [*rows, rows[0]])) == ["the export has 2 images, 2 of the 3 expected"]

    other = State.read(tmp_path / "store")
    undisturbed = State(store.folder.rename(tmp_path / "undisturbed"), state.lines, state.runs)
    run_loop(manifests.write([{**rows[0], "seed": "0", "steps": "3"}, rows[1]]), "--no-report")
    other = State.read(store.folder)
    told = list(check_same(undisturbed, other))
    assert [what.partition(" differ")[0] for what in told[:2]] == ["images", "results"]
    assert "lines of losses" in told[2]
