"""What a store holds, counted: for `stylize status`."""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from stylize_core.store import layout
from stylize_core.store.files import Entry, Files
from stylize_core.store.holder import Holder, newest_holder
from stylize_core.store.ledger import live_results
from stylize_core.store.records import ROWS
from stylize_core.store.tables import read_table


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run as its folder shows it.

    Attributes:
        run: its name.
        first_written: seconds since 1970 of its oldest file; 0 where the file system does not say.
        last_written: seconds since 1970 of its newest file.
        rows: number of manifest rows by status; None as long as the run has not ended.
    """

    run: str
    first_written: float
    last_written: float
    rows: dict[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A store in numbers.

    Attributes:
        jobs: number of jobs by status, one line per job.
        errors: number of failed jobs by error code.
        files: number of files.
        bytes: of all files.
        runs: in the order of their names.
        holder: who writes to the store now; None where nobody does as far as can be seen from here.
    """

    jobs: dict[str, int]
    errors: dict[str, int]
    files: int
    bytes: int
    runs: list[RunSummary]
    holder: Holder | None


def summary(files: Files) -> Summary:
    """Returns a store in numbers.

    Raises:
        StoreError: a results file is damaged; it is named.
    """
    lines = live_results(files)
    entries = files.list("")
    newest = newest_holder(files)
    return Summary(
        jobs=_counts(lines["status"]),
        errors=_counts(lines["error_code"].drop_null()),
        files=len(entries),
        bytes=sum(entry.size for entry in entries),
        runs=_runs(files, entries),
        holder=newest if newest and newest.may_be_alive() else None,
    )


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return dict(sorted(Counter(column.to_pylist()).items()))


def _runs(files: Files, entries: list[Entry]) -> list[RunSummary]:
    entries_of: dict[str, list[Entry]] = {}
    for entry in entries:
        folder, _, rest = entry.path.partition("/")
        if folder == layout.RUNS and "/" in rest:
            entries_of.setdefault(rest.partition("/")[0], []).append(entry)
    return [_run(files, run, entries_of[run]) for run in sorted(entries_of)]


def _run(files: Files, run: str, entries: list[Entry]) -> RunSummary:
    try:
        statuses = read_table(files, layout.run(run, "results.parquet"), pa.schema([ROWS.field("status")]))
        rows = _counts(statuses["status"])
    except FileNotFoundError:
        rows = None
    times = [entry.modified for entry in entries]
    return RunSummary(run=run, first_written=min(times), last_written=max(times), rows=rows)
