"""What a run makes of what the store has."""

import pytest

from stylize_core.history import History
from stylize_core.store.records import Result, results_table


@pytest.mark.parametrize(
    ("job", "none", "transient", "all_"),
    [
        ("unknown", "run", "run", "run"),
        ("done", "skip", "skip", "skip"),
        ("permanent", "keep_failed", "keep_failed", "run"),
        ("passing", "keep_failed", "run", "run"),
    ],
)
def test_action(job: str, none: str, transient: str, all_: str) -> None:
    """A done job is never run again; a failed one as `retry_failed` says and its error allows."""
    history = History(status={"done": "done", "permanent": "failed", "passing": "failed"}, retryable={"passing"})
    assert [history.action(job, retry) for retry in ("none", "transient", "all")] == [none, transient, all_]


def _result(job_id: str, attempt: int, status: str, retryable: bool | None) -> Result:
    return Result(
        job_id=job_id,
        commit=f"commit-{attempt}",
        run="run",
        attempt=attempt,
        status=status,
        retryable=retryable,
        form="mean",
        settings="{}",
        digests="{}",
        width=16,
        height=16,
        device="cpu",
        precision="float32",
        versions="{}",
    )


def test_history_of_a_store() -> None:
    """Of several attempts the done one counts, else the latest; attempts count failed ones too."""
    results = results_table(
        [
            _result("mended", 1, "failed", True),
            _result("mended", 2, "done", None),
            _result("worse", 1, "failed", True),
            _result("worse", 2, "failed", False),
        ]
    )
    history = History.of(results)
    assert history.status == {"mended": "done", "worse": "failed"}
    assert history.retryable == set()
    assert history.attempts == {"mended": 2, "worse": 2}
