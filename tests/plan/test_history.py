"""The effect of a store's results on a run."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.files.files import Files
from stylize_core.plan.history import History, condensed, packed
from stylize_core.store.ledger import live
from stylize_core.store.records import Result, results_table
from stylize_core.store.tables import publish_table

DONE, PERMANENT, PASSING, UNKNOWN = (f"{number:024x}" for number in (1, 2 << 88, 0xFF, 7))
"""Ids of jobs; some bytes of them are zero."""


def _result(job_id: str, attempt: int, status: str, retryable: bool | None = None, commit: str = "c") -> Result:
    return Result(
        job_id=job_id,
        commit=commit,
        run="run",
        attempt=attempt,
        status=status,
        retryable=retryable,
        form="mean",
        settings=json.dumps({}),
        digests="{}",
        width=16,
        height=16,
        device="cpu",
        precision="float32",
        versions="{}",
    )


def _history(*results: Result) -> History:
    return History([condensed(results_table([result])) for result in results])


@pytest.mark.parametrize(
    ("retry_failed", "actions"),
    [
        ("none", ["run", "skip", "keep_failed", "keep_failed"]),
        ("transient", ["run", "skip", "keep_failed", "run"]),
        ("all", ["run", "skip", "run", "run"]),
    ],
)
def test_action(retry_failed: str, actions: list[str]) -> None:
    """A done job is never run again; a failed one depending on `retry_failed` and its error."""
    history = _history(
        _result(DONE, 1, "done"), _result(PERMANENT, 1, "failed", False), _result(PASSING, 1, "failed", True)
    )
    assert history.judge(packed([UNKNOWN, DONE, PERMANENT, PASSING]), retry_failed)[0] == actions


def test_attempts_count_failed_ones() -> None:
    """The highest attempt counts, whichever line is live; an unknown job has no attempts."""
    history = _history(_result(DONE, 2, "done"), _result(DONE, 3, "failed"), _result(PASSING, 1, "failed", True))
    actions, attempts = history.judge(packed([PASSING, DONE, UNKNOWN]), "none")
    assert actions == ["keep_failed", "skip", "run"]
    assert attempts.tolist() == [1, 3, 0]


def test_of_equal_attempts_the_latest_commit_counts() -> None:
    """Commits are ordered by their names, whatever the order of reading."""
    lines = [_result(PASSING, 1, "failed", True, "c10"), _result(PASSING, 1, "failed", False, "c2")]
    for order in (lines, lines[::-1]):
        assert _history(*order).judge(packed([PASSING]), "transient")[0] == ["keep_failed"]


def test_lost_jobs_are_run_again() -> None:
    """A job whose result is lost runs again as the next attempt, whatever its line and `retry_failed` say."""
    results = _result(DONE, 2, "done"), _result(PERMANENT, 1, "failed", False), _result(PASSING, 1, "done")
    history = History([condensed(results_table(list(results)))], [DONE, PERMANENT, UNKNOWN])
    actions, attempts = history.judge(packed([DONE, PERMANENT, PASSING, UNKNOWN]), "none")
    assert actions == ["run", "run", "skip", "run"]
    assert attempts.tolist() == [2, 1, 1, 0]


def test_no_history() -> None:
    """An empty store leaves all jobs to run; without jobs there is nothing to run."""
    assert History().judge(packed([DONE]), "all")[0] == ["run"]
    assert History().judge(packed([]), "all")[0] == []
    assert _history(_result(DONE, 1, "done")).judge(packed([]), "all")[0] == []


LINES = st.lists(
    st.builds(
        _result,
        st.sampled_from([DONE, PERMANENT, PASSING]),
        st.integers(1, 3),
        st.sampled_from(["done", "failed"]),
        st.sampled_from([None, False, True]),
        st.sampled_from(["c1", "c2", "c3", "c4"]),
    ),
    unique_by=lambda line: (line.job_id, line.commit),
)


@given(LINES)
def test_a_history_is_that_of_the_counting_lines(lines: list[Result]) -> None:
    """The compact form uses the line that `live` chooses."""
    counting = {line["job_id"]: line for line in live(results_table(lines)).to_pylist()}
    expected = []
    for job in (DONE, PERMANENT, PASSING):
        line = counting.get(job, {"status": "unknown"})
        again = line["status"] == "failed" and line["retryable"]
        expected.append({"done": "skip", "unknown": "run"}.get(line["status"], "run" if again else "keep_failed"))
    assert _history(*lines).judge(packed([DONE, PERMANENT, PASSING]), "transient")[0] == expected


def test_the_history_of_a_store(files: Files) -> None:
    """It is read from every results file."""
    for name, result in (("a", _result(DONE, 1, "failed", True)), ("b", _result(DONE, 2, "done"))):
        publish_table(files, f"results/{name}.parquet", results_table([result]))
    actions, attempts = History.read(files).judge(packed([DONE, UNKNOWN]), "all")
    assert (actions, attempts.tolist()) == (["skip", "run"], [2, 0])


def test_a_plan_reads_the_columns_it_needs(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only few columns of a results file are decoded."""
    publish_table(files, "results/a.parquet", results_table([_result(DONE, 1, "done")]))
    seen: list[list[str]] = []

    def note(results: Any) -> Any:
        seen.append(results.column_names)
        return condensed(results)

    monkeypatch.setattr("stylize_core.plan.history.condensed", note)
    History.read(files)
    assert ["job_id", "commit", "attempt", "status", "retryable"] in seen
