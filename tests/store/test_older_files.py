"""Stores of earlier releases, whose files lack columns that were added later."""

from collections.abc import Callable

import pyarrow as pa
import pytest

from stylize_core.errors import StoreError
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.commits import publish_commit
from stylize_core.store.compact import compact
from stylize_core.store.ledger import live_results, map_results, read_results
from stylize_core.store.live import live_table
from stylize_core.store.records import ADDED, RESULTS, Outcome
from stylize_core.store.store import open_store
from stylize_core.store.tables import publish_table, read_batches, read_table
from stylize_core.store.verify import verify

MakeOutcome = Callable[..., Outcome]


@pytest.fixture
def mixed(files: Files, outcome: MakeOutcome) -> Files:
    """A store with alternating commits without and with the added columns."""
    for n in range(20):
        job = outcome(f"{n:02x}")
        job.result.figures = {"quality_ssim": 0.5, "quality_colour": n / 20, "quality_gram": 2.0}
        publish_commit(files, f"run-{n:03}", [job])
        if n % 2 == 0:
            age(files, layout.results(f"run-{n:03}"), RESULTS)
    return files


def age(files: Files, path: str, schema: pa.Schema) -> None:
    """Makes a file as an earlier release would have written it."""
    publish_table(files, path, read_table(files, path, schema).drop_columns(list(ADDED)))


def expected() -> list[float | None]:
    """The mixed store's quality_colour, as float32."""
    return pa.array([n / 20 if n % 2 else None for n in range(20)], pa.float32()).to_pylist()


def test_added_columns_need_no_other_schema_version(mixed: Files) -> None:
    """The version stays 1: a store of either age opens, and its header does not change."""
    assert layout.SCHEMA_VERSION == 1
    assert open_store(mixed.uri, create=False).read(layout.STORE) == mixed.read(layout.STORE)


def test_added_columns_may_be_null() -> None:
    """A column that older files may lack must be nullable, and a column of the result."""
    assert all(RESULTS.field(name).nullable for name in ADDED)


def test_older_lines_are_read_as_null(mixed: Files) -> None:
    """Every reader gives nulls for the missing columns of older files, and the values of newer ones."""
    assert read_results(mixed).schema.equals(RESULTS)
    assert live_results(mixed)["quality_colour"].to_pylist() == expected()
    lines = live_table(mixed, ["job_id", "quality_colour"]).sort_by("job_id")
    assert lines["quality_colour"].to_pylist() == expected()
    assert live_table(mixed, ["quality_colour"])["quality_colour"].null_count == 10
    assert [len(part) for part in map_results(lambda table: table, mixed, ["quality_gram"])] == [1] * 20


def test_an_older_file_is_read_in_parts(local: Files, outcome: MakeOutcome) -> None:
    """A file that has none of the requested columns, read in batches, still has the same number of lines."""
    publish_commit(local, "run-1", [outcome(f"{n:02x}") for n in range(5)])
    age(local, layout.results("run-1"), RESULTS)
    schema = pa.schema([RESULTS.field("quality_ssim")])
    parts = list(read_batches(local, layout.results("run-1"), schema, 2))
    assert [part["quality_ssim"].to_pylist() for part in parts] == [[None] * 2, [None] * 2, [None]]


def test_files_of_both_ages_are_joined(mixed: Files) -> None:
    """Compaction makes one file of them, with all columns; no value is lost, and the store is sound."""
    before = live_results(mixed).drop_columns(["commit"])
    assert compact(mixed) == 20
    assert len(mixed.list(layout.RESULTS)) == 1
    assert live_results(mixed).drop_columns(["commit"]).equals(before)
    assert verify(mixed) == []


def test_other_columns_are_not_forgiven(local: Files, outcome: MakeOutcome) -> None:
    """A file without a column of all releases is damaged."""
    publish_commit(local, "run-1", [outcome("00")])
    path = layout.results("run-1")
    publish_table(local, path, read_table(local, path, RESULTS).drop_columns(["attempt"]))
    with pytest.raises(StoreError, match="damaged"):
        read_results(local)
