"""The lines that count, some at a time."""

import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylize_core.errors import StoreUnusable
from stylize_core.files.files import Files
from stylize_core.store import ledger
from stylize_core.store import live as reading
from stylize_core.store.commits import publish_commit
from stylize_core.store.ledger import live_results, read_results
from stylize_core.store.live import live_lines, live_table
from stylize_core.store.records import RESULTS, Outcome

MakeOutcome = Callable[..., Outcome]

LINE = st.tuples(st.sampled_from("abcdef"), st.sampled_from(["done", "failed"]), st.integers(1, 3))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    commits=st.lists(st.lists(LINE, min_size=1, max_size=4, unique_by=lambda line: line[0]), max_size=6),
    lines=st.integers(1, 8),
)
def test_they_are_those_of_the_ledger(
    commits: list[list[Any]], lines: int, outcome: MakeOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For any batch size, each live line is returned once, with the requested columns."""
    monkeypatch.setattr(reading, "LINES", lines)
    files = Files(f"memory://{uuid.uuid4().hex}")
    for n, jobs in enumerate(commits):
        made = [outcome(job, status=status, attempt=attempt) for job, status, attempt in jobs]
        publish_commit(files, f"c{n}", made)
    expected = live_results(files)
    assert live_table(files, RESULTS.names).sort_by("job_id").to_pylist() == expected.to_pylist()
    assert live_table(files, ["status"]).column_names == ["status"]


def test_memory_holds_some_at_a_time(files: Files, outcome: MakeOutcome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small commits are joined to about the requested number of lines; a larger one is returned whole, in order."""
    monkeypatch.setattr(reading, "LINES", 4)
    for n, jobs in enumerate((2, 2, 1, 9, 3)):
        publish_commit(files, f"c{n}", [outcome(f"{n}{job}") for job in range(jobs)])
    tables = [table["commit"].to_pylist() for table in live_lines(files, ["commit"])]
    assert tables == [["c0"] * 2 + ["c1"] * 2, ["c2"] + ["c3"] * 9, ["c4"] * 3]


def test_a_store_that_is_compacted_meanwhile(files: Files, outcome: MakeOutcome) -> None:
    """Files that are deleted after the first lines do not matter."""
    for n in range(3):
        publish_commit(files, f"c{n}", [outcome(f"aa{n}")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "LINES", 1)
        lines = live_lines(files, ["job_id"])
        jobs = next(lines)["job_id"].to_pylist()
        files.delete([f"results/c{n}.parquet" for n in range(3)])
        assert jobs + [job for table in lines for job in table["job_id"].to_pylist()] == ["aa0", "aa1", "aa2"]


def test_each_file_is_downloaded_once(outcome: MakeOutcome, downloads: Counter[str]) -> None:
    """Each file is downloaded once; the requested columns need not be those that determine the live lines."""
    files = Files(f"memory://{uuid.uuid4().hex}/store")
    for n in range(3):
        publish_commit(files, f"c{n}", [outcome(f"aa{n}")])
    assert sum(map(len, live_lines(files, ["image", "status"]))) == 3
    assert downloads == {f"results/c{n}.parquet": 1 for n in range(3)}


@pytest.mark.parametrize("read", [read_results, lambda files: live_table(files, RESULTS.names)])
def test_files_that_go_while_they_are_read_are_listed_again(
    files: Files, outcome: MakeOutcome, read: Callable[[Files], pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that listed a store before it was compacted lists it again; one that never catches up gives up."""
    publish_commit(files, "c1", [outcome("aa01")])
    listings, stale = iter(range(100)), ["results/gone.parquet"]
    listed = ledger.results_paths
    monkeypatch.setattr(ledger, "results_paths", lambda files: listed(files) + (stale if next(listings) < 2 else []))
    assert read(files)["job_id"].to_pylist() == ["aa01"]
    monkeypatch.setattr(ledger, "results_paths", lambda files: listed(files) + stale)
    with pytest.raises(StoreUnusable, match="try again"):
        read(files)
