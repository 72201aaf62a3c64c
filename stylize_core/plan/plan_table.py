"""Every row of a manifest with its action, kept in temporary files and a few numbers per row."""

from collections import Counter
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stylize_core.errors import StylizeError
from stylize_core.job import Job, public_uri
from stylize_core.manifest.manifest import RejectedRow
from stylize_core.manifest.row import INPUT_COLUMNS, Row
from stylize_core.plan.doubts import Doubts
from stylize_core.plan.history import JobIds, packed
from stylize_core.plan.job_table import JobTable, job_lines
from stylize_core.settings import Settings
from stylize_core.spool import TableSpool
from stylize_core.store.records import PLAN

ACTIONS = ("run", "skip", "keep_failed", "reject")
"""The action for a row: it runs; it was done before; it failed before and is not retried; it is rejected."""

LISTED = 20
"""Rejected rows that are kept to be reported one by one."""

_LINES = PLAN.remove(PLAN.get_field_index("chunk"))  # chunks are known only after the last row


class PlanRow(NamedTuple):
    """A row and its action.

    Attributes:
        row: of the manifest.
        action: one of `ACTIONS`.
        attempts: at its job so far.
        job: None if the row is rejected.
        graph: all that fixes the compute graph of its job except the image's shape.
        error: why it is rejected.
    """

    row: Row | RejectedRow
    action: str
    attempts: int = 0
    job: Job | None = None
    graph: str = ""
    error: StylizeError | None = None


class CostGroup(NamedTuple):
    """What jobs of equal cost share: group and file format.

    Attributes:
        settings: of the first of these jobs.
        height: of the target, pixels.
        width: of the target, pixels.
        group: number of the group, from 0 in order of appearance.
    """

    settings: Settings
    height: int
    width: int
    group: int


class ToRun(NamedTuple):
    """The rows to run, as columns of equal length; rows with the same job repeat it.

    Attributes:
        rows: numbers of the rows, from 1.
        ids: of their jobs.
        places: positions of their jobs in the table of jobs.
        kinds: numbers of their jobs' kinds.
        attempts: at their jobs so far.
    """

    rows: npt.NDArray[np.int32]
    ids: JobIds
    places: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.int32]
    attempts: npt.NDArray[np.int32]


class PlannedRows:
    """The rows of a manifest with their actions.

    Args:
        weights_sha256: of the network's weights.

    Attributes:
        counts: number of rows by action.
        rejected: the first `LISTED` of the rejected rows.
        doubts: about the rows to run.
        jobs: of the rows to run.
        kinds: of these jobs, in order of appearance.
        has_secrets: whether an input's URI contains credentials, or anything that is removed together with them.
    """

    def __init__(self, weights_sha256: str) -> None:
        self.weights_sha256 = weights_sha256
        self.counts = dict.fromkeys(ACTIONS, 0)
        self.rejected: list[PlanRow] = []
        self.doubts = Doubts()
        self.jobs = JobTable()
        self.kinds: list[CostGroup] = []
        self.has_secrets = False
        self._lines = TableSpool(_LINES)
        self._to_run: list[ToRun] = []
        self._groups: dict[object, int] = {}
        self._numbers: dict[object, int] = {}  # of the kinds

    def __len__(self) -> int:
        """Number of rows."""
        return sum(self.counts.values())

    def add(self, batch: Sequence[PlanRow]) -> None:
        """Adds the next rows of the manifest.

        Raises:
            UsageError: there is no space for them.
        """
        for action, count in Counter(one.action for one in batch).items():
            self.counts[action] += count
        self.rejected += [one for one in batch if one.error][: LISTED - len(self.rejected)]
        columns = zip(*(self._line(one) for one in batch), strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _LINES, strict=True)]
        self._lines.add(pa.RecordBatch.from_arrays(arrays, schema=_LINES))
        self._add_jobs([(one, one.job) for one in batch if one.action == "run" and one.job])

    def to_run(self) -> ToRun:
        """Returns the rows to run, in the order of the manifest."""
        return ToRun(*(np.concatenate(parts) for parts in zip(*self._to_run, strict=True)))

    def lines(self, chunk_of: npt.NDArray[np.int32]) -> Iterator[pa.RecordBatch]:
        """Yields a line per row with schema `PLAN`, batch by batch.

        Args:
            chunk_of: number of each row's chunk, 0 if it has none.
        """
        start = 0
        for batch in self._lines:
            numbers = chunk_of[start : start + batch.num_rows]
            start += batch.num_rows
            arrays = dict(zip(_LINES.names, batch.columns, strict=True))
            arrays["chunk"] = pa.array(numbers, PLAN.field("chunk").type, mask=numbers == 0)
            yield pa.RecordBatch.from_arrays([arrays[name] for name in PLAN.names], schema=PLAN)

    def _add_jobs(self, jobs: Sequence[tuple[PlanRow, Job]]) -> None:
        to_run = ToRun(
            rows=np.array([one.row.row for one, _ in jobs], np.int32),
            ids=packed([job.job_id for _, job in jobs]),
            places=self.jobs.add(job_lines((job, _settings_json(one)) for one, job in jobs)),
            kinds=np.array([self._kind(one, job) for one, job in jobs], np.int32),
            attempts=np.array([one.attempts for one, _ in jobs], np.int32),
        )
        self._to_run.append(to_run)
        for one, job in jobs:
            self.doubts.look(one.row.line, job)
        self.has_secrets = self.has_secrets or any(public_uri(uri) != uri for _, job in jobs for uri in _uris(job))

    def _kind(self, one: PlanRow, job: Job) -> int:
        key = (one.graph, job.settings.format, job.height, job.width)
        number = self._numbers.get(key)
        if number is None:
            group = self._groups.setdefault((one.graph, job.height, job.width), len(self._groups))
            number = self._numbers[key] = len(self.kinds)
            self.kinds.append(CostGroup(job.settings, job.height, job.width, group))
        return number

    def _line(self, one: PlanRow) -> tuple[object, ...]:
        row, job, error = one.row, one.job, one.error
        if isinstance(row, Row):
            name, preset = row.id, row.preset
            inputs: tuple[str | None, ...] = (row.content, row.style, row.init)
        else:
            name, preset = row.cells.get("id") or None, ""
            inputs = tuple(row.inputs.get(column) for column in INPUT_COLUMNS)
        content, style, init = (public_uri(uri) if uri else None for uri in inputs)
        return (
            row.row,
            row.line,
            name,
            job.job_id if job else None,
            one.action,
            preset,
            content,
            style,
            init,
            _settings_json(one) if job else None,
            job.digests_json(self.weights_sha256) if job else None,
            _cells_json(row.cells),
            error.code if error else None,
            str(error) if error else None,
        )


def _uris(job: Job) -> list[str]:
    return [source.uri for source in (job.content, *(style for style, _ in job.styles), job.init) if source]


def _cells_json(cells: dict[str, str]) -> str:
    """Returns cells as JSON, without the credentials of their URLs."""
    public = cells | {column: public_uri(cells[column]) for column in INPUT_COLUMNS if column in cells}
    return f"{{{', '.join([f'{quoted(column)}: {quoted(text)}' for column, text in public.items()])}}}"


def _settings_json(one: PlanRow) -> str:
    assert isinstance(one.row, Row), "a rejected row has no job"
    return one.row.settings_json
