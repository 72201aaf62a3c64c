"""A run's figures for trackers: they match the store, and their amount does not grow with it."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fixtures.runs import Builder

from stylize_core.files.files import Files
from stylize_core.record import table
from stylize_core.record.bands import BANDS
from stylize_core.record.comparable import comparable_sets
from stylize_core.record.run_files import latest_run
from stylize_core.report.findings import read_findings
from stylize_core.report.sets import set_data
from stylize_core.store import layout
from stylize_core.store.store import open_store
from stylize_core.trackers import figures as reading
from stylize_core.trackers.figures import RunFigures, read_figures


def lines_of(folder: Path, form: str) -> pd.DataFrame:
    """The done lines of a form, read from the files."""
    lines = pd.concat([pd.read_parquet(path) for path in (folder / "results").glob("*.parquet")])
    return lines[(lines["form"] == form) & (lines["status"] == "done")]


def test_every_row_is_counted(figures: RunFigures) -> None:
    """Rows by status, distinct jobs, done jobs and their seconds."""
    assert figures.counts == {"done": 9, "skipped": 0, "failed": 1, "rejected": 1, "stopped": 0}
    assert (figures.totals["jobs"], figures.totals["jobs_done"], figures.totals["groups_left_out"]) == (9, 8, 0)
    assert figures.totals["seconds"] > 0


def test_jobs_that_do_not_compare_stand_apart(figures: RunFigures) -> None:
    """A group has one form and size; the largest comes first; totals with different weights are not combined."""
    assert [(group.name, group.jobs) for group in figures.groups] == [("relative-32px", 6), ("paper-32px", 2)]
    relative, paper = figures.groups
    assert relative.settings["form"] == "relative"
    assert "total" not in relative.bands
    assert "final/total" not in relative.distributions
    assert set(paper.bands) == {"total", "content", "style", "tv"}


def test_bands_are_the_quantiles_of_the_losses(figures: RunFigures, folder: Path) -> None:
    """Quantiles at each step over the jobs of a group, as in numpy; a job that has ended keeps its last losses."""
    metrics = pd.concat([pd.read_parquet(path) for path in (folder / "metrics").glob("*.parquet")])
    for group, form in zip(figures.groups, ("relative", "paper"), strict=True):
        ours = metrics[metrics["job_id"].isin(lines_of(folder, form)["job_id"])]
        for term, lines in group.bands.items():
            curves = ours.pivot_table(index="step", columns="job_id", values=term).reindex(range(10)).ffill()
            assert curves.shape == (10, group.jobs)
            expected = curves[curves > 0].quantile(list(BANDS.values()), axis=1).T.dropna()
            assert lines["step"].tolist() == expected.index.tolist()
            assert lines[list(BANDS)].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-5)
            assert len(lines) == 10 - (term == "content"), "a start from the content has no loss there"


def test_bands_are_those_of_the_report(figures: RunFigures, filled: Files) -> None:
    """There is one definition: the page's data has the same steps and, to four digits, the same values."""
    findings = read_findings(filled, figures.run)
    for group, one in zip(figures.groups, comparable_sets(findings.jobs), strict=True):
        packed = set_data(one, findings.jobs, findings.curves)["bands"]
        assert list(packed) == list(group.bands)
        for term, lines in group.bands.items():
            assert packed[term]["step"] == lines["step"].tolist()
            assert packed[term]["p50"] == pytest.approx(lines["p50"].tolist(), rel=1e-3)


def test_distributions_are_all_values_of_the_done_jobs(figures: RunFigures, folder: Path) -> None:
    """Final terms and quality metrics, job by job; the medians of quality are over all groups."""
    for group, form in zip(figures.groups, ("relative", "paper"), strict=True):
        lines = lines_of(folder, form)
        for column in ("final_style", "quality_ssim", "quality_colour", "quality_gram"):
            values = group.distributions[column.replace("_", "/", 1)]
            assert sorted(values) == pytest.approx(sorted(lines[column]))
    both = pd.concat([lines_of(folder, form) for form in ("relative", "paper")])
    assert figures.medians["quality/gram"] == pytest.approx(both["quality_gram"].median())


def test_settings_are_values_or_their_number(figures: RunFigures) -> None:
    """A setting that all jobs share has its value, another one its number of values."""
    assert figures.settings["size"] == 32
    assert figures.settings["preset"] == "default"
    assert figures.settings["style_weight"] == "2 values"
    assert figures.settings["seed"] == "9 values"
    assert figures.environment["weights.name"] == "builtin"


def test_strips_show_content_style_and_result(figures: RunFigures, filled: Files) -> None:
    """One strip for each done job, with its row's id; three pictures of 32 and 40 px with gaps."""
    assert list(figures.strips) == [f"row-{place}" for place in range(8)]
    assert {strip.size for strip in figures.strips.values()} == {(40 + 4 + 40 + 4 + 32, 40)}


def test_large_runs_are_bounded(filled: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many groups the largest are shown, and some strips; a note says so."""
    monkeypatch.setattr(reading, "SHOWN", 1)
    monkeypatch.setattr(reading, "STRIPS", 3)
    found = read_figures(filled, latest_run(filled))
    (group,) = found.groups
    assert (group.jobs, len(group.distributions["final/style"])) == (6, 6)
    assert (found.totals["groups"], found.totals["groups_left_out"], found.totals["jobs_in_groups"]) == (2, 1, 6)
    assert len(found.strips) == 3


def test_a_huge_run_is_shown_by_the_rows_that_a_table_lists(filled: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a very large run some evenly spaced rows are used; counts, jobs and seconds are still those of all."""
    whole = read_figures(filled, latest_run(filled))
    monkeypatch.setattr(table, "LISTED", 3)
    found = read_figures(filled, latest_run(filled))
    assert [(group.name, group.jobs) for group in found.groups] == [("relative-32px", 2)], (
        "rows 1 and 6; 11 is rejected"
    )
    assert found.totals["jobs_in_groups"] == 2
    assert found.counts == whole.counts
    assert {name: found.totals[name] for name in ("jobs", "jobs_done", "seconds")} == {
        name: whole.totals[name] for name in ("jobs", "jobs_done", "seconds")
    }


def test_groups_of_one_name_are_numbered(builder: Builder, run: str) -> None:
    """Groups with equal form and size but other layers are in the manifest's order."""
    content, style = builder.source("content", 0), builder.source("style", 0)
    for given in ({"style_layers": "conv1_1"}, {}, {"seed": 1}, {"form": "paper"}):
        builder.outcome(builder.row(content, style, **given))
    found = read_figures(builder.publish(), run)
    assert [(group.name, group.jobs) for group in found.groups] == [
        ("mean-96px-2", 2),
        ("mean-96px", 1),
        ("paper-96px", 1),
    ]


def test_each_file_is_downloaded_once(
    filled: Files, figures: RunFigures, uploaded: Callable[[Files], Files], downloads: Counter[str]
) -> None:
    """Plan, rows, results files and losses are downloaded once."""
    files = uploaded(filled)
    downloads.clear()
    read_figures(files, figures.run)
    paths = [entry.path for entry in files.list("") if entry.path.startswith(("results/", "metrics/"))]
    runs = [layout.run(figures.run, name) for name in ("plan.parquet", "results.parquet")]
    assert {path: downloads[path] for path in (*paths, *runs)} == dict.fromkeys((*paths, *runs), 1)


def test_a_run_without_a_done_job(run_loop: Callable[..., Any], manifests: Any, store: Any) -> None:
    """A run without jobs has counts, and nothing to draw."""
    (manifests.folder / "empty.png").write_bytes((manifests.folder / "content-0.png").read_bytes()[:200])
    assert run_loop(manifests.write(manifests.rows(1, content="empty.png"))).code == 3
    files = open_store(str(store.folder), create=False)
    found = read_figures(files, latest_run(files))
    assert found.counts["failed"] == 1
    assert (found.groups, found.strips, found.medians) == ((), {}, {})


def test_a_run_that_has_not_ended(folder: Path, figures: RunFigures, tmp_path: Path) -> None:
    """Before its rows are published, a run's figures are those of its commits."""
    copy = tmp_path / "store"
    shutil.copytree(folder, copy)
    (copy / "runs" / figures.run / "results.parquet").unlink()
    found = read_figures(open_store(str(copy), create=False), figures.run)
    assert found.counts == figures.counts
    assert [group.jobs for group in found.groups] == [6, 2]
