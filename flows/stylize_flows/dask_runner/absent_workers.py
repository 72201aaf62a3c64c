"""A cluster without workers: the run waits, says so, and finally gives up."""

import time
from collections.abc import Callable

from stylize_core.errors import WorkerLost
from stylize_core.wording import duration

SAY_SECONDS = 10.0
"""Time without any worker before a message; restarting a worker takes about as long."""

REPEAT_SECONDS = 120.0

GIVE_UP_SECONDS = 1800.0
"""Time for a network to recover or for machines to start; the run keeps its lease meanwhile."""


class AbsentWorkers:
    """Watches whether there is any worker.

    Args:
        address: of the scheduler.
        say: shows a message.
        now: a monotonic clock, in seconds.
    """

    def __init__(self, address: str, say: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._address, self._say, self._now = address, say, now
        self._since: float | None = None
        self._said = 0

    def look(self, workers: int) -> None:
        """Updates with the current number of workers.

        Raises:
            WorkerLost: there was none for `GIVE_UP_SECONDS`.
        """
        now = self._now()
        if workers:
            if self._said:
                self._say(f"workers are there again at {self._address}: {workers}")
            self._since, self._said = None, 0
            return
        self._since = now if self._since is None else self._since
        waited = now - self._since
        if waited >= GIVE_UP_SECONDS:
            todo = "start workers there, then run the same command again: finished jobs are kept"
            raise WorkerLost(f"no worker was there for {duration(waited)}", where=self._address, todo=todo)
        if waited >= SAY_SECONDS + REPEAT_SECONDS * self._said:
            self._said += 1
            self._say(f"waiting for workers at {self._address}: 0 there")
