"""Every row of a run in columns, and the page's table of them."""

import base64
import gzip
import json

import pandas as pd
import pytest
from fixtures.records import record_of, table_of
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.presets import resolve
from stylize_core.record import table as record_table
from stylize_core.record.rows import RunRows
from stylize_core.report import packing
from stylize_core.report.packed_rows import table
from stylize_core.settings import with_neutral
from stylize_core.store.records import ROWS


@pytest.fixture(scope="module")
def rows(stores, run):
    """The rows of the run of 12."""
    return table_of(stores(12), run).rows


def _word(column, place):
    codes = column["codes"]
    code = codes if isinstance(codes, int) else codes[place]
    return None if code < 0 else column["words"][code]


def test_rows_say_what_the_record_says(stores, run, rows):
    """A line per manifest row, with the figures and errors of results.csv."""
    recorded = pd.concat(
        [part.to_pandas() for part in RunRows(stores(12), run, published=False).tables(*ROWS.names)]
    ).reset_index(drop=True)
    for name in ROWS.names:
        ours = rows[name].astype("object")
        assert [None if pd.isna(cell) else cell for cell in ours] == [
            None if pd.isna(cell) else cell for cell in recorded[name]
        ]


def test_settings_are_those_of_the_plan(stores, run, rows):
    """Every setting of every row, as planned; a rejected row has none."""
    planned = [line for part in RunRows(stores(12), run).tables("settings") for line in part.to_pylist()]
    for place, line in enumerate(planned):
        settings = with_neutral(json.loads(line["settings"])) if line["settings"] else {}
        for name in resolve("default-1", {}).to_dict():
            cell = rows[name][place]
            assert (None if pd.isna(cell) else cell) == settings.get(name), name


def test_a_setting_of_a_later_release_is_neutral(builder, run, monkeypatch):
    """A plan without the setting gives its neutral value; rejected rows have none."""
    builder.row(builder.source("content", 1), builder.source("style", 1))
    builder.rejected("input_missing", "there is no file")
    known = json.loads(builder.plan[0]["settings"])
    del known["pooling"]
    builder.plan[0]["settings"] = json.dumps(known)
    for place in ("stylize_core.settings", "stylize_core.record.table"):
        monkeypatch.setattr(f"{place}.NEUTRAL", {"pooling": "max"})
    files = builder.publish()
    assert table_of(files, run).rows["pooling"].astype("object").fillna("none").tolist() == ["max", "none"]
    assert record_of(files, run).jobs[0].settings["pooling"] == "max"


def test_a_rejected_row_is_named_by_its_cells(rows):
    """Its requested values are known although nothing was resolved."""
    assert rows["content"][10] == "missing.jpg"
    assert rows["style"][10] == "style.jpg"


def test_large_seeds_stay_exact(builder, run):
    """2**63 - 1 beside a rejected row's empty cell does not become a float."""
    builder.row(builder.source("content", 1), builder.source("style", 1), seed=2**63 - 1)
    builder.rejected("input_missing", "there is no file")
    found = table_of(builder.publish(), run).rows
    assert found["seed"][0] == 2**63 - 1
    assert _word(table(found.assign(falling=0.0))["settings"]["seed"], 0) == str(2**63 - 1)


def test_jobs_are_the_finished_ones_once(stores, run, rows):
    """Equal rows are one job; rejected and stopped rows are not jobs."""
    jobs = table_of(stores(12), run).jobs()
    assert jobs["job_id"].tolist() == [job.job_id for job in record_of(stores(12), run).finished]
    assert jobs["row"].tolist() == [1, 2, 3, 4, 5, 6, 8, 9, 10]


@pytest.mark.parametrize("lines", [1, 7])
def test_parts_of_the_plan_make_the_same_listing(stores, run, rows, monkeypatch, lines):
    """The table does not depend on the number of lines read at once."""
    monkeypatch.setattr("stylize_core.record.rows.LINES", lines)
    found = table_of(stores(12), run).rows
    pd.testing.assert_frame_equal(found.astype("object"), rows.astype("object"))


def test_rows_of_a_huge_run_lie_evenly(stores, run, monkeypatch):
    """8 of 210 rows, including both ends."""
    monkeypatch.setattr(record_table, "LISTED", 8)
    found = table_of(stores(210), run)
    assert found.total == 210
    assert found.rows["row"].tolist() == [1, 31, 61, 91, 120, 150, 180, 210]


def test_the_table_says_what_the_rows_say(rows):
    """Texts, numbers and paths of images can be restored from the page's data."""
    made = table(rows.assign(falling=0.25))
    for place in range(12):
        for name in ("status", "id", "content", "style", "error_code", "error"):
            cell = rows[name][place]
            assert _word(made["texts"][name], place) == (None if pd.isna(cell) else cell)
        job, ending = made["job_id"][place], _word(made["texts"]["ending"], place)
        image = f"images/{job[:2]}/{job}{ending}" if ending else None
        assert image == (None if pd.isna(rows["image"][place]) else rows["image"][place])
    style = made["numbers"]["final_style"]
    assert style[0] == float(f"{rows['final_style'][0]:.4g}")
    assert style[5] is None, "what is not finite is left out"
    assert made["texts"]["content"]["names"] == ["Tübingen", "<script>alert(1)<!--", "missing"]
    assert set(made["numbers"]["falling"]) == {0.25}


def test_a_column_that_is_the_same_everywhere_is_one_code(builder, run):
    """A constant column takes no space per row."""
    for seed in range(3):
        builder.row(builder.source("content", 1), builder.source("style", 1), seed=seed)
    made = table(table_of(builder.publish(), run).rows.assign(falling=None))
    assert made["settings"]["form"] == {"words": ["mean"], "codes": 0}
    assert made["settings"]["seed"] == {"words": ["0", "1", "2"], "codes": [0, 1, 2]}
    assert made["settings"]["style_size"]["codes"] == 0


def test_settings_are_written_exactly(builder, run):
    """A number with more than six digits keeps all of them, so that the manifest's line gives the same job."""
    weight = 123456.789
    builder.row(builder.source("content", 1), builder.source("style", 1), style_weight=weight)
    made = table(table_of(builder.publish(), run).rows.assign(falling=None))
    assert float(_word(made["settings"]["style_weight"], 0)) == weight
    assert made["presets"]["default-1"]["tv_weight"] == _word(made["settings"]["tv_weight"], 0)


def test_rejected_rows_are_no_axis(rows):
    """An empty cell does not count as a value of a sweep."""
    assert table(rows.assign(falling=None))["shown"] == ["style_weight"]


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_packing_can_be_undone(data):
    """Any data can be packed; the text needs no escaping in HTML and is the same each time."""
    packed = packing.pack(data)
    assert json.loads(gzip.decompress(base64.b64decode(packed))) == data
    assert packed.isascii()
    assert not set(packed) & set("<>&\"'")
    assert packed == packing.pack(data)
