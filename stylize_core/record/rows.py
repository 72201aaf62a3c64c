"""What became of each row of a run's manifest: its plan, joined with the lines of the store that count."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.errors import UsageError
from stylize_core.files.files import Files
from stylize_core.store import layout, runs
from stylize_core.store.ledger import map_results
from stylize_core.store.live import live_lines
from stylize_core.store.records import FIGURES, PLAN, RESULTS, ROWS
from stylize_core.store.tables import read_batches

LINES = 20_000
"""Rows in memory at once."""

_KEPT = ("image", "seconds", *FIGURES, "error_code", "error")
_PLANNED = ("row", "id", "job_id", "action", "error_code", "error")


def latest_run(files: Files) -> str:
    """Returns the name of the newest run.

    Raises:
        UsageError: the store has no run.
    """
    run = runs.latest_run(files)
    if not run:
        raise UsageError(
            "this store has no run to report on", where=files.public_uri, todo="run a manifest into it first"
        )
    return run


def read_plan(files: Files, run: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yields columns of a run's plan, see `records.PLAN`: a line per manifest row, in its order, `LINES` at once.

    Raises:
        UsageError: there is no such run.
    """
    schema = pa.schema([PLAN.field(name) for name in columns])
    try:
        yield from read_batches(files, layout.run(run, "plan.parquet"), schema, LINES)
    except FileNotFoundError:
        known = ", ".join(runs.planned_runs(files)[-5:]) or "none"
        raise UsageError(
            f"there is no run {run!r}", where=files.public_uri, todo=f"the latest runs here: {known}"
        ) from None


def read_rows(files: Files, run: str) -> Iterable[pa.Table]:
    """Returns the rows as they were published when the run ended, or as they stand now if it never did."""
    path = layout.run(run, "results.parquet")
    return read_batches(files, path, ROWS, LINES) if files.exists(path) else collect_rows(files, run)


def collect_rows(files: Files, run: str, lost: Sequence[str] = ()) -> "RunRows":
    """Returns what became of every row of a run's manifest.

    Args:
        files: the store.
        run: the run's name.
        lost: ids of jobs whose results of earlier runs do not count, because their image is gone or damaged.

    Raises:
        UsageError: there is no such run.
        StoreError: a file of the store is damaged.
    """
    schema = pa.schema([PLAN.field("job_id")])
    asked = pa.concat_tables([schema.empty_table(), *read_plan(files, run, ["job_id"])])["job_id"]
    found = pa.concat_tables(
        [_shortened(lines, run) for lines in live_lines(files, ("job_id", "run", "status", *_KEPT))]
        or [_shortened(RESULTS.empty_table(), run)]
    )
    if lost:
        found = _without(found, pa.array(lost, pa.string()), files, run)
    places = pc.index_in(asked, value_set=found["job_id"].combine_chunks())
    return RunRows(files, run, found.drop_columns(["job_id"]).combine_chunks(), places.combine_chunks())


@dataclass(frozen=True, slots=True)
class RunRows:
    """What became of every row of a run's manifest: tables with schema `records.ROWS`, in the manifest's order.

    Rows in = done + skipped + failed + rejected + stopped, always. A row is `done` where this run made its image,
    `skipped` where an earlier one did, `stopped` where nobody has yet. Rows of one job repeat its line.

    They may be iterated over again and again: memory holds what is kept of each job, some 150 bytes.

    Attributes:
        files: the store.
        run: the run's name.
        found: of the store's lines that count, what rows repeat.
        places: of each row's line in `found`, null where there is none.
    """

    files: Files
    run: str
    found: pa.Table
    places: pa.Array

    def __iter__(self) -> Iterator[pa.Table]:
        """Yields the rows, `LINES` at once."""
        start = 0
        for planned in read_plan(self.files, self.run, _PLANNED):
            yield _rows(planned, self.found.take(self.places.slice(start, len(planned))))
            start += len(planned)


def _shortened(lines: pa.Table, run: str) -> pa.Table:
    is_failed, is_ours = pc.equal(lines["status"], "failed"), pc.equal(lines["run"], run)
    return lines.select(["job_id", *_KEPT]).append_column("is_failed", is_failed).append_column("is_ours", is_ours)


def _without(found: pa.Table, lost: pa.Array, files: Files, run: str) -> pa.Table:
    """Returns what counts where earlier results of lost jobs do not: what this run made of them instead, if anything.

    Where it failed, the line that counts by the store's rule is still that of the done job.
    """
    is_lost = pc.and_(pc.is_in(found["job_id"], value_set=lost), pc.invert(found["is_ours"]))
    gone = found["job_id"].filter(is_lost).combine_chunks()
    tables = map_results(lambda lines: _shortened(lines, run), files, ["job_id", "run", "status", *_KEPT])
    ours = (lines.filter(pc.and_(lines["is_ours"], pc.is_in(lines["job_id"], value_set=gone))) for lines in tables)
    return pa.concat_tables([found.filter(pc.invert(is_lost)), *ours])


def _rows(planned: pa.Table, found: pa.Table) -> pa.Table:
    """Joins planned rows with their lines, which are null where there is none."""
    is_rejected = pc.equal(planned["action"], "reject")
    cases = [is_rejected, pc.is_null(found["is_failed"]), found["is_failed"], found["is_ours"]]
    status = pc.case_when(
        pc.make_struct(*cases, field_names=["rejected", "stopped", "failed", "done"]),
        *("rejected", "stopped", "failed", "done", "skipped"),
    )
    columns = {name: planned[name] for name in ("row", "id", "job_id")} | {"status": status}
    columns |= {name: found[name] for name in _KEPT}
    columns |= {name: pc.if_else(is_rejected, planned[name], found[name]) for name in ("error_code", "error")}
    return pa.table([columns[name] for name in ROWS.names], schema=ROWS)
