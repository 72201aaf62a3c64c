"""A clock that jumps during a run: names have the wrong time, and nothing depends on it."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

YEARS = 10 * 365 * 86_400


@pytest.mark.parametrize("jump", [YEARS, -YEARS], ids=["ahead", "back"])
def test_a_clock_that_jumps(
    jump: int, manifests: Any, run_with: Callable[..., Any], store: Any, stylize: Callable[..., Any]
) -> None:
    """The latest attempt counts, whatever the clock shows; every run accounts for its rows."""
    rows = manifests.rows(3)
    manifest = manifests.write(rows)
    options = ("--rows-per-task", "1", "--retry-failed", "all")

    first = run_with(
        manifest, *options, clock={"start 1": jump, "before results 2": -2 * jump}, faults={1: "nan", 2: "nan"}
    )
    assert first.code == 3, first.err
    assert store.statuses() == ["done", "failed", "failed"]
    again = run_with(manifest, *options, faults={1: "crash"})
    assert again.code == 3, again.err
    (run,) = {name for name in store.lines["run"] if (store.lines["run"] == name).sum() == 2}
    rows = store.rows(store.runs.index(run))
    assert list(rows["status"]) == ["skipped", "failed", "done"]
    assert list(rows["error_code"]) == ["", "unexpected", ""]

    assert run_with(manifest, *options).code == 0
    assert sorted(store.lines["attempt"]) == [1, 1, 1, 2, 2, 3]
    assert stylize("status", str(store.folder), "--verify").out.endswith("verified: 0 faults\n")
