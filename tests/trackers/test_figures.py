"""What trackers get of a run: the numbers are those of the store, and do not grow with it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.files.files import Files
from stylize_core.record.rows import latest_run
from stylize_core.store.store import open_store
from stylize_core.trackers import bands, groups, strips
from stylize_core.trackers.bands import POINTS, QUANTILES, kept_steps
from stylize_core.trackers.figures import RunFigures, read_figures


def lines_of(folder: Path, form: str) -> pd.DataFrame:
    """The done lines of a form, from the files themselves."""
    lines = pd.concat([pd.read_parquet(path) for path in (folder / "results").glob("*.parquet")])
    return lines[(lines["form"] == form) & (lines["status"] == "done")]


def test_every_row_is_counted(figures: RunFigures) -> None:
    """Rows by status, distinct jobs, done ones and the seconds that they took."""
    assert figures.counts == {"done": 9, "skipped": 0, "failed": 1, "rejected": 1, "stopped": 0}
    assert (figures.totals["jobs"], figures.totals["jobs_done"], figures.totals["groups_left_out"]) == (9, 8, 0)
    assert figures.totals["seconds"] > 0


def test_jobs_that_do_not_compare_stand_apart(figures: RunFigures) -> None:
    """A group has one form and size; the largest comes first; totals of other weights are not put together."""
    assert [(group.name, group.jobs) for group in figures.groups] == [("mean-32px", 6), ("paper-32px", 2)]
    mean, paper = figures.groups
    assert mean.settings["form"] == "mean"
    assert "total" not in mean.bands
    assert "final/total" not in mean.distributions
    assert set(paper.bands) == {"total", "content", "style", "tv"}


def test_bands_are_the_quantiles_of_the_losses(figures: RunFigures, folder: Path) -> None:
    """At each step, of the jobs of a group, as numpy finds them; steps that less than half reached are left out."""
    metrics = pd.concat([pd.read_parquet(path) for path in (folder / "metrics").glob("*.parquet")])
    for group, form in zip(figures.groups, ("mean", "paper"), strict=True):
        ours = metrics[metrics["job_id"].isin(lines_of(folder, form)["job_id"])]
        for term, table in group.bands.items():
            assert table["step"].tolist() == [0, 1, 2, 3]
            for line in table.to_dict("records"):
                values = ours[ours["step"] == line["step"]][term].to_numpy()
                assert len(values) == group.jobs
                expected = [np.quantile(values, share) for share in QUANTILES.values()]
                assert [line[name] for name in QUANTILES] == pytest.approx(expected, rel=1e-5)


def test_distributions_are_all_values_of_the_done_jobs(figures: RunFigures, folder: Path) -> None:
    """Final terms and figures of quality, job by job; the medians of quality are over all groups."""
    for group, form in zip(figures.groups, ("mean", "paper"), strict=True):
        lines = lines_of(folder, form)
        for column in ("final_style", "quality_ssim", "quality_colour", "quality_gram"):
            values = group.distributions[column.replace("_", "/", 1)]
            assert sorted(values) == pytest.approx(sorted(lines[column]))
    both = pd.concat([lines_of(folder, form) for form in ("mean", "paper")])
    assert figures.medians["quality/gram"] == pytest.approx(both["quality_gram"].median())


def test_settings_are_values_or_their_number(figures: RunFigures) -> None:
    """A setting that all jobs share has its value, another one says how many values it has."""
    assert figures.settings["size"] == 32
    assert figures.settings["preset"] == "default"
    assert figures.settings["style_weight"] == "2 values"
    assert figures.settings["seed"] == "9 values"
    assert figures.environment["weights.name"] == "builtin"


def test_strips_show_content_style_and_result(figures: RunFigures, filled: Files) -> None:
    """A strip for each done job, once, under its row's id; three pictures of 32 and 40 px with gaps between."""
    assert list(figures.strips) == [f"row-{place}" for place in range(8)]
    assert {strip.size for strip in figures.strips.values()} == {(40 + 4 + 40 + 4 + 32, 40)}


def test_large_runs_are_bounded(filled: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many jobs a sample of curves counts, of many groups the largest are shown, and some strips; it says so."""
    monkeypatch.setattr(bands, "SAMPLE", 2)
    monkeypatch.setattr(groups, "SHOWN", 1)
    monkeypatch.setattr(strips, "STRIPS", 3)
    found = read_figures(filled, latest_run(filled))
    (group,) = found.groups
    assert (group.jobs, group.sampled, len(group.distributions["final/style"])) == (6, 2, 6)
    assert (found.totals["groups"], found.totals["groups_left_out"]) == (2, 1)
    assert len(found.strips) == 3


def test_reading_job_by_job_makes_no_difference(
    filled: Files, figures: RunFigures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many jobs' losses are held at once, the bands are the same."""
    monkeypatch.setattr(bands, "JOBS_AT_ONCE", 1)
    for held, all_at_once in zip(read_figures(filled, figures.run).groups, figures.groups, strict=True):
        for term in all_at_once.bands:
            pd.testing.assert_frame_equal(held.bands[term], all_at_once.bands[term])


@given(st.integers(0, 100_000))
def test_kept_steps(last: int) -> None:
    """Few, ascending, from the first to the last."""
    steps = kept_steps(last)
    assert (steps[0], steps[-1]) == (0, last)
    assert len(steps) == min(last, POINTS) + 1
    assert np.all(np.diff(steps) > 0)


def test_groups_of_one_name_are_numbered() -> None:
    """Forms and sizes may be equal where layers are not: the names differ all the same."""
    found = groups.Groups()
    settings = [{"form": "mean", "size": 64, "style_layers": layers} for layers in ("a", "b")]
    settings.append({"form": "paper", "size": 64, "style_layers": "a"})
    texts = [json.dumps(one) for one in settings]
    found.add(pa.table({"job_id": ["1", "2", "3"], "preset": ["p"] * 3, "settings": texts}))
    assert [found.name(number) for number in range(3)] == ["mean-64px", "mean-64px-2", "paper-64px"]


def test_a_run_without_a_done_job(run_loop: Callable[..., Any], manifests: Any, store: Any) -> None:
    """There are counts, and nothing to draw."""
    (manifests.folder / "empty.png").write_bytes((manifests.folder / "content-0.png").read_bytes()[:200])
    assert run_loop(manifests.write(manifests.rows(1, content="empty.png"))).code == 3
    files = open_store(str(store.folder), create=False)
    found = read_figures(files, latest_run(files))
    assert found.counts["failed"] == 1
    assert (found.groups, found.strips, found.medians) == ((), {}, {})


def test_a_run_that_has_not_ended(folder: Path, figures: RunFigures, tmp_path: Path) -> None:
    """Before its rows are published, its figures are those of what is committed."""
    copy = tmp_path / "store"
    shutil.copytree(folder, copy)
    (copy / "runs" / figures.run / "results.parquet").unlink()
    found = read_figures(open_store(str(copy), create=False), figures.run)
    assert found.counts == figures.counts
    assert [group.jobs for group in found.groups] == [6, 2]
