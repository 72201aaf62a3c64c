"""The record of a run: law 1, and a manifest of the rows to correct."""

import csv
import io
import json

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.errors import UsageError
from stylize_core.files.files import Files
from stylize_core.manifest.manifest import Manifest
from stylize_core.manifest.row import Row
from stylize_core.record import rows as joined
from stylize_core.record.failed import escape_formula
from stylize_core.record.publish import publish_rows
from stylize_core.record.rows import RunRows, read_rows
from stylize_core.record.run_files import latest_run
from stylize_core.store import layout
from stylize_core.store.commits import publish_commit
from stylize_core.store.records import ADDED, ROWS, STATUSES
from stylize_core.store.tables import publish_table, read_table


def _frame(tables):
    return pa.concat_tables(tables).to_pandas()


def _standing(files, run):
    """The rows as they stand now."""
    return RunRows(files, run, published=False).tables(*ROWS.names)


def _read_csv(files, path):
    return list(csv.DictReader(io.StringIO(files.read(path).decode())))


def test_every_row_has_one_status(stores, run):
    """Rows in = done + skipped + failed + rejected + stopped: a line per manifest row, in its order."""
    rows = _frame(_standing(stores(12), run))
    assert rows["status"].tolist() == [
        *["done"] * 5,
        "failed",
        *["done"] * 2,
        "skipped",
        "failed",
        "rejected",
        "stopped",
    ]
    assert rows["row"].tolist() == list(range(1, 13))
    assert set(rows["status"]) <= set(STATUSES)
    assert rows.columns.tolist() == ROWS.names


def test_a_duplicate_row_is_reported_for_both(stores, run):
    """Rows of one job share its result."""
    rows = _frame(_standing(stores(12), run)).drop(columns="row")
    pd.testing.assert_series_equal(rows.iloc[0], rows.iloc[6], check_names=False)


def test_errors_come_from_where_they_arose(stores, run):
    """A rejected row has the plan's error, a failed one its result's, any other none."""
    codes = _frame(_standing(stores(12), run))["error_code"]
    assert codes.dropna().to_dict() == {5: "diverged", 9: "image_truncated", 10: "input_missing"}


def test_a_diverged_job_keeps_its_image(stores, run):
    """A failed row names its image if there is one."""
    rows = _frame(_standing(stores(12), run))
    assert stores(12).exists(rows["image"][5])
    assert pd.isna(rows["image"][9])


def test_a_row_done_since_is_skipped_by_the_next_run(builder, run):
    """Done by another run means skipped; done by this one means done."""
    job = builder.row(builder.source("content", 1), builder.source("style", 1))
    builder.outcome(job, run="20261119-020000")
    files = builder.publish()
    assert _frame(_standing(files, run))["status"].tolist() == ["skipped"]


def test_nothing_finished_means_stopped(builder, run):
    """A plan without results is a run that was stopped at once."""
    builder.row(builder.source("content", 1), builder.source("style", 1))
    assert _frame(_standing(builder.publish(), run))["status"].tolist() == ["stopped"]


def test_published_rows_are_those_collected(stores, run):
    """results.parquet has the schema of the record; results.csv has the same lines."""
    files = stores(12)
    counts = publish_rows(files, run)
    rows = _frame(_standing(files, run))
    table = read_table(files, layout.run(run, "results.parquet"), ROWS)
    pd.testing.assert_frame_equal(table.to_pandas(), rows)
    assert counts == {status: rows["status"].tolist().count(status) for status in STATUSES}
    lines = _read_csv(files, layout.run(run, "results.csv"))
    assert [line["status"] for line in lines] == rows["status"].tolist()
    assert [float(line["final_style"]) for line in lines[:5]] == pytest.approx(rows["final_style"][:5].tolist())


def test_results_csv_says_what_was_asked_for(builder, run):
    """Inputs as URIs, the preset, the resolved value of each setting in the manifest, and its own columns."""
    content, style = builder.source("content", 1), builder.source("style", 1)
    rows = (({"style_weight": 1e5}, {"style_weight": "1e5", "x_who": "ann"}), ({}, {"x_who": "=1+1"}))
    for settings, cells in rows:
        builder.row(content, style, **settings)
        builder.plan[-1]["cells"] = json.dumps({"content": "c.jpg", "style": "s.jpg", **cells})
    builder.rejected("input_missing", "there is no file")
    files = builder.publish()
    publish_rows(files, run)
    lines = _read_csv(files, layout.run(run, "results.csv"))
    assert list(lines[0]) == [*ROWS.names, "content", "style", "preset", "style_weight", "x_who", "x_note"]
    asked = [[line[name] for name in ("content", "style", "preset", "x_who")] for line in lines]
    uris = ["/pictures/content 1.jpg", "/pictures/style 1.jpg", "default-1"]
    assert asked == [[*uris, "ann"], [*uris, "'=1+1"], ["missing.jpg", "style.jpg", "default-1", ""]]
    assert [line["style_weight"] for line in lines] == ["100000.0", "20000000.0", ""]


def test_each_file_is_downloaded_once(stores, run, uploaded, downloads):
    """All forms of the rows need one download of the plan and of each results file."""
    files = uploaded(stores(12))
    downloads.clear()
    publish_rows(files, run)
    assert downloads == {layout.run(run, "plan.parquet"): 1, **{entry.path: 1 for entry in files.list(layout.RESULTS)}}


def test_rows_are_joined_with_lines_plan_and_results(stores, run):
    """Columns of plan and results, in any order; those of results are null for a row without one."""
    rows = RunRows(stores(12), run, ["steps", "commit"])
    frame = _frame(rows.tables("steps", "line", "status", "is_first", "commit"))
    assert frame.columns.tolist() == ["steps", "line", "status", "is_first", "commit"]
    assert frame["line"].tolist() == list(range(2, 14))
    assert frame["steps"].isna().tolist() == [False] * 10 + [True] * 2, "one is rejected, one was not reached"
    assert frame["is_first"].tolist() == [True] * 6 + [False] + [True] * 3 + [False, True], "row 7 is row 1 again"
    assert len(rows) == 12
    assert rows.jobs.to_pylist() == _frame(rows.tables("job_id", "is_first")).query("is_first")["job_id"].tolist()


def test_rows_stay_as_they_were_published(builder, run):
    """A later run's result is not part of an earlier run's rows, unless the current state is requested."""
    job = builder.row(builder.source("content", 1), builder.source("style", 1))
    builder.outcome(job, error="diverged")
    files = builder.publish()
    publish_rows(files, run)
    (later,) = builder.outcomes[run]
    later.result.attempt, later.result.run, later.result.status = 2, "later", "done"
    publish_commit(files, "later-0-0000", [later])
    assert _frame(RunRows(files, run).tables("status"))["status"].tolist() == ["failed"]
    assert _frame(_standing(files, run))["status"].tolist() == ["skipped"]


def test_failed_csv_is_a_manifest_again(stores, run):
    """It loads without a problem: cells as read, absolute inputs, the reason in x_ columns; also rejected rows."""
    files = stores(12)
    publish_rows(files, run)
    data = files.read(layout.run(run, "failed.csv"))
    rows = list(Manifest(io.BytesIO(data), "/elsewhere/failed.csv"))
    assert all(isinstance(row, Row) for row in rows)
    assert rows[0].content == "/pictures/<script>alert(1)<!--.jpg"
    lines = _read_csv(files, layout.run(run, "failed.csv"))
    assert [line["x_error_code"] for line in lines] == ["diverged", "image_truncated", "input_missing"]
    assert lines[0]["x_note"] == "'=1+1"


def test_failed_csv_of_a_sound_run_has_a_header_only(stores, run):
    """If nothing failed, the file exists without rows."""
    publish_rows(stores(1), run)
    text = stores(1).read(layout.run(run, "failed.csv")).decode()
    assert text == "content,style,x_note,x_error_code,x_error\n"


def test_failed_csv_of_failed_csv_has_one_reason(builder, run):
    """A second failure replaces the first one's reason and adds no columns."""
    builder.rejected("image_empty", "the file has 0 bytes")
    builder.plan[0]["cells"] = json.dumps({"content": "a", "style": "b", "x_error_code": "old", "x_error": "old"})
    files = builder.publish()
    publish_rows(files, run)
    (line,) = _read_csv(files, layout.run(run, "failed.csv"))
    assert line == {
        "content": "a",
        "style": "b",
        "x_error_code": "image_empty",
        "x_error": "the file has 0 bytes",
    }


@pytest.mark.parametrize("cell", ["=1+1", "+A1", "@SUM(A1)", "-2+3+cmd|' /C calc'!A0", "\t=1", "\r=1"])
def test_formulas_are_defused(cell):
    """A spreadsheet shows the cell's text instead of running it."""
    assert escape_formula(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-1.5", "-1e-06", "-a/b_1.jpg", "1e+06", "a=b", ""])
def test_harmless_cells_stay_as_they_are(cell):
    """Negative numbers and ids are not formulas."""
    assert escape_formula(cell) == cell


@given(st.text())
def test_defusing_once_is_enough(cell):
    """An escaped cell is not escaped again."""
    assert escape_formula(escape_formula(cell)) == escape_formula(cell)


def test_the_latest_run_is_found(stores, run):
    """Names of runs sort by time; a run without a plan does not count."""
    assert latest_run(stores(12)) == run


def test_a_store_without_runs_says_so(tmp_path):
    """A store without runs has nothing to report."""
    with pytest.raises(UsageError, match="no run to report on"):
        latest_run(Files(str(tmp_path)))


def test_an_unknown_run_names_the_known(stores, run):
    """The error names the existing runs."""
    with pytest.raises(UsageError) as caught:
        RunRows(stores(1), "yesterday")
    assert run in caught.value.todo


def test_an_older_record_is_read(stores, run):
    """A run of an earlier release lacks the quality metrics, which are read as null."""
    files, path = stores(12), layout.run(run, "results.parquet")
    publish_rows(files, run)
    rows = read_table(files, path, ROWS)
    publish_table(files, path, rows.drop_columns(list(ADDED)))
    (read,) = read_rows(files, run)
    pd.testing.assert_frame_equal(read.to_pandas(), rows.to_pandas())
    assert read["quality_ssim"].null_count == 12


@pytest.mark.parametrize("lines", [1, 5])
def test_the_record_does_not_depend_on_how_many_rows_are_held(stores, run, monkeypatch, lines):
    """Files do not depend on the number of rows written at a time."""
    files = stores(12)
    published = {}
    for held in (20_000, lines):
        monkeypatch.setattr(joined, "LINES", held)
        counts = publish_rows(files, run)
        table = read_table(files, layout.run(run, "results.parquet"), ROWS)
        texts = [files.read(layout.run(run, name)) for name in ("results.csv", "failed.csv")]
        published[held] = (counts, table.to_pandas(), texts)
    pd.testing.assert_frame_equal(published[20_000][1], published[lines][1])
    assert published[20_000][::2] == published[lines][::2]


def test_a_failed_row_may_have_columns_that_the_first_lacks(builder, run):
    """A short row lacks the last columns; failed.csv has them all."""
    builder.rejected("bad_row", "1 cell where the header has 3")
    builder.plan[0]["cells"] = json.dumps({"content": "a"})
    builder.rejected("input_missing", "there is no file")
    files = builder.publish()
    publish_rows(files, run)
    first, second = _read_csv(files, layout.run(run, "failed.csv"))
    assert list(first) == ["content", "style", "x_note", "x_error_code", "x_error"]
    assert first["style"] == ""
    assert second["style"] == "style.jpg"
