"""One writer at a time: numbered lease files, of which the highest number counts.

A process takes the lease by creating the next number, which only one of several can do. The holder renews the file;
another process takes the lease over if the holder's process is visibly gone, or if its own clock has seen no change
for a while. Clocks of two machines are never compared.

Some object stores (Swift, Ceph) check whether a file exists when a request arrives, but write it later: if several
processes create it at the same moment, each may be told that it succeeded. So a process that took a lease checks the
token in the file after a moment, and again at each renewal: the last one written stays, the others withdraw.
"""

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stylize_core.errors import OutputRefused, Stopped, StoreDenied, StoreError
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.holder import Holder, check_held, locked, newest_holder

PATIENCE_S = 30.0
RENEW_S = 5.0
LAST_RENEWAL_S = 1.5
"""Time to wait for a pending renewal before the release; a stopped run has 4 s in all."""
_REFUSALS = 20  # of one number, which should have another holder by then
_KEPT = 3  # lease files kept for people who inspect the store
_LEFT = re.compile(rf"{layout.LEASE}/\.?(\d+)\.json(\.tmp-[0-9a-f]{{12}})?")

_log = logging.getLogger(__name__)


class Lease:
    """The right to write to a store; made by `acquire`, ended by `release` or at the end of a `with` block.

    Attributes:
        holder: this process as the store knows it; remote workers pass it to `check_held`.
    """

    def __init__(self, files: Files, holder: Holder, renew_s: float) -> None:
        self.holder = holder
        self._changing = threading.Lock()
        self._files = files
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
        """Takes the lease as soon as it is free.

        Args:
            files: of the store.
            wait: wait until a living holder ends.
            stop: polled while waiting.
            patience_s: seconds without a change after which a holder on another machine counts as dead; several
                times `renew_s`.
            renew_s: seconds between renewals.

        Raises:
            StoreLocked: a living process holds it and `wait` is False.
            StoreDenied: the store's server cannot ensure that only one process creates a file.
            StoreError: the store cannot be read or written.
            Stopped: `stop` returned True.
        """
        watch, refused = LeaseWatch(patience_s), Counter[int]()
        while not stop():
            newest = newest_holder(files)
            if newest is None or watch.is_free(newest):
                mine = Holder.here(newest.n + 1, newest.run) if newest else Holder.here(1)
                if _take(files, mine, settle_s=renew_s / 5):
                    return cls(files, mine, renew_s)
                refused[mine.n] += 1  # another process was faster
                if refused[mine.n] > _REFUSALS:
                    what, where = "the lease cannot be taken", f"{files.public_uri}/{layout.lease(mine.n)}"
                    raise OutputRefused(what, where=where, todo="remove what is there, if no run is writing")
                continue
            if watch.has_seen_life and not wait:
                raise locked(files, newest)
            time.sleep(renew_s / 5)
        raise Stopped("stopped while waiting for the store", where=files.public_uri)

    def check(self) -> None:
        """Checks that the lease is still held; call it before each commit. Raises as `check_held` does."""
        check_held(self._files, self.holder)

    def release(self) -> None:
        """Releases the lease. If the store can no longer be written, the next run finds that this process is gone."""
        self._ended.set()
        self._renewal.join(timeout=LAST_RENEWAL_S)
        if not self._renewal.is_alive():  # otherwise the pending renewal would come after the release
            self._publish(released=True)

    def name_run(self, run: str) -> None:
        """Records in the store that a run was planned, which is now the newest."""
        self._publish(run=run)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _renew(self) -> None:
        while not self._ended.wait(self._renew_s):
            self._publish(renewed=self.holder.renewed + 1)

    def _publish(self, **changes: Any) -> None:
        with self._changing:
            self.holder = replace(self.holder, **changes)
            try:
                check_held(self._files, self.holder)
                self._files.publish(layout.lease(self.holder.n), self.holder.to_json())
            except StoreError as error:
                _log.warning("the lease could not be renewed: %s", error)


class LeaseWatch:
    """Observes the holders, timed by the observer's own clock.

    Args:
        patience_s: seconds without a change after which a holder on another machine counts as dead.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._seen: Holder | None = None
        self._looked_at = self._changed_at = 0.0
        self.has_seen_life = False

    def is_free(self, holder: Holder) -> bool:
        """Observes the newest holder; returns whether its lease may be taken."""
        now = time.monotonic()
        if holder != self._seen:
            self.has_seen_life = self._seen is not None
            self._seen, self._changed_at = holder, now
        elif now - self._looked_at > self._patience_s / 3:
            self._changed_at = now  # the store did not answer for a while, so no process could renew
        self._looked_at = now
        running = holder.is_running()
        self.has_seen_life |= bool(running)
        is_silent = running is None and now - self._changed_at >= self._patience_s
        return holder.released or running is False or is_silent


def _take(files: Files, mine: Holder, settle_s: float) -> bool:
    """Tries to become the newest holder; returns whether it succeeded."""
    path = layout.lease(mine.n)
    if not files.create(path, mine.to_json()):
        return False
    if files.local_path(path) is None:
        if files.create(path, replace(mine, renewed=1).to_json()):
            files.delete([path])
            raise StoreDenied(
                "the server overwrites what it should only create: it ignores If-None-Match, so two runs could write",
                where=files.public_uri,
                todo="use a store on a disk, or on a server with conditional writes",
            )
        time.sleep(settle_s)
    newest = newest_holder(files)  # has another number if ours was so old that its first file was deleted
    if newest is None or newest.token != mine.token:
        return False
    _forget(files, mine.n - _KEPT)
    return True


def _forget(files: Files, last: int) -> None:
    """Deletes the leases up to a number, and what a kill left of them."""
    found = [_LEFT.fullmatch(entry.path) for entry in files.list(layout.LEASE, recursive=False)]
    files.delete([match[0] for match in found if match and int(match[1]) <= last])
