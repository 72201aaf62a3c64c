"""Parquet files of a store."""

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from stylize_core.errors import StoreError
from stylize_core.files.files import Files
from stylize_core.store.tables import (
    TableFile,
    list_tables,
    publish_batches,
    publish_table,
    read_batches,
    read_table,
    read_tables,
)

SCHEMA = pa.schema([("name", pa.string()), ("n", pa.int32())])


def table(n: int) -> pa.Table:
    """A table of n lines."""
    return pa.table({"name": [f"name {i}" for i in range(n)], "n": list(range(n))}, schema=SCHEMA)


def test_round_trip(files: Files) -> None:
    """A published table is read with exactly the columns of the schema, in its order."""
    publish_table(files, "t.parquet", table(3))
    assert read_table(files, "t.parquet", SCHEMA).equals(table(3))
    n = read_table(files, "t.parquet", pa.schema([SCHEMA.field("n")]))
    assert n.to_pydict() == {"n": [0, 1, 2]}


def test_several_are_joined_in_order(files: Files) -> None:
    """Several tables become one in the order of their paths; none give an empty table with the schema."""
    for n in (1, 2):
        publish_table(files, f"{n}.parquet", table(n))
    assert read_tables(files, ["2.parquet", "1.parquet"], SCHEMA)["n"].to_pylist() == [0, 1, 0]
    assert read_tables(files, [], SCHEMA).equals(SCHEMA.empty_table())


@pytest.mark.parametrize(
    ("folder", "advice"),
    [
        ("results", "or delete it, and the images that"),
        ("metrics", "or run the manifest with --verify"),
        ("inputs", "delete it: what it held is only remembered"),
        ("runs/r", "or delete the folder of that run"),
    ],
)
def test_a_cut_file_is_noticed(folder: str, advice: str, files: Files) -> None:
    """A truncated file is an error that names the file and what to do, depending on its kind."""
    path = f"{folder}/t.parquet"
    publish_table(files, path, table(50))
    data = files.read(path)
    for wrong in (b"", b"PAR1", data[: len(data) // 2], data[:-1]):
        files.publish(path, wrong)
        with pytest.raises(StoreError, match=rf"damaged .*{path} .*{advice}"):
            read_table(files, path, SCHEMA)


def test_a_flipped_bit_never_changes_a_value(files: Files) -> None:
    """With any flipped bit of the data, the table is either refused or unchanged."""
    publish_table(files, "t.parquet", table(50))
    data = files.read("t.parquet")
    refused = 0
    for i in range(4, 400, 9):
        files.publish("t.parquet", data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :])
        try:
            assert read_table(files, "t.parquet", SCHEMA).equals(table(50))
        except StoreError:
            refused += 1
    assert refused > 20


def test_a_missing_column_is_damage(files: Files) -> None:
    """A file without a column of the schema, or with one of another type, is refused."""
    publish_table(files, "t.parquet", table(1).select(["n"]))
    with pytest.raises(StoreError, match="damaged"):
        read_table(files, "t.parquet", SCHEMA)
    publish_table(files, "t.parquet", pa.table({"name": ["x"], "n": ["y"]}))
    with pytest.raises(StoreError, match="damaged"):
        read_table(files, "t.parquet", SCHEMA)


@pytest.mark.parametrize("lines", [1, 4, 7, 100])
def test_a_large_table_goes_through_in_parts(files: Files, lines: int) -> None:
    """Written and read in batches of any size, it is the same table."""
    publish_batches(files, "t.parquet", SCHEMA, table(12).to_batches(max_chunksize=5))
    assert read_table(files, "t.parquet", SCHEMA).equals(table(12))
    parts = list(read_batches(files, "t.parquet", SCHEMA, lines))
    assert [len(part) for part in parts] == [min(lines, 12 - start) for start in range(0, 12, lines)]
    assert pa.concat_tables(parts).equals(table(12))


def test_a_table_read_in_parts_is_checked(files: Files) -> None:
    """A missing file and a truncated one are the same errors as when read whole."""
    with pytest.raises(FileNotFoundError):
        list(read_batches(files, "gone.parquet", SCHEMA, 10))
    publish_table(files, "t.parquet", table(50))
    files.publish("t.parquet", files.read("t.parquet")[:-1])
    with pytest.raises(StoreError, match=r"damaged .*t\.parquet"):
        list(read_batches(files, "t.parquet", SCHEMA, 10))


def test_a_folder_lists_its_tables_alone(files: Files) -> None:
    """Tables are the files directly in the folder that end with `.parquet` and do not begin with a dot."""
    for name in ("b.parquet", "a.parquet", "._a.parquet", ".a.parquet.Ab12Cd", "a.parquet.part", "deeper/c.parquet"):
        files.publish(f"t/{name}", b"x")
    assert [entry.path for entry in list_tables(files, "t")] == ["t/a.parquet", "t/b.parquet"]
    assert list_tables(files, "missing") == []


@pytest.mark.timeout(20)
@pytest.mark.parametrize("lines", [None, 10])
def test_a_pipe_is_no_table(local: Files, lines: int | None) -> None:
    """A pipe with a table's name is refused by its name, because reading it would never end."""
    os.mkfifo(Path(local.uri, "t.parquet"))
    with pytest.raises(StoreError, match=r"not a file .*t\.parquet .* remove it"):
        read_table(local, "t.parquet", SCHEMA) if lines is None else list(
            read_batches(local, "t.parquet", SCHEMA, lines)
        )


def test_a_folder_is_read_while_a_file_is_written(local: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a table is being published, or after a kill, pandas reads the folder without it."""
    folder = Path(local.uri, "results")
    publish_table(local, "results/a.parquet", table(2))
    replace, seen = os.replace, []

    def look_and_replace(source: str, target: str) -> None:
        os.truncate(source, os.path.getsize(source) // 2)
        seen.append(len(pd.read_parquet(folder)))
        assert [entry.path for entry in list_tables(local, "results")] == ["results/a.parquet"]
        replace(source, target)

    monkeypatch.setattr(os, "replace", look_and_replace)
    publish_table(local, "results/b.parquet", table(3))
    assert seen == [2]


def test_a_file_is_fetched_once_and_read_often(uploaded: Callable[[Files], Files], local: Files) -> None:
    """Two simultaneous readers do not disturb each other, although the file is already deleted."""
    publish_table(local, "t.parquet", table(50))
    for files in (uploaded(local), local):
        file = TableFile(files, "t.parquet")
        files.delete(["t.parquet"])
        both = zip(file.batches(SCHEMA, 7), file.batches(SCHEMA, 7), strict=True)
        assert all(one.equals(other) for one, other in both)
        assert pa.concat_tables(file.batches(SCHEMA, 9)).equals(table(50))
