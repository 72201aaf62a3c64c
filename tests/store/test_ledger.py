"""Which line of a job counts."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.errors import StoreError
from stylize_core.files.files import Files
from stylize_core.store.commits import publish_commit
from stylize_core.store.ledger import attempts, live, live_results, read_metrics, read_results
from stylize_core.store.records import METRICS, RESULTS, Outcome

MakeOutcome = Callable[..., Outcome]


def lines(*rows: tuple[str, str, int, str]) -> pa.Table:
    """Results with the given job id, status, attempt and commit; the other columns are empty."""
    names = ("job_id", "status", "attempt", "commit")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=RESULTS)


@pytest.mark.parametrize(
    ("rows", "winner"),
    [
        ([("a", "failed", 1, "c1")], 0),
        ([("a", "failed", 1, "c1"), ("a", "failed", 2, "c2")], 1),
        ([("a", "done", 1, "c1"), ("a", "failed", 2, "c2")], 0),
        ([("a", "failed", 3, "c3"), ("a", "done", 1, "c1"), ("a", "done", 2, "c2")], 2),
        ([("a", "done", 1, "c2"), ("a", "done", 1, "c1")], 0),
        ([("a", "failed", 10, "c1"), ("a", "failed", 9, "c2")], 0),
    ],
)
def test_the_rule(rows: list[tuple[str, str, int, str]], winner: int) -> None:
    """Done comes before failed, then the highest attempt, then the latest commit."""
    assert live(lines(*rows)).to_pylist() == lines(rows[winner]).to_pylist()


def slow_live(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rule in plain Python."""
    best: dict[str, dict[str, Any]] = {}
    for row in rows:
        rival = best.get(row["job_id"])
        if rival is None or (row["status"] == "done", row["attempt"], row["commit"]) > (
            rival["status"] == "done",
            rival["attempt"],
            rival["commit"],
        ):
            best[row["job_id"]] = row
    return [best[job_id] for job_id in sorted(best)]


LINE = st.tuples(
    st.sampled_from(["a", "b", "c", "d"]),
    st.sampled_from(["done", "failed"]),
    st.integers(1, 4),
    st.sampled_from([f"c{i}" for i in range(12)]),
)


@given(st.lists(LINE, max_size=25, unique_by=lambda line: (line[0], line[3])))
def test_live_lines_follow_the_rule(rows: list[tuple[str, str, int, str]]) -> None:
    """For any lines, the live ones and the attempts are those of the rule in plain Python."""
    table = lines(*rows)
    assert live(table).to_pylist() == slow_live(table.to_pylist())
    highest: dict[str, int] = {}
    for job_id, _, attempt, _ in rows:
        highest[job_id] = max(attempt, highest.get(job_id, 0))
    assert dict(attempts(table).to_pandas().itertuples(index=False)) == highest


@given(st.lists(LINE, max_size=12, unique_by=lambda line: (line[0], line[3])), st.randoms())
def test_the_order_of_lines_does_not_matter(rows: list[tuple[str, str, int, str]], random: Any) -> None:
    """The same lines count in any order and any distribution over files."""
    shuffled = rows.copy()
    random.shuffle(shuffled)
    assert live(lines(*shuffled)).to_pylist() == live(lines(*rows)).to_pylist()


def test_an_empty_store(files: Files) -> None:
    """A store without commits has no lines, and its tables have their schemas."""
    assert live_results(files).equals(RESULTS.empty_table())
    assert read_metrics(files, live_results(files)).equals(METRICS.empty_table())
    assert attempts(read_results(files)).num_rows == 0


def test_losses_count_through_live_lines_only(files: Files, outcome: MakeOutcome) -> None:
    """Losses of a superseded attempt are left out, as are those of jobs that were not asked for."""
    publish_commit(files, "c1", [outcome("aa01", status="failed"), outcome("bb02")])
    publish_commit(files, "c2", [outcome("aa01", attempt=2)])
    lines = live_results(files)
    metrics = read_metrics(files, lines)
    assert metrics.schema.equals(METRICS)
    assert metrics["job_id"].to_pylist() == ["bb02"] * 5 + ["aa01"] * 5
    assert metrics["total"].to_pylist() == [1.0] * 5 + [2.0] * 5
    assert read_metrics(files, lines.slice(0, 1))["job_id"].to_pylist() == ["aa01"] * 5
    assert dict(attempts(read_results(files)).to_pandas().itertuples(index=False)) == {"aa01": 2, "bb02": 1}


def test_a_commit_without_losses_has_none(files: Files, outcome: MakeOutcome) -> None:
    """A job that has no losses has no lines among them."""
    job = outcome("aa01", status="failed")
    job.metrics = None
    publish_commit(files, "c1", [job])
    assert read_metrics(files, live_results(files)).num_rows == 0


def test_a_damaged_results_file_is_named(files: Files, outcome: MakeOutcome) -> None:
    """A damaged results file stops the reading with an error that names it: no finished job is lost silently."""
    publish_commit(files, "c1", [outcome("aa01")])
    publish_commit(files, "c2", [outcome("bb02")])
    files.publish("results/c2.parquet", files.read("results/c2.parquet")[:-100])
    with pytest.raises(StoreError, match=r"results/c2\.parquet"):
        live_results(files)
