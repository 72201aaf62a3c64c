"""Ctrl-C and SIGTERM during a run: a quick end, no commit lost, every row accounted for."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

STOP_SECONDS = 5.0


def _arguments(manifest: str, store: Path, runner: str) -> tuple[str, ...]:
    return ("run", manifest, "--store", str(store), "--weights", "builtin", "--runner", runner)


@pytest.mark.parametrize(
    ("runner", "number"),
    [
        ("loop", signal.SIGINT),
        ("loop", signal.SIGTERM),
        pytest.param("local", signal.SIGINT, marks=pytest.mark.slow),
        pytest.param("local", signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run(
    runner: str, number: signal.Signals, manifests: Any, drive: Callable[..., Any], store: Any
) -> None:
    """Exit code 130 in less than 5 s; computed jobs are kept, the rest is `stopped`; the next run finishes it."""
    arguments = _arguments(manifests.write(manifests.rows(4, steps="4")), store.folder, runner)
    run = drive(*arguments, step_seconds=0.2, fresh=runner == "local")
    run.wait_for_journal(3)
    asked = time.monotonic()
    run.signal(number)
    assert run.wait() == 130
    assert time.monotonic() - asked < STOP_SECONDS
    output = run.output
    assert "error: stopped\n" in output
    assert "run the same command again to go on: everything committed is kept" in output
    assert "Traceback" not in output
    run.wait_for_left_over()
    assert store.statuses() == ["done", "done", "stopped", "stopped"]

    again = drive(*_arguments(arguments[1], store.folder, "loop"))
    assert again.wait() == 0, again.output
    assert again.computed == ["2", "3"]
    assert store.statuses() == ["skipped", "skipped", "done", "done"]


@pytest.mark.parametrize("runner", ["loop", pytest.param("local", marks=pytest.mark.slow)])
def test_a_run_that_does_not_listen_is_ended(
    runner: str, manifests: Any, drive: Callable[..., Any], store: Any
) -> None:
    """If the work does not check the stop flag, the process still ends, with its child processes."""
    arguments = _arguments(manifests.write(manifests.rows(2)), store.folder, runner)
    run = drive(*arguments, step_seconds=60, fresh=runner == "local")
    run.wait_for_step()
    asked = time.monotonic()
    run.signal(signal.SIGTERM)
    assert run.wait() == 130
    assert time.monotonic() - asked < STOP_SECONDS
    assert "error: stopped\n" in run.output
    run.wait_for_left_over()

    again = drive(*_arguments(arguments[1], store.folder, "loop"))
    assert again.wait() == 0
    assert store.statuses() == ["done", "done"]


def test_asked_twice(manifests: Any, drive: Callable[..., Any], store: Any) -> None:
    """A second Ctrl-C ends the run at once."""
    run = drive(*_arguments(manifests.write(manifests.rows(2)), store.folder, "loop"), step_seconds=60)
    run.wait_for_step()
    run.signal(signal.SIGINT)
    time.sleep(0.3)
    asked = time.monotonic()
    run.signal(signal.SIGINT)
    assert run.wait() == 130
    assert time.monotonic() - asked < 1


def test_a_waiting_run_can_be_stopped(manifests: Any, drive: Callable[..., Any], store: Any) -> None:
    """A run that waits for another one's store stops too, without affecting that one."""
    arguments = _arguments(manifests.write(manifests.rows(2)), store.folder, "loop")
    first = drive(*arguments, step_seconds=0.5)
    first.wait_for_journal(1)
    second = drive(*arguments, "--wait")
    time.sleep(1)
    second.signal(signal.SIGINT)
    assert second.wait() == 130
    assert first.wait() == 0
    assert store.statuses() == ["done", "done"]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["starting", "computing"])
def test_a_killed_run_leaves_no_process(moment: str, manifests: Any, drive: Callable[..., Any], store: Any) -> None:
    """However the command is killed, Prefect's temporary server ends by itself, even while it starts."""
    run = drive(*_arguments(manifests.write(manifests.rows(2)), store.folder, "local"), step_seconds=60, fresh=True)
    if moment == "starting":
        run.wait_for_other("uvicorn")
        time.sleep(0.1)  # the shell is told of the server right after its start
    else:
        run.wait_for_step()
    run.signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    run.wait_for_left_over()
