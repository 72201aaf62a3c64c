"""The laws: every row is accounted for, a kill loses nothing committed, runners give the same results."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KINDS = {
    "one": {"seed": "1"},
    "two": {"seed": "2"},
    "truncated": {"content": "truncated.png"},
    "missing": {"content": "missing.png"},
    "bad setting": {"size": "5"},
}
"""The possible rows: two good ones, which may repeat; one that fails when it runs; two that are rejected."""

MOMENTS = {
    "before plan.parquet 1": "before the plan is published",
    "step 8": "during the optimisation of the third job",
    "half .png 2": "with the second image half written",
    "before results 2": "with the second image published and not marked",
    "after results 2": "between two commits",
    "before results.csv 1": "during collect, before the rows",
    "before report.html 1": "during collect, before the report",
}

OF_THE_RUN = ["commit", "run", "seconds"]
"""Columns in which a job differs from run to run."""


def _truncate(folder: Path) -> None:
    data = (folder / "content-3.png").read_bytes()
    (folder / "truncated.png").write_bytes(data[: len(data) // 2])


def _comparable(lines: pd.DataFrame) -> pd.DataFrame:
    return lines.drop(columns=OF_THE_RUN).sort_values("job_id", ignore_index=True)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=6))
def test_every_row_is_accounted_for(kinds: list[str], manifests: Any, run_loop: Callable[..., Any], store: Any) -> None:
    """Law 1: rows in = done + skipped + failed + rejected + stopped, a line for each, in the manifest's order."""
    _truncate(manifests.folder)
    known = store.seeds()  # the examples share a store, so that later ones find results of earlier ones
    status = {"truncated": "failed", "missing": "rejected", "bad setting": "rejected"}
    status |= {kind: "skipped" if KINDS[kind]["seed"] in known else "done" for kind in ("one", "two")}
    expected = [status[kind] for kind in kinds]
    rows = [{**manifests.rows(1)[0], "id": f"row-{place}", **KINDS[kind]} for place, kind in enumerate(kinds)]

    ended = run_loop(manifests.write(rows))

    if set(expected) == {"rejected"}:
        assert ended.code == 2
        return
    assert ended.code == (3 if {"failed", "rejected"} & set(expected) else 0)
    assert list(store.rows()["id"]) == [row["id"] for row in rows]
    assert store.statuses() == expected
    counts = Counter(expected)
    words = ", ".join(f"{counts[name]} {name}" for name in ("done", "skipped", "failed", "rejected", "stopped"))
    assert f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}: {words}" in ended.out


@pytest.fixture(scope="module")
def five_jobs(tmp_path_factory: pytest.TempPathFactory, manifests_in: Callable[[Path], Any]) -> str:
    """A manifest of four good jobs, one that fails, and one row that is rejected."""
    manifests = manifests_in(tmp_path_factory.mktemp("laws") / "manifests")
    _truncate(manifests.folder)
    rows = manifests.rows(6)
    rows[1]["content"], rows[4]["content"] = "truncated.png", "missing.png"
    return str(manifests.write(rows))


def _run(manifest: str, store: Path, runner: str = "loop") -> tuple[str, ...]:
    return ("run", manifest, "--store", str(store), "--weights", "builtin", "--runner", runner, "--max-failed", "2")


@pytest.fixture(scope="module")
def undisturbed(
    five_jobs: str, tmp_path_factory: pytest.TempPathFactory, drive: Callable[..., Any], view: Callable[[Path], Any]
) -> Any:
    """The store after an undisturbed run of the five jobs."""
    folder = tmp_path_factory.mktemp("laws") / "undisturbed"
    assert drive(*_run(five_jobs, folder)).wait() == 0
    return view(folder)


@pytest.mark.parametrize("moment", MOMENTS, ids=MOMENTS.get)
def test_a_kill_at_any_moment_costs_nothing_committed(
    moment: str,
    five_jobs: str,
    undisturbed: Any,
    drive: Callable[..., Any],
    store: Any,
    stylize: Callable[..., Any],
) -> None:
    """Law 2: after kill -9, the same command gives the results of an undisturbed run, and computes nothing twice."""
    killed = drive(*_run(five_jobs, store.folder), kill=moment)
    assert killed.wait() == -9
    committed = store.seeds()

    again = drive(*_run(five_jobs, store.folder))
    assert again.wait() == 0, again.output

    assert again.computed == [seed for seed in ("0", "2", "3", "5") if seed not in committed]
    assert store.lines["job_id"].is_unique
    pd.testing.assert_frame_equal(_comparable(store.lines), _comparable(undisturbed.lines))
    assert store.images == undisturbed.images
    expected = ["skipped" if seed in committed else "done" for seed in "012345"]
    expected[1], expected[4] = "failed", "rejected"
    assert store.statuses() == expected
    assert stylize("status", str(store.folder), "--verify").out.endswith("verified: 0 faults\n")


@pytest.mark.slow
def test_a_kill_of_the_flow_costs_nothing_committed(
    five_jobs: str, undisturbed: Any, drive: Callable[..., Any], store: Any
) -> None:
    """Law 2 holds with Prefect too, whose own record of the killed run is not used."""
    killed = drive(*_run(five_jobs, store.folder, "local"), kill="before results 3", fresh=True)
    assert killed.wait() == -9
    committed = store.seeds()

    again = drive(*_run(five_jobs, store.folder, "local"), fresh=True)
    assert again.wait() == 0, again.output

    assert again.computed == [seed for seed in ("0", "2", "3", "5") if seed not in committed]
    pd.testing.assert_frame_equal(_comparable(store.lines), _comparable(undisturbed.lines))
    assert store.images == undisturbed.images


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(
    "runner", [("local",), pytest.param(("dask", "--workers", "2"), marks=pytest.mark.slow)], ids=" ".join
)
def test_runners_leave_the_same_results(
    runner: tuple[str, ...], five_jobs: str, tmp_path: Path, stylize: Callable[..., Any], view: Callable[[Path], Any]
) -> None:
    """Law 3: with any runner, results, losses, images and rows are those of the plain loop."""
    stores = []
    for name, *options in (("loop",), runner):
        stores.append(view(tmp_path / name))
        assert stylize(*_run(five_jobs, tmp_path / name, name), *options, "--rows-per-task", "3").code == 0
    loop, other = stores

    pd.testing.assert_frame_equal(_comparable(loop.lines), _comparable(other.lines))
    assert loop.images == other.images
    losses = [
        found.metrics.drop(columns="seconds").sort_values(["job_id", "step"], ignore_index=True)
        for found in (loop, other)
    ]
    pd.testing.assert_frame_equal(*losses)
    pd.testing.assert_frame_equal(loop.rows().drop(columns="seconds"), other.rows().drop(columns="seconds"))
