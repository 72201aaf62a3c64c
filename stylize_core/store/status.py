"""Counts the contents of a store, for `stylize status`."""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from stylize_core.errors import OutputRefused, StoreDamaged
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.holder import Holder, newest_holder
from stylize_core.store.live import LINES, live_lines
from stylize_core.store.records import ROWS
from stylize_core.store.tables import read_batches

_STATUS = pa.schema([ROWS.field("status")])

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run according to its folder.

    Attributes:
        run: its name.
        first_written: seconds since 1970 of its oldest file; 0 if the file system does not say.
        last_written: seconds since 1970 of its newest file.
        rows: number of manifest rows by status; None until the run has ended, or if they are damaged.
        is_damaged: whether its rows cannot be read.
    """

    run: str
    first_written: float
    last_written: float
    rows: dict[str, int] | None
    is_damaged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSummary:
    """A store in numbers.

    Attributes:
        jobs: number of jobs by status, one line per job.
        errors: number of failed jobs by error code.
        files: number of files.
        bytes: of all files.
        runs: in the order of their names.
        holder: the current writer; None if none is visible from here.
    """

    jobs: dict[str, int]
    errors: dict[str, int]
    files: int
    bytes: int
    runs: list[RunSummary]
    holder: Holder | None


def summary(files: Files) -> StoreSummary:
    """Returns a store in numbers.

    Raises:
        StoreError: a results file is damaged; it is named.
    """
    jobs, errors = Counter[str](), Counter[str]()
    for lines in live_lines(files, ("status", "error_code")):
        jobs.update(lines["status"].to_pylist())
        errors.update(lines["error_code"].drop_null().to_pylist())
    count, size, runs = _listed(files)
    newest = newest_holder(files)
    return StoreSummary(
        jobs=dict(sorted(jobs.items())),
        errors=dict(sorted(errors.items())),
        files=count,
        bytes=size,
        runs=[_run(files, run, times) for run, times in sorted(runs.items())],
        holder=newest if newest and newest.may_be_alive() else None,
    )


def _listed(files: Files) -> tuple[int, int, dict[str, Span]]:
    """Returns number and bytes of all files, and when each run's first and last file was written."""
    count, size = 0, 0
    runs: dict[str, Span] = {}
    for entry in files.list(""):
        count, size = count + 1, size + entry.size
        folder, _, rest = entry.path.partition("/")
        if folder == layout.RUNS and "/" in rest:
            run = rest.partition("/")[0]
            first, last = runs.get(run, (entry.modified, entry.modified))
            runs[run] = min(first, entry.modified), max(last, entry.modified)
    return count, size, runs


def rows_by_status(files: Files, run: str) -> dict[str, int] | None:
    """Returns the number of a run's manifest rows by status; None until the run has ended."""
    rows = Counter[str]()
    try:
        for table in read_batches(files, layout.run(run, "results.parquet"), _STATUS, LINES):
            rows.update(table["status"].to_pylist())
    except FileNotFoundError:
        return None
    return dict(sorted(rows.items()))


def _run(files: Files, run: str, times: Span) -> RunSummary:
    rows, is_damaged = None, False
    try:
        rows = rows_by_status(files, run)
    except (StoreDamaged, OutputRefused):  # this concerns one run, not the store
        is_damaged = True
    return RunSummary(run=run, first_written=times[0], last_written=times[1], rows=rows, is_damaged=is_damaged)
