"""The comparison of two runs."""

from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pytest
from fixtures.records import table_of
from fixtures.runs import EARLIER, RUN, Builder

from stylize_core.errors import UsageError
from stylize_core.report.compare_page import write_comparison
from stylize_core.report.comparison import compare, match
from stylize_core.report.sets import compared_sets
from stylize_core.store import layout
from stylize_core.store.commits import publish_commit
from stylize_core.store.records import PLAN
from stylize_core.store.tables import publish_table


def _jobs(*keys):
    return pd.DataFrame([dict(zip(("job_id", "id", "content", "style"), key, strict=True)) for key in keys])


def test_the_same_job_belongs_together_first():
    """After equal jobs come equal ids and pictures, then equal pictures in order; no job has two partners."""
    ours = _jobs(("a", "x", "c", "s"), ("b", None, "c", "s"), ("c", "y", "c", "s"), ("d", None, "other", "s"))
    others = _jobs(("p", None, "c", "s"), ("q", "x", "c", "s"), ("c", None, "c", "s"))
    assert match(ours, others).tolist() == [1, 0, 2, -1]


def test_no_jobs_match_nothing():
    """An empty run on either side."""
    ours = _jobs(("a", "x", "c", "s"))
    assert match(ours, ours[:0]).tolist() == [-1]
    assert match(ours[:0], ours).tolist() == []


@pytest.fixture
def two_runs(builder):
    """A store with a run, and the same pictures with other settings in an earlier one."""
    contents = [builder.source("content", number) for number in range(3)]
    style = builder.source("style", 0)
    earlier = Builder(builder.files)
    for number, content in enumerate(contents):
        builder.outcome(builder.row(content, style, steps=80))
        given = {"steps": 40} if number else {"form": "paper"}
        earlier.outcome(earlier.row(content, style, **given), run=EARLIER)
    files = builder.publish()
    publish_table(files, layout.run(EARLIER, "plan.parquet"), pa.Table.from_pylist(earlier.plan, schema=PLAN))
    publish_commit(files, f"{EARLIER}-0-0000", earlier.outcomes[EARLIER])
    return files


def test_changes_are_shares_of_what_was_before(two_runs):
    """The change is (after - before) / before; a loss of another form is not compared, its seconds are."""
    before, after = (table_of(two_runs, name).jobs() for name in (EARLIER, RUN))
    found = compare(before, after)
    assert (len(found.rows), found.gone, found.new, found.same) == (3, 0, 0, 0)
    change = (after["final_style"] - before["final_style"]) / before["final_style"]
    assert found.rows["change_final_style"].isna().tolist() == [True, False, False]
    assert found.rows["change_final_style"][1:].tolist() == pytest.approx(change[1:].tolist(), rel=1e-5)
    assert found.rows["change_seconds"].tolist() == [0, 0, 0]
    assert found.rows["before_final_style"].tolist() == pytest.approx(before["final_style"].tolist())
    assert found.settings["steps"] == {"40 → 80": 3}
    assert found.settings["form"] == {"paper → mean": 1}


def test_a_run_compared_with_itself_does_not_change(stores, run):
    """Every job is matched with itself, and nothing differs."""
    jobs = table_of(stores(12), run).jobs()
    found = compare(jobs, jobs)
    assert (found.same, found.gone, found.new, found.settings) == (len(jobs), 0, 0, {})
    assert set(found.rows["change_final_style"].dropna()) == {0}


def test_the_page_lies_beside_the_report(two_runs):
    """The page has a table of the matched jobs, with both images of each, and is inert."""
    path = write_comparison(two_runs, RUN, EARLIER)
    assert path == f"runs/{RUN}/compare-{EARLIER}.html"
    html = two_runs.read(path).decode()
    assert "3 matched jobs" in html
    assert "paper → mean" in html
    assert "Biggest changes of the style loss" in html


@pytest.mark.parametrize(("run", "other"), [(RUN, EARLIER), (EARLIER, RUN)])
def test_a_is_the_earlier_run(two_runs, run, other):
    """B is the later run, whichever of the two the command names first; a change is from A to B."""
    html = two_runs.read(write_comparison(two_runs, run, other)).decode()
    assert f'A is the earlier run, <a href="../{EARLIER}/report.html">{EARLIER}</a>' in html
    assert f'B the later, <a href="../{RUN}/report.html">{RUN}</a>' in html
    assert "40 → 80" in html
    assert f'data-review="{RUN} ' in html


def test_a_comes_first(two_runs):
    """A comes first in the charts too, although it has fewer comparable jobs than B."""
    before, after = (table_of(two_runs, name).jobs() for name in (EARLIER, RUN))
    found = compare(before, after)
    fewer = replace(found, others=found.others.assign(status=["done", "failed", "done"]))
    (one,) = compared_sets(two_runs, fewer)
    assert [(part["value"], part["jobs"]) for part in one["splits"]["run"]["parts"]] == [
        ("A, before", 1),
        ("B, after", 2),
    ]


def test_an_unknown_run_is_named(stores, run):
    """The error names the existing runs."""
    with pytest.raises(UsageError, match="no run 'yesterday'"):
        write_comparison(stores(12), run, "yesterday")
