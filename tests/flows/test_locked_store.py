"""One run at a time: a second one is refused, or waits."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


def _arguments(manifest: str, store: Path) -> tuple[str, ...]:
    return ("run", manifest, "--store", str(store), "--weights", "builtin", "--runner", "loop")


@pytest.fixture
def endless(manifests: Any, drive: Callable[..., Any], store: Any) -> Iterator[Any]:
    """A run in a separate process that has begun to compute and does not end during the test."""
    run = drive(*_arguments(manifests.write(manifests.rows(1), "endless.csv"), store.folder), step_seconds=600)
    run.wait_for_journal(1)
    yield run
    run.end()


def test_second_run_is_refused(
    endless: Any, manifests: Any, run_loop: Callable[..., Any], refused: Callable[..., str]
) -> None:
    """While a run is writing, another one is refused: the error names the process and its machine, and what to do."""
    error = refused(run_loop(manifests.write(manifests.rows(1))))
    assert f"another run is writing to this store: process {endless.process.pid} on " in error
    assert "wait for that run to end, or start this one with --wait" in error


def test_status_tells_who_is_writing(endless: Any, stylize: Callable[..., Any], store: Any) -> None:
    """Reading is allowed, and names the writing process."""
    ended = stylize("status", str(store.folder))
    assert ended.code == 0
    assert f"in use by process {endless.process.pid} on " in ended.out


def test_the_store_of_a_killed_run_is_free(
    endless: Any, manifests: Any, run_loop: Callable[..., Any], store: Any
) -> None:
    """A run whose process has ended does not lock the store."""
    endless.end()
    assert run_loop(manifests.write(manifests.rows(1))).code == 0
    assert store.statuses() == ["done"]


def test_second_run_waits(manifests: Any, drive: Callable[..., Any], store: Any) -> None:
    """With --wait a run begins when the first has ended, and uses its results."""
    first = drive(*_arguments(manifests.write(manifests.rows(2)), store.folder), step_seconds=0.5)
    first.wait_for_journal(1)
    second = drive(*_arguments(manifests.write(manifests.rows(3)), store.folder), "--wait")
    time.sleep(1)
    assert first.process.is_alive()
    assert second.process.is_alive()
    assert first.wait() == 0
    assert second.wait() == 0
    assert (first.computed, second.computed) == (["0", "1"], ["2"])
    assert store.statuses() == ["skipped", "skipped", "done"]
