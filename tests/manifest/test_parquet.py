import datetime
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.errors import ManifestError


def parquet(columns: dict[str, Any] | pa.Table, **options: Any) -> bytes:
    """A table as the bytes of a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), sink, **options)
    return sink.getvalue()


def refusal(load: Callable[..., Any], data: bytes) -> ManifestError:
    """The error of a manifest that cannot be used."""
    with pytest.raises(ManifestError) as caught:
        load(data, "/data/m.parquet")
    return caught.value


def test_rows_of_a_parquet_file(load: Callable[..., Any]) -> None:
    """Columns have the same names and meanings; a row's line is its number."""
    data = parquet({"content": ["a.png", "b.png"], "style": ["s.png"] * 2, "size": [64, -1], "id": ["x", None]})
    manifest = load(data)
    (row,), (rejected,) = manifest.rows, manifest.rejected
    assert (row.row, row.line, row.id, row.content, row.settings.size) == (1, 1, "x", "/data/a.png", 64)
    assert rejected.problems[0].line == 2
    assert rejected.problems[0].detail.startswith("column size: '-1' is not allowed")
    assert manifest.total == 2


def test_it_is_known_by_name_or_by_its_first_bytes(load: Callable[..., Any]) -> None:
    """A Parquet file of any name is read; a file with this suffix and other contents is refused."""
    data = parquet({"content": ["a"], "style": ["b"]})
    assert load(data, "/data/m.csv").total == load(data, "s3://key:secret@b/m.PARQUET").total == 1
    error = refusal(load, b"content,style\na,b\n")
    assert error.what.startswith("the manifest is not valid Parquet: ")
    assert error.where == "/data/m.parquet"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array([7], pa.int8()), "7"),
        (pa.array([2**63], pa.uint64()), str(2**63)),
        (pa.array([0.5]), "0.5"),
        (pa.array([512.0]), "512"),
        (pa.array([True]), "true"),
        (pa.array([Decimal("1.50")]), "1.50"),
        (pa.array([datetime.date(2026, 1, 2)]), "2026-01-02"),
        (pa.array([" é "], pa.large_string()), "é"),
        (pa.array(["a"]).dictionary_encode(), "a"),
        (pa.array([b"a"], pa.binary()), "a"),
        (pa.array([None], pa.int32()), ""),
        (pa.nulls(1), ""),
    ],
    ids=str,
)
def test_values_become_text(values: pa.Array, text: str, load: Callable[..., Any]) -> None:
    """A value of any type is read as in a CSV file; null is an empty cell."""
    (row,) = load(parquet({"content": ["a"], "style": ["b"], "x_value": values})).rows
    assert row.extra == {"x_value": text}


def test_numbers_are_settings(load: Callable[..., Any]) -> None:
    """A missing value that turned whole numbers into floats, as in pandas, does not matter."""
    columns = {"size": [64.0, None], "style_weight": [1e6, 0.25], "seed": [1, 2]}
    first, second = load(parquet({"content": ["a", "a"], "style": ["b", "b"], **columns})).rows
    assert (first.settings.size, first.settings.style_weight, first.settings.seed) == (64, 1e6, 1)
    assert (second.settings.size, second.settings.style_weight, second.settings.seed) == (512, 0.25, 2)


def test_an_index_of_pandas_is_passed_over(load: Callable[..., Any]) -> None:
    """A frame with dropped rows keeps its index in a column, which is ignored."""
    assert load(parquet({"content": ["a"], "style": ["b"], "__index_level_0__": [7]})).total == 1


def test_faults_of_the_header(load: Callable[..., Any]) -> None:
    """The problems are those of a CSV file."""
    error = refusal(load, parquet({"content": ["a"], "style": ["b"], "style_wieght": [1]}))
    assert error.what == "unknown column 'style_wieght'; did you mean 'style_weight'?"
    twice = pa.table([["a"], ["b"], ["c"]], names=["content", "style", "style"])
    assert refusal(load, parquet(twice)).what == "column 'style' appears twice"


def test_nested_columns_are_refused(load: Callable[..., Any]) -> None:
    """A cell with a list is refused."""
    error = refusal(load, parquet({"content": ["a"], "style": [["b"]]}))
    assert error.what.startswith("column 'style' holds list<")


@pytest.mark.parametrize("columns", [{"content": ["a\0b"], "style": ["b"]}, {"content": ["a"], "style": ["b\0"]}])
def test_a_nul_byte(columns: dict[str, list[str]], load: Callable[..., Any]) -> None:
    """It is refused as in CSV, because no file name contains it."""
    assert refusal(load, parquet(columns)).what == "the manifest contains a NUL byte"


def test_no_rows(load: Callable[..., Any]) -> None:
    """A manifest needs a row."""
    strings = pa.array([], pa.string())
    assert refusal(load, parquet({"content": strings, "style": strings})).what == "the manifest has no data rows"


def test_damage(load: Callable[..., Any]) -> None:
    """A truncated file is refused at once, a damaged page when it is reached."""
    data = parquet({"content": [f"{i}.png" for i in range(9000)], "style": ["b"] * 9000}, write_page_checksum=True)
    assert refusal(load, data[:-9]).what.startswith("the manifest is not valid Parquet: ")
    spoilt = bytearray(data)
    spoilt[len(data) // 3] ^= 1
    assert refusal(load, bytes(spoilt)).what.startswith("the manifest is not valid Parquet: ")


def test_repeated_ids(load: Callable[..., Any]) -> None:
    """They are found across batches and row groups."""
    names = [str(number) for number in range(12_000)] + ["3"]
    data = parquet({"id": names, "content": ["a"] * 12_001, "style": ["b"] * 12_001}, row_group_size=700)
    manifest = load(data)
    assert [(problem.line, problem.detail) for problem in manifest.problems] == [
        (12001, "column id: '3' is also the id of line 4; give each row its own")
    ]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=5)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5))
def test_the_same_rows_as_of_csv(load: Callable[..., Any], rows: list[tuple[str, str, str]]) -> None:
    """The same table gives the same rows and the same problems in both formats, but for their lines."""
    table = pa.table([[*column] for column in zip(*rows, strict=True)], names=["content", "style", "x_a"])
    table = table.append_column("size", pa.array([64] * len(rows)))  # no line is blank, which CSV would skip
    sink = io.BytesIO()
    pa.csv.write_csv(table, sink)
    of_csv, of_parquet = load(sink.getvalue()), load(parquet(table))
    assert [(row.row, row.content, row.style, row.cells) for row in of_csv.rows] == [
        (row.row, row.content, row.style, row.cells) for row in of_parquet.rows
    ]
    assert [[problem.detail for problem in row.problems] for row in of_csv.rejected] == [
        [problem.detail for problem in row.problems] for row in of_parquet.rejected
    ]
