"""A program that runs a manifest: it continues normally after a stop that it caught."""

import gc
import os
import signal
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stylize_flows.commands.progress import ConsoleWatcher
from stylize_flows.runners import Watcher, loop, watcher
from stylize_flows.stop import StopFlag

from stylize_core.chunk.context import Progress
from stylize_core.engine.engine import Engine
from stylize_core.errors import Stopped
from stylize_core.options import Options

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopAtOnce(Watcher):
    """Sends itself SIGTERM as soon as a job is computed."""

    def progressed(self, progress: Progress) -> None:
        """Called on the computing thread."""
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def hard_ends(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The forced exits that would have ended the process, each 0.2 s after a requested stop."""
    ends: list[str] = []
    monkeypatch.setattr("stylize_flows.stop.GRACE_SECONDS", 0.2)
    monkeypatch.setattr("stylize_flows.stop.end_stopped", lambda: ends.append("ended"))
    return ends


def _timers() -> list[threading.Timer]:
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_a_caught_stop_leaves_nothing_behind(
    manifests: Any, tmp_path: Path, hard_ends: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `loop` has raised Stopped, no timer would end the process, and signal handlers are restored."""
    monkeypatch.setattr("stylize_flows.stop.GRACE_SECONDS", 30.0)
    before = [signal.getsignal(number) for number in SIGNALS]
    options = Options(manifest=manifests.write(manifests.rows(2)), store=f"{tmp_path}/store", weights="builtin")
    token = watcher.set(StopAtOnce())
    try:
        with pytest.raises(Stopped):
            loop(options)
    finally:
        watcher.reset(token)
    for timer in _timers():
        timer.join(0.5)  # a cancelled timer ends at once
    assert _timers() == []
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("leaves", [True, False])
def test_the_hard_end_is_for_work_that_goes_on(leaves: bool, hard_ends: list[str]) -> None:
    """The process is ended only if the block is not left in time, even with nested blocks."""
    with StopFlag() as stop, stop:
        stop.ask()
        timers = _timers()
        if not leaves:
            timers[0].join()
    for timer in timers:
        timer.join(1)
    assert len(timers) == 1
    assert hard_ends == ([] if leaves else ["ended"])


def test_a_flag_that_is_not_in_use_ends_nothing(hard_ends: list[str]) -> None:
    """A stop that a thread requests just after the work is over has no effect."""
    with StopFlag() as stop:
        pass
    stop.ask()
    assert _timers() == []
    assert stop()


def test_a_command_still_ends_while_prefect_reports(hard_ends: list[str]) -> None:
    """The command keeps the forced exit after the run, because Prefect may still wait for its server."""
    run: Any = None
    ConsoleWatcher().ended(run, Stopped("stopped"))
    for timer in _timers():
        timer.join()
    assert hard_ends == ["ended"]


def test_a_run_that_is_over_is_let_go(
    manifests: Any, run_loop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its network, hundreds of megabytes, is freed at once: no reference cycle keeps it."""
    engines: list[weakref.ref[Engine]] = []
    load = Engine.load

    def loaded(*given: str) -> Engine:
        engine = load(*given)
        engines.append(weakref.ref(engine))
        return engine

    monkeypatch.setattr(Engine, "load", loaded)
    gc.disable()
    try:
        assert run_loop(manifests.write(manifests.rows(1)), "--no-report").code == 0
        assert [engine() for engine in engines] == [None]
    finally:
        gc.enable()
