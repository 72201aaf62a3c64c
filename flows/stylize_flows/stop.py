"""Stopping: a signal sets a flag that the work polls; if the work does not stop, the process ends after four seconds.

The hard end is safe because everything committed is kept and the next run resumes from there.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn

from stylize_core.errors import Stopped
from stylize_flows.console import show_error

EXIT_STOPPED = 130
GRACE_SECONDS = 4.0


def end_stopped() -> NoReturn:
    """Says that the run was stopped and how to resume it, and ends the process."""
    show_error(Stopped("stopped", todo="run the same command again to go on: everything committed is kept"))
    end(EXIT_STOPPED)


def end(code: int) -> NoReturn:
    """Ends the process and its children without the interpreter's slow shutdown, which waits for threads."""
    for child in children():  # Prefect's temporary server would live on
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
    os._exit(code)


def end_soon() -> threading.Timer:
    """Ends the process as stopped after `GRACE_SECONDS`, unless the caller cancels the returned timer."""
    timer = threading.Timer(GRACE_SECONDS, end_stopped)
    timer.daemon = True
    timer.start()
    return timer


def children() -> list[int]:
    """Returns the ids of this process's children on Linux; none elsewhere."""
    found = []
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # the thread has just ended
            found += [int(pid) for pid in path.read_text().split()]
    return found


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """A block whose child processes inherit a mask against Ctrl-C, which a terminal sends to all of them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class StopFlag:
    """A flag that SIGINT or SIGTERM sets while it is entered, or `ask`; call it to learn whether to stop.

    It may be entered again inside, after Prefect has taken over the signals for a subflow. Leaving it restores the
    previous handlers: a program that catches the stop can go on as it likes.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._previous: list[dict[int, Any]] = []
        self._lock = threading.Lock()
        self._hard_end: threading.Timer | None = None

    def __call__(self) -> bool:
        """Returns whether the run is asked to stop."""
        return self._asked.is_set()

    def wait(self, seconds: float) -> bool:
        """Pauses for `seconds`, or until the run is asked to stop; returns whether it is."""
        return self._asked.wait(seconds)

    def ask(self) -> None:
        """Asks the run to stop; if its block does not end soon, the process is ended."""
        self._asked.set()
        with self._lock:
            if self._previous and not self._hard_end:
                self._hard_end = end_soon()

    def __enter__(self) -> "StopFlag":
        """Takes over the signals; only the main thread can."""
        is_main = threading.current_thread() is threading.main_thread()
        numbers = (signal.SIGINT, signal.SIGTERM) if is_main else ()
        self._previous.append({number: signal.signal(number, self._on_signal) for number in numbers})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Restores the signal handlers; the process continues."""
        for number, handler in self._previous[-1].items():
            signal.signal(number, handler)
        with self._lock:
            self._previous.pop()
            if self._hard_end and not self._previous:
                self._hard_end.cancel()
                self._hard_end = None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._asked.is_set():  # the second signal ends the process at once
            end_stopped()
        self.ask()
