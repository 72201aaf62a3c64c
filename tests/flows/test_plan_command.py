"""`stylize plan`: shows what a run would do, and writes nothing."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def plan(stylize: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Plans a manifest for the store `tmp_path / "store"`."""
    return lambda *arguments: stylize("plan", *arguments, "--store", f"{tmp_path}/store", "--weights", "builtin")


def _snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}


def test_plan_writes_nothing(manifests: Any, plan: Callable[..., Any], tmp_path: Path) -> None:
    """A plan of everything creates no store or file; its forecast includes the time to start."""
    manifest = manifests.write(manifests.rows(3))
    before = _snapshot(tmp_path)
    ended = plan(manifest)
    assert ended.code == 0
    assert ended.out.startswith("3 rows: 3 to compute\n3 jobs in 1 group, 1 chunk\nforecast: ")
    said = re.search(r"^forecast: (\S+) s on one device: (\S+) s to start, (\S+) s to compute", ended.out, re.MULTILINE)
    assert said
    whole, start, compute = map(float, said.groups())
    assert start > 0
    assert whole == pytest.approx(start + compute, rel=0.02)
    assert _snapshot(tmp_path) == before


def test_plan_knows_what_is_done(
    damaged: Path, manifests: Any, plan: Callable[..., Any], run_loop: Callable[..., Any], store: Any
) -> None:
    """A plan counts the rows that are done, failed, rejected and left, as the run does."""
    rows = [*manifests.rows(2), *manifests.rows(1, content="truncated.jpg")]
    run_loop(manifests.write(rows))
    before = _snapshot(store.folder)

    rows += [*manifests.rows(1, seed="7"), *manifests.rows(1, content="nowhere.png")]
    ended = plan(manifests.write(rows))

    assert ended.out.startswith("5 rows: 1 to compute, 2 done before, 1 failed before, kept, 1 rejected\n")
    assert "line 6 rejected: there is no such file" in ended.err
    assert ended.code == 3
    assert _snapshot(store.folder) == before


def test_enlarged_styles(manifests: Any, plan: Callable[..., Any], draw: Callable[..., Path]) -> None:
    """A style that is enlarged more than four times gives a warning, with the settings that keep its strokes."""
    draw(manifests.folder / "tiny.png", 1, width=20, height=16)
    rows = [*manifests.rows(1), *manifests.rows(3, style="tiny.png", size="16")]
    for row, edge in zip(rows[1:], ("80", "82", "160"), strict=True):
        row["style_size"] = edge
    line = (
        "warning: line 4: its style of 20 px is enlarged 4.1 times, which blurs its strokes (of 2 such rows the first)"
    )
    assert (
        f"{line}; style_fit=keep with a smaller style_size or style_scale keeps them"
        in plan(manifests.write(rows)).err.splitlines()
    )
    rows[1]["style_fit"] = "stretch"  # to 16 px, whatever style_size says
    assert "blurs" not in plan(manifests.write([rows[0], {**rows[1], "style_size": "160"}])).err


def test_step_sizes_of_another_optimiser(manifests: Any, plan: Callable[..., Any]) -> None:
    """The learning rate of a preset seldom suits another optimiser: the first such row is told, and what is usual."""
    rows = manifests.rows(5)
    for row, optimiser, rate in zip(
        rows, ("adam", "plbfgs", "adam", "lbfgs", "adam"), (0.2, 0.1, 1, 0.02, 3), strict=True
    ):
        row |= {"optimiser": optimiser, "learning_rate": str(rate)}
    (line,) = [line for line in plan(manifests.write(rows)).err.splitlines() if "learning_rate" in line]
    assert line == "warning: line 4: adam leaps with learning_rate 1 (of 3 such rows the first); 0.003 to 0.05 is usual"
    rows[2]["learning_rate"] = rows[4]["learning_rate"] = "0.05"
    said = plan(manifests.write(rows)).err
    assert "warning: line 5: lbfgs hardly moves with learning_rate 0.02; 1 is usual\n" in said


@pytest.mark.parametrize(
    ("options", "code"), [((), 3), (("--max-failed", "1"), 0), (("--max-failed", "50%"), 0), (("--strict",), 2)]
)
def test_exit_code_of_a_plan(options: tuple[str, ...], code: int, manifests: Any, plan: Callable[..., Any]) -> None:
    """A plan ends with the exit code that its rejected rows alone would give the run."""
    manifest = manifests.write([*manifests.rows(1), *manifests.rows(1, size="5")])
    assert plan(manifest, *options).code == code


def test_plan_of_nothing_but_rejected_rows(manifests: Any, plan: Callable[..., Any]) -> None:
    """If nothing could be started, the exit code says so."""
    ended = plan(manifests.write(manifests.rows(2, size="5")))
    assert ended.code == 2
    assert ended.out == "2 rows: 2 rejected\n"


def test_rows_per_task(manifests: Any, plan: Callable[..., Any]) -> None:
    """--rows-per-task decides the number of chunks."""
    assert "5 jobs in 1 group, 3 chunks" in plan(manifests.write(manifests.rows(5)), "--rows-per-task", "2").out
