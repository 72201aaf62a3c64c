"""The holder of a store's lease, and whether its process is visibly alive."""

import json
import os
import re
import secrets
import socket
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stylize_core.errors import StoreLocked, StoreUnusable
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.json_files import parse_json

_LOOKS = 10
_LEASE_FILE = re.compile(rf"{layout.LEASE}/(\d+)\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The content of a lease file.

    Attributes:
        n: number of the lease; the highest one counts.
        token: random, so that no two holders are alike.
        host: name of the machine.
        machine: boot and process namespace, within which process ids are valid; empty if unknown.
        pid: process id.
        process_start: when the process started, in kernel ticks; distinguishes it from a later one with the same id.
        since: UTC time at which the lease was taken, ISO 8601.
        renewed: how often the holder has given a sign of life.
        released: whether the holder has finished.
        run: the newest planned run of the store, this holder's or an earlier one's; empty if unknown.
    """

    n: int
    token: str
    host: str
    machine: str
    pid: int
    process_start: str | None
    since: str
    renewed: int = 0
    released: bool = False
    run: str = ""

    @classmethod
    def here(cls, n: int, run: str = "") -> "Holder":
        """Returns this process as the n-th holder, with the newest run so far."""
        return cls(
            n=n,
            token=secrets.token_hex(8),
            host=socket.gethostname(),
            machine=_machine(),
            pid=os.getpid(),
            process_start=_process_start(os.getpid()),
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            run=run,
        )

    @classmethod
    def unknown(cls, n: int) -> "Holder":
        """Returns the n-th holder whose file is still empty, see `Disk.create`; it stays empty after a kill."""
        return cls(n=n, token="", host="unknown", machine="", pid=0, process_start=None, since="unknown")

    @classmethod
    def from_json(cls, data: bytes, n: int) -> "Holder":
        """Parses the output of `to_json`; ignores fields of later releases.

        Args:
            data: of the file.
            n: the number in its name, which takes precedence.

        Raises:
            ValueError: it is invalid.
        """
        found = parse_json(data)
        known: dict[str, Any] = {field.name: field.type for field in fields(cls)}
        try:
            holder = cls(**{**{name: value for name, value in found.items() if name in known}, "n": n})
        except TypeError as error:
            raise ValueError("a field is missing") from error
        if not all(isinstance(getattr(holder, name), kind) for name, kind in known.items()):
            raise ValueError("a field has a value of another kind")
        if not 0 <= holder.pid < 2**31:
            raise ValueError("no process has this number")
        return holder

    def to_json(self) -> bytes:
        """Returns the lease file's content."""
        return json.dumps(asdict(self)).encode()

    def is_running(self) -> bool | None:
        """Returns whether the holder's process is running; None if that is not visible from here."""
        if not self.machine or (self.host, self.machine) != (socket.gethostname(), _machine()):
            return None
        start = _process_start(self.pid)
        if start is None and _hides(self.pid):
            return None
        return start == self.process_start

    def may_be_alive(self) -> bool:
        """Returns whether the lease is neither released nor held by a process that is visibly gone."""
        return not self.released and self.is_running() is not False


def newest_holder(files: Files) -> Holder | None:
    """Returns the last holder of the lease; None if there was never one.

    Raises:
        StoreUnusable: the lease file is damaged; it is named.
    """
    for _ in range(_LOOKS):
        numbers = lease_numbers(files)
        if not numbers:
            return None
        path = layout.lease(numbers[-1])
        try:
            data = files.read(path)
            return Holder.from_json(data, numbers[-1]) if data else Holder.unknown(numbers[-1])
        except FileNotFoundError:  # replaced by a newer one since it was listed
            continue
        except ValueError as error:
            raise StoreUnusable(
                "the lease is damaged",
                where=f"{files.public_uri}/{path}",
                todo="delete this file if no run is writing to the store",
            ) from error
    raise StoreUnusable("the leases change faster than they can be read", where=files.public_uri)


def check_held(files: Files, holder: Holder) -> None:
    """Checks that a holder's lease is still valid; every process that commits for it calls this, on any machine.

    Args:
        files: of the store.
        holder: from `Lease.holder`, or as found when the work for it began.

    Raises:
        StoreLocked: another process took over because the holder gave no sign of life; or the holder is gone, or
                has released the lease.
        StoreError: the store cannot be read; the lease may still be valid.
    """
    newest = newest_holder(files)
    if newest is None or newest.n < holder.n:  # somebody deleted lease files: the holder keeps the store
        return
    if newest.token != holder.token:
        raise locked(files, newest)
    if not newest.may_be_alive():
        what = f"the run that held this store is over: process {newest.pid} on {newest.host} since {newest.since}"
        raise StoreLocked(what, where=files.public_uri, todo="run the same command again: finished jobs are kept")


def locked(files: Files, holder: Holder) -> StoreLocked:
    """Returns the error that another process is writing to a store."""
    return StoreLocked(
        f"another run is writing to this store: process {holder.pid} on {holder.host} since {holder.since}",
        where=files.public_uri,
    )


def lease_numbers(files: Files) -> list[int]:
    """Returns the numbers of the leases on record, lowest first."""
    found = [_LEASE_FILE.fullmatch(entry.path) for entry in files.list(layout.LEASE)]
    return sorted(int(match[1]) for match in found if match)


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:  # no Linux
        return ""


def _process_start(pid: int) -> str | None:
    """Returns when a process started; None if it does not exist, or has ended as a zombie."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else fields[18]  # proc(5): field 22, counted after the name


def _hides(pid: int) -> bool:
    """Returns whether /proc may hide a process: with hidepid, it shows users only their own."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        pass
    return False
