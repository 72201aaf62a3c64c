"""The rows of a run: its plan joined with the lines of the store that count. This is the only join of the two."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import chain, repeat

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.files.files import Files
from stylize_core.record.run_files import open_plan, open_published
from stylize_core.store.live import live_lines
from stylize_core.store.records import FIGURES, PLAN, RESULTS, ROWS, STATUSES
from stylize_core.store.tables import TableFile

LINES = 20_000
"""Rows in memory at once."""

FINISHED = ("done", "skipped", "failed")
"""Statuses of a row whose job has a line that counts."""

_KEPT = ("image", "seconds", *FIGURES, "error_code", "error")
_DECIDING = ("action", "run", "status", "error_code", "error")  # these decide the outcome of a row
_FEW = ("commit", "run", "status", "error_code", "device", "precision", "versions")  # texts that many lines share


class RunRows:
    """The rows of a run, each with its plan, its outcome, and the live line of its job.

    Rows in = done + skipped + failed + rejected + stopped, always. A row is `done` if this run made its image,
    `skipped` if an earlier run did, `stopped` if no run has yet. Rows with the same job repeat its line.

    The constructor fetches each file of the store once; then the rows can be read repeatedly, `LINES` at once. Memory
    holds the requested columns of each job's line, and about 40 bytes per row.

    Args:
        files: the store.
        run: the run's name.
        columns: of the jobs' live lines, see `records.RESULTS`, besides those of `records.ROWS`.
        published: use the rows as published at the end of the run, if it has ended; otherwise their current state.
        lost: ids of jobs whose results from earlier runs do not count because the image is gone or damaged; for the
            current state.

    Attributes:
        files: the store.
        run: the run's name.
        jobs: ids of the distinct jobs, in the manifest's order.

    Raises:
        UsageError: there is no such run, or no space for private files.
        StoreError: a file of the store is damaged.
    """

    def __init__(
        self,
        files: Files,
        run: str,
        columns: Sequence[str] = (),
        *,
        published: bool = True,
        lost: Sequence[str] = (),
    ) -> None:
        self.files, self.run = files, run
        self._plan = open_plan(files, run)
        self._published = open_published(files, run) if published else None
        numbered = _numbered(self._plan)
        self.jobs: pa.StringArray = numbered.dictionary
        names = columns if self._published else tuple(dict.fromkeys((*columns, "run", "status", *_KEPT)))
        among = partial(_without, lost=pa.array(lost, pa.string()), run=run) if lost else _all
        self._lines, places = _live(files, self.jobs, names, among)
        self._places = places.take(numbered.indices)  # of each row's line, null if there is none
        self._is_first = _is_first(numbered.indices)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._places)

    def tables(self, *names: str) -> Iterator[pa.Table]:
        """Yields columns of the rows in the manifest's order, `LINES` at once.

        Args:
            names: columns of `records.ROWS` or `records.PLAN`; requested columns of live lines, null if there
                    is no line; and `is_first`: whether no earlier row has the same job, false for rejected rows.

        Raises:
            StoreError: a file of the store is damaged.
        """
        schema, start = pa.schema([_field(name) for name in names]), 0
        needed = {*names, *_DECIDING}
        found = self._lines.select([name for name in self._lines.column_names if name in needed])
        for planned, ended in self._parts(needed):
            place = slice(start, start + len(planned))
            lines = _unpacked(found.take(self._places[place]))
            columns = _columns(planned) | _columns(lines)
            columns |= _columns(ended) if ended else _outcome(planned, lines, self.run)
            columns |= {"is_first": pa.array(self._is_first[place])}
            yield pa.table([columns[name] for name in names], schema=schema)
            start = place.stop

    def counts(self) -> dict[str, int]:
        """Returns the number of rows for every status."""
        counts = Counter[str]()
        for table in self.tables("status"):
            counts.update(table["status"].to_pylist())
        return {status: counts[status] for status in STATUSES}

    def _parts(self, needed: Collection[str]) -> Iterator[tuple[pa.Table, pa.Table | None]]:
        """Yields columns of the rows as planned, and as published."""
        planned = self._plan.batches(pa.schema([column for column in PLAN if column.name in needed]), LINES)
        if self._published is None:
            return zip(planned, repeat(None))
        ended = self._published.batches(pa.schema([column for column in ROWS if column.name in needed]), LINES)
        return zip(planned, ended, strict=True)


def read_rows(files: Files, run: str) -> Iterator[pa.Table]:
    """Yields rows with schema `records.ROWS`: as published at the run's end, or their current state if it never ended.

    Raises:
        UsageError: there is no such run.
        StoreError: a file of the store is damaged.
    """
    published = open_published(files, run)
    return published.batches(ROWS, LINES) if published else RunRows(files, run).tables(*ROWS.names)


def _numbered(plan: TableFile) -> pa.DictionaryArray:
    """Returns the ids of all jobs, and the number of each row's job, null if rejected."""
    parts = plan.batches(pa.schema([PLAN.field("job_id")]), LINES)
    asked = pa.chunked_array([chunk for part in parts for chunk in part["job_id"].chunks], pa.string())
    return asked.combine_chunks().dictionary_encode()


def _live(
    files: Files, jobs: pa.StringArray, names: Sequence[str], among: Callable[[pa.Table], pa.Table]
) -> tuple[pa.Table, pa.Array]:
    """Returns columns of the live lines of some jobs, and the place of each job's line, null if there is none."""
    if not names:
        return pa.table({}), pa.nulls(len(jobs), pa.int32())
    schema = pa.schema([RESULTS.field(name) for name in ("job_id", *names)])
    tables = chain([schema.empty_table()], live_lines(files, schema.names, among))
    ours = (_packed(lines.filter(pc.is_in(lines["job_id"], value_set=jobs))) for lines in tables)
    found = pa.concat_tables(list(ours))
    places = pc.index_in(jobs, value_set=found["job_id"].combine_chunks())
    return found.drop_columns(["job_id"]).unify_dictionaries().combine_chunks(), places


def _all(lines: pa.Table) -> pa.Table:
    return lines


def _without(lines: pa.Table, lost: pa.Array, run: str) -> pa.Table:
    """Returns lines without those of earlier runs of lost jobs."""
    is_lost = pc.and_(pc.is_in(lines["job_id"], value_set=lost), pc.not_equal(lines["run"], run))
    return lines.filter(pc.invert(is_lost))


def _packed(lines: pa.Table) -> pa.Table:
    """Returns lines as dictionaries, so that shared texts are stored once."""
    for place, name in enumerate(lines.column_names):
        if name in _FEW:
            lines = lines.set_column(place, name, lines[name].dictionary_encode())
    return lines


def _unpacked(lines: pa.Table) -> pa.Table:
    return lines.cast(pa.schema([RESULTS.field(name) for name in lines.column_names]))


def _is_first(jobs: pa.Array) -> npt.NDArray[np.bool_]:
    """Returns whether each row is the first of its job; the jobs are numbered in the order of their first rows."""
    numbers = jobs.fill_null(-1).to_numpy()
    highest = np.maximum.accumulate(np.concatenate([[-1], numbers]))
    is_first: npt.NDArray[np.bool_] = numbers > highest[:-1]
    return is_first


def _outcome(planned: pa.Table, lines: pa.Table, run: str) -> dict[str, pa.ChunkedArray]:
    """Returns the outcome of planned rows, given the current state of their lines."""
    is_rejected = pc.equal(planned["action"], "reject")
    is_failed, is_ours = pc.equal(lines["status"], "failed"), pc.equal(lines["run"], run)
    cases = [is_rejected, pc.is_null(lines["status"]), is_failed, is_ours]
    status = pc.case_when(
        pc.make_struct(*cases, field_names=["rejected", "stopped", "failed", "done"]),
        *("rejected", "stopped", "failed", "done", "skipped"),
    )
    errors = {name: pc.if_else(is_rejected, planned[name], lines[name]) for name in ("error_code", "error")}
    return {"status": status, **errors}


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))


def _field(name: str) -> pa.Field:
    if name == "is_first":
        return pa.field(name, pa.bool_())
    return next(schema.field(name) for schema in (ROWS, PLAN, RESULTS) if name in schema.names)
