"""One writer at a time: numbered lease files, of which the highest one counts.

A lease is taken by creating the next number, which exactly one of several can do. Its holder renews the file; it is
taken over when its process is seen to be gone, or when an observer's own clock saw no change for a while. No clocks
of two machines are ever compared.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from stylize_core.errors import Stopped, StoreError, StoreLocked
from stylize_core.store import layout
from stylize_core.store.files import Files
from stylize_core.store.holder import Holder, lease_numbers, newest_holder

PATIENCE_S = 20.0
RENEW_S = 5.0
_KEPT = 3  # lease files left for whoever looks into the store

_log = logging.getLogger(__name__)


class Lease:
    """The right to write to a store; made by `acquire`, given back by `release` or at the end of a `with` block."""

    def __init__(self, files: Files, holder: Holder, renew_s: float) -> None:
        self._files = files
        self._holder = holder
        self._renew_s = renew_s
        self._ended = threading.Event()
        self._renewal = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._renewal.start()

    @classmethod
    def acquire(
        cls,
        files: Files,
        *,
        wait: bool = False,
        stop: Callable[[], bool] = lambda: False,
        patience_s: float = PATIENCE_S,
        renew_s: float = RENEW_S,
    ) -> "Lease":
        """Takes the lease as soon as nobody holds it.

        Args:
            files: of the store.
            wait: for a living holder's end.
            stop: polled while waiting.
            patience_s: seconds without a change after which a holder on another machine counts as dead; several
                times `renew_s`.
            renew_s: seconds between renewals.

        Raises:
            StoreLocked: a living process holds it and `wait` is False.
            Stopped: `stop` returned True.
        """
        watch = _Watch(patience_s)
        while not stop():
            newest = newest_holder(files)
            if newest is None or watch.is_free(newest):
                mine = Holder.here(newest.n + 1 if newest else 1)
                if files.create(layout.lease(mine.n), mine.to_json()) and lease_numbers(files)[-1] == mine.n:
                    _forget(files, mine.n - _KEPT)
                    return cls(files, mine, renew_s)
                continue  # another one was faster
            if watch.has_seen_life and not wait:
                raise _locked(files, newest)
            time.sleep(renew_s / 5)
        raise Stopped("stopped while waiting for the store", where=files.public_uri)

    def check(self) -> None:
        """Makes sure that the lease is still held; to be called before each commit.

        Raises:
            StoreLocked: another process took over, because this one did not show for a while.
        """
        newest = newest_holder(self._files)
        if newest is not None and newest.n > self._holder.n:
            raise _locked(self._files, newest)

    def release(self) -> None:
        """Gives the lease back. Where the store cannot be written any more, the next run finds this process gone."""
        self._ended.set()
        self._renewal.join()
        self._publish(replace(self._holder, released=True))

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _renew(self) -> None:
        while not self._ended.wait(self._renew_s):
            self._publish(replace(self._holder, renewed=self._holder.renewed + 1))

    def _publish(self, holder: Holder) -> None:
        self._holder = holder
        try:
            self._files.publish(layout.lease(holder.n), holder.to_json())
        except StoreError as error:
            _log.warning("the lease could not be renewed: %s", error)


class _Watch:
    """What one observer saw of the holders, timed by its own clock."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._seen: Holder | None = None
        self._changed_at = 0.0
        self.has_seen_life = False

    def is_free(self, holder: Holder) -> bool:
        """Looks at the newest holder; returns whether its lease may be taken."""
        if holder != self._seen:
            self.has_seen_life = self._seen is not None
            self._seen, self._changed_at = holder, time.monotonic()
        running = holder.is_running()
        self.has_seen_life |= bool(running)
        is_silent = running is None and time.monotonic() - self._changed_at >= self._patience_s
        return holder.released or running is False or is_silent


def _forget(files: Files, last: int) -> None:
    """Deletes the leases up to a number, with whatever a kill left of them."""
    entries = files.list(layout.LEASE)
    files.delete([entry.path for entry in entries if entry.path < layout.lease(last + 1)])


def _locked(files: Files, holder: Holder) -> StoreLocked:
    return StoreLocked(
        f"another run is writing to this store: process {holder.pid} on {holder.host} since {holder.since}",
        where=files.public_uri,
    )
