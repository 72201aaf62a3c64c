"""Deletes the drawings of old runs: contact sheets and pages, which `stylize report` can draw again from the record.

Results, losses and the rows of every run stay, and so does every file that this program did not name.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stylize_core.errors import UsageError
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.runs import latest_run, planned_runs

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Which drawings are kept; a run is pruned as soon as one limit requires it.

    Attributes:
        keep: number of newest runs that keep theirs in any case; the newest one always does.
        older_than: age of a run, by its name, from which its drawings are deleted; None for no limit.
        max_bytes: limit for all drawings, beyond which the oldest are deleted; None for no limit.
    """

    keep: int
    older_than: timedelta | None = None
    max_bytes: int | None = None

    @classmethod
    def parse(cls, keep: int | None, older_than: str | None, max_size: str | None) -> "Limits":
        """Parses limits such as 10, `30d` or `5GB`.

        Raises:
            UsageError: one of them is invalid, or none is given.
        """
        if keep is None and older_than is None and max_size is None:
            what, todo = "nothing says what may go", "add for instance --older-than 30d, --max-size 5GB or --keep 10"
            raise UsageError(what, where="--older-than, --max-size, --keep", todo=todo)
        if keep is not None and keep < 1:
            raise UsageError(f"{keep} is too few", where="--keep", todo="the newest run keeps its report: use 1, 2 …")
        age = _parsed(older_than, "--older-than", tuple(_UNITS), "12h, 30d or 8w")
        size = _parsed(max_size, "--max-size", tuple(_BYTES), "500MB or 5GB")
        if age is None and size is None:
            age = (0, "d")  # only the newest runs are kept
        return cls(
            keep=keep or 1,
            older_than=timedelta(**{_UNITS[age[1]]: age[0]}) if age else None,
            max_bytes=size[0] * _BYTES[size[1]] if size else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """The drawings of a run to delete.

    Attributes:
        run: its name.
        paths: of the files, relative to the store.
        bytes: of these files.
    """

    run: str
    paths: tuple[str, ...]
    bytes: int


def prunable(files: Files, limits: Limits, now: datetime | None = None) -> list[Pruned]:
    """Returns the drawings that exceed the limits, oldest run first; deletes nothing.

    Args:
        files: of the store.
        limits: what is kept.
        now: the current time; this machine's unless given.

    Raises:
        StoreError: the store cannot be read.
    """
    now = now or datetime.now(UTC)
    drawn = _drawings(files)
    total = sum(one.bytes for one in drawn)
    runs = planned_runs(files)
    kept = {*runs[-limits.keep :], latest_run(files)}
    going = []
    for one in drawn:
        begun = _begun(one.run)
        if one.run in kept or begun is None:
            continue
        is_old = limits.older_than is not None and now - begun > limits.older_than
        if is_old or (limits.max_bytes is not None and total > limits.max_bytes):
            going.append(one)
            total -= one.bytes
    return going


def prune(files: Files, going: list[Pruned]) -> None:
    """Deletes drawings that `prunable` returned.

    Raises:
        StoreError: the store cannot be written.
    """
    files.delete(path for one in going for path in one.paths)


def _drawings(files: Files) -> list[Pruned]:
    """Returns the drawings of each run, sorted by name, which begins with the time."""
    found: dict[str, list[tuple[str, int]]] = {}
    for entry in files.list(layout.RUNS):
        if run := layout.run_of_drawing(entry.path):
            found.setdefault(run, []).append((entry.path, entry.size))
    return [
        Pruned(run=run, paths=tuple(path for path, _ in drawn), bytes=sum(size for _, size in drawn))
        for run, drawn in sorted(found.items())
    ]


def _begun(run: str) -> datetime | None:
    """Returns when a run began, by its name; None if this program did not make the name."""
    found = re.match(r"(\d{8}T\d{6})\.\d{3}-[0-9a-f]+$", run)
    try:
        return datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def _parsed(text: str | None, option: str, units: tuple[str, ...], example: str) -> tuple[int, str] | None:
    if text is None:
        return None
    found = re.fullmatch(rf"([0-9]{{1,6}})\s*({'|'.join(units)})", text.strip())
    if not found:
        raise UsageError(f"{text!r} cannot be read", where=option, todo=f"write for instance {example}")
    return int(found[1]), found[2]
