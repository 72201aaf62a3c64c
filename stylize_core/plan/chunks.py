"""Distributes the jobs to run to chunks of one group each; reads a chunk's jobs on demand."""

import math
from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stylize_core.job import Chunk
from stylize_core.plan.forecast import job_seconds
from stylize_core.plan.job_table import JobTable
from stylize_core.plan.plan_table import CostGroup, PlannedRows
from stylize_core.plan.rates import Rate
from stylize_core.store.records import JOBS, PARTITION

MAX_CHUNKS = 2000
"""Upper bound of chunks per flow run, if groups and `rows_per_task` allow it: each costs an orchestrator about 20 ms
and 20 kB."""

CHUNK_SECONDS = 30.0
"""Chunks take at least this long if the rows allow it."""

Numbers = npt.NDArray[np.signedinteger]

_NONE = np.zeros(0, np.int64)

LINES = 5000
"""Jobs in memory at once."""


class Chunks:
    """Chunks in order; each is made on demand, so that none of them takes memory.

    Args:
        table: the table of jobs.
        places: (n,) positions of the jobs there, chunk by chunk; none unless given.
        attempts: (n,) attempts at the jobs so far.
        numbers: (n,) numbers of the jobs' chunks, from 1, ascending.
    """

    def __init__(
        self, table: JobTable, places: Numbers = _NONE, attempts: Numbers = _NONE, numbers: Numbers = _NONE
    ) -> None:
        self._table, self._places, self._attempts, self._numbers = table, places, attempts, numbers
        # Where each chunk starts among the jobs, and where the last one ends.
        self._starts = np.flatnonzero(np.diff(numbers, prepend=0, append=-1))

    @property
    def jobs(self) -> int:
        """Number of jobs in all chunks."""
        return len(self._places)

    def parts(self, count: int) -> list["Chunks"]:
        """Returns the chunks in parts of `count`, the last one with the rest; their numbers stay."""
        borders = pairwise([*self._starts[:-1:count], self.jobs])
        return [self._chosen(slice(start, end)) for start, end in borders]

    def without(self, done: Container[str]) -> "Chunks":
        """Returns the chunks without the jobs that are done; chunks keep their numbers."""
        ids = (job_id for table in self._tables() for job_id in table["job_id"].to_pylist())
        return self._chosen(np.fromiter((job_id not in done for job_id in ids), np.bool_, self.jobs))

    def lines(self) -> Iterator[pa.RecordBatch]:
        """Yields a line per job with schema `PARTITION`, batch by batch."""
        start = 0
        for table in self._tables():
            some = slice(start, start := start + len(table))
            own = [pa.array(self._numbers[some], pa.int32()), pa.array(self._attempts[some] + 1, pa.int32())]
            yield from pa.table([*own, *table.columns], PARTITION).combine_chunks().to_batches()

    @classmethod
    def from_lines(cls, tables: Iterable[pa.Table]) -> "Chunks":
        """Returns the chunks from the output of `lines`."""
        jobs, places, attempts, numbers = JobTable(), [_NONE], [_NONE], [_NONE]
        for table in tables:
            places += [jobs.add(batch) for batch in table.select(JOBS.names).to_batches()]
            attempts.append(table["attempt"].to_numpy() - 1)
            numbers.append(table["chunk"].to_numpy())
        return cls(jobs, *map(np.concatenate, (places, attempts, numbers)))

    def job_ids(self, index: int) -> list[str]:
        """Returns the ids of a chunk's jobs."""
        ids: list[str] = self._table.take(self._places[slice(*self._starts[index : index + 2])])["job_id"].to_pylist()
        return ids

    def __len__(self) -> int:
        """Number of chunks."""
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[Chunk]:
        """Yields every chunk; can be iterated any number of times."""
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Chunk:
        """Returns a chunk.

        Raises:
            IndexError: there are fewer chunks.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"chunk {index} of {len(self)}")
        start, end = self._starts[index : index + 2]
        jobs = tuple(self._table.read(self._places[start:end]))
        tried = self._attempts[start:end].tolist()
        attempts = {job.job_id: count + 1 for job, count in zip(jobs, tried, strict=True)}
        return Chunk(number=int(self._numbers[start]), jobs=jobs, attempts=attempts)

    def _chosen(self, some: slice | npt.NDArray[np.bool_]) -> "Chunks":
        return Chunks(self._table, self._places[some], self._attempts[some], self._numbers[some])

    def _tables(self) -> Iterator[pa.Table]:
        """Yields the lines of the jobs, with schema `JOBS`, some at a time."""
        return (self._table.take(self._places[start : start + LINES]) for start in range(0, self.jobs, LINES))


class Share(NamedTuple):
    """The distribution of the jobs to run.

    Attributes:
        chunks: the work, in order.
        groups: number of groups.
        kinds: number of jobs of each kind.
        chunk_of: number of each row's chunk, 0 if it has none.
    """

    chunks: Chunks
    groups: int
    kinds: list[tuple[CostGroup, int]]
    chunk_of: npt.NDArray[np.int32]


def share_out(planned: PlannedRows, rate: Rate, rows_per_task: int | None = None) -> Share:
    """Distributes the jobs to run to chunks: group by group, within a group in the order of the manifest.

    Args:
        planned: the rows; rows with the same job share it.
        rate: of the device.
        rows_per_task: jobs of a chunk, None to choose.
    """
    to_run, kinds = planned.to_run(), planned.kinds
    _, first, job_of = np.unique(to_run.ids, return_index=True, return_inverse=True)
    jobs = np.sort(first)  # first occurrence of each job
    group_of = np.array([kind.group for kind in kinds], np.int64)[to_run.kinds[jobs]]
    order = jobs[np.argsort(group_of, kind="stable")]
    numbers = _numbers(np.bincount(group_of), kinds, rate, rows_per_task)
    of_row = np.zeros(len(to_run.rows), np.int32)
    of_row[order] = numbers
    chunk_of = np.zeros(len(planned), np.int32)
    chunk_of[to_run.rows - 1] = of_row[first[job_of]]
    counts = np.bincount(to_run.kinds[jobs], minlength=len(kinds)).tolist()
    chunks = Chunks(planned.jobs, to_run.places[order], to_run.attempts[order], numbers)
    return Share(chunks, int(group_of.max(initial=-1)) + 1, list(zip(kinds, counts, strict=True)), chunk_of)


def _numbers(sizes: Numbers, kinds: list[CostGroup], rate: Rate, rows_per_task: int | None) -> Numbers:
    """Returns the number of each job's chunk, from 1, for jobs in the order of their groups.

    Args:
        sizes: jobs of each group.
        kinds: of the jobs.
        rate: of the device.
        rows_per_task: jobs of a chunk, None to choose.
    """
    first_kinds = {kind.group: kind for kind in reversed(kinds)}
    seconds = [job_seconds(first_kinds[group], rate) for group in range(len(sizes))]
    long_enough = np.array([math.ceil(CHUNK_SECONDS / max(one, 1e-9)) for one in seconds], np.int64)
    jobs = np.maximum(long_enough, _fewest(sizes, long_enough))
    numbers, last = [_NONE], 0
    for size, each in zip(sizes.tolist(), jobs.tolist(), strict=True):
        numbers.append(last + 1 + np.arange(size) // (rows_per_task or each))
        last = int(numbers[-1][-1])
    return np.concatenate(numbers)


def _fewest(sizes: Numbers, long_enough: Numbers) -> int:
    """Returns the fewest jobs per chunk that give at most `MAX_CHUNKS` chunks, or one per group."""

    def fits(jobs: int) -> bool:
        return int(np.ceil(sizes / np.maximum(long_enough, jobs)).sum()) <= max(MAX_CHUNKS, len(sizes))

    return 1 + bisect_left(range(1, int(sizes.max(initial=1))), True, key=fits)
