"""One writer at a time: numbered lease files, of which the highest one counts.

A lease is taken by creating the next number, which exactly one of several can do. Its holder renews the file; it is
taken over when its process is seen to be gone, or when an observer's own clock saw no change for a while. No clocks
of two machines are ever compared.

Some object stores (Swift, Ceph) look whether a file exists when a request arrives, and write it later: of several that
create it at the same moment each may be told that it did. So whoever took a lease looks again after a moment whose
token is in the file, and again whenever it renews: the last one written stays, the others withdraw.
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
"""Time for a renewal on its way when the lease is given back; a run that was stopped has 4 s in all."""
_REFUSALS = 20  # of one number, which should be another's by then
_KEPT = 3  # lease files left for whoever looks into the store
_LEFT = re.compile(rf"{layout.LEASE}/\.?(\d+)\.json(\.tmp-[0-9a-f]{{12}})?")

_log = logging.getLogger(__name__)


class Lease:
    """The right to write to a store; made by `acquire`, given back by `release` or at the end of a `with` block.

    Attributes:
        holder: this process as the store knows it; with it, workers elsewhere can ask `check_held`.
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
            StoreDenied: the store is on a server that cannot tell who of several was first.
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
                refused[mine.n] += 1  # another one was faster, and is the newest now
                if refused[mine.n] > _REFUSALS:
                    what, where = "the lease cannot be taken", f"{files.public_uri}/{layout.lease(mine.n)}"
                    raise OutputRefused(what, where=where, todo="remove what stands there, if no run is writing")
                continue
            if watch.has_seen_life and not wait:
                raise locked(files, newest)
            time.sleep(renew_s / 5)
        raise Stopped("stopped while waiting for the store", where=files.public_uri)

    def check(self) -> None:
        """Makes sure that the lease is still held; to be called before each commit. Raises as `check_held` does."""
        check_held(self._files, self.holder)

    def release(self) -> None:
        """Gives the lease back. Where the store cannot be written any more, the next run finds this process gone."""
        self._ended.set()
        self._renewal.join(timeout=LAST_RENEWAL_S)
        if not self._renewal.is_alive():  # a renewal that still waits for its answer would come after the release
            self._publish(released=True)

    def name_run(self, run: str) -> None:
        """Lets the store know that a run was planned, which is the newest from now on."""
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
    """What one observer saw of the holders, timed by its own clock.

    Args:
        patience_s: seconds without a change after which a holder on another machine counts as dead.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._seen: Holder | None = None
        self._looked_at = self._changed_at = 0.0
        self.has_seen_life = False

    def is_free(self, holder: Holder) -> bool:
        """Looks at the newest holder; returns whether its lease may be taken."""
        now = time.monotonic()
        if holder != self._seen:
            self.has_seen_life = self._seen is not None
            self._seen, self._changed_at = holder, now
        elif now - self._looked_at > self._patience_s / 3:
            self._changed_at = now  # the store did not answer for a while, and so neither of us could show
        self._looked_at = now
        running = holder.is_running()
        self.has_seen_life |= bool(running)
        is_silent = running is None and now - self._changed_at >= self._patience_s
        return holder.released or running is False or is_silent


def _take(files: Files, mine: Holder, settle_s: float) -> bool:
    """Tries to become the newest holder; returns whether that worked."""
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
    newest = newest_holder(files)  # of another number where ours was so old that its first file is forgotten
    if newest is None or newest.token != mine.token:
        return False
    _forget(files, mine.n - _KEPT)
    return True


def _forget(files: Files, last: int) -> None:
    """Deletes the leases up to a number, with whatever a kill left of them."""
    found = [_LEFT.fullmatch(entry.path) for entry in files.list(layout.LEASE, recursive=False)]
    files.delete([match[0] for match in found if match and int(match[1]) <= last])
