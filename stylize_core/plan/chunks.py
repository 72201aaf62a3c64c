"""The jobs to run, shared out to chunks of one group each; a chunk's jobs are read when it is asked for."""

import math
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stylize_core.job import Chunk
from stylize_core.plan.forecast import job_seconds
from stylize_core.plan.job_spool import JobSpool
from stylize_core.plan.plan_table import CostGroup, PlannedRows
from stylize_core.plan.rates import Rate

MAX_CHUNKS = 2000
"""Upper bound of chunks of one flow run, where groups and `rows_per_task` allow it: an orchestrator pays some 20 ms
and 20 kB for each."""

CHUNK_SECONDS = 30.0
"""Chunks are made at least this long where the rows allow it."""

Numbers = npt.NDArray[np.signedinteger]

_NO_JOBS = np.zeros(0, np.int64)
_NO_CHUNKS = np.zeros(1, np.int64)


class Chunks:
    """Chunks in their order; each is made anew whenever it is asked for, so that none of them costs memory.

    Args:
        jobs: where the jobs are.
        places: of the jobs there, chunk by chunk; none unless given.
        attempts: at the jobs so far.
        starts: of each chunk among the jobs, and where the last one ends.
        numbers: of the chunks; from 1 unless given.
    """

    def __init__(
        self,
        jobs: JobSpool,
        places: Numbers = _NO_JOBS,
        attempts: Numbers = _NO_JOBS,
        starts: Numbers = _NO_CHUNKS,
        numbers: Numbers | None = None,
    ) -> None:
        self._jobs, self._places, self._attempts, self._starts = jobs, places, attempts, starts
        self._numbers = np.arange(1, len(starts)) if numbers is None else numbers

    @property
    def jobs(self) -> int:
        """Number of jobs in all chunks."""
        return int(self._starts[-1] - self._starts[0])

    def parts(self, count: int) -> list["Chunks"]:
        """Returns the chunks as parts of so many each, the last one of what is left; their numbers stay."""
        slices = [slice(start, start + count) for start in range(0, len(self), count)]
        return [
            Chunks(
                self._jobs,
                self._places,
                self._attempts,
                self._starts[part.start : part.stop + 1],
                self._numbers[part],
            )
            for part in slices
        ]

    def __len__(self) -> int:
        """Number of chunks."""
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[Chunk]:
        """Yields every chunk; any number of times."""
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Chunk:
        """Returns a chunk.

        Raises:
            IndexError: there are not so many.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"chunk {index} of {len(self)}")
        part = slice(self._starts[index], self._starts[index + 1])
        jobs = tuple(self._jobs.read(place) for place in self._places[part].tolist())
        tried = self._attempts[part].tolist()
        attempts = {job.job_id: count + 1 for job, count in zip(jobs, tried, strict=True)}
        return Chunk(number=int(self._numbers[index]), jobs=jobs, attempts=attempts)


class Share(NamedTuple):
    """How the jobs to run are shared out.

    Attributes:
        chunks: the work, in order.
        groups: number of groups.
        kinds: number of jobs of each kind.
        chunk_of: number of each row's chunk, 0 where it has none.
    """

    chunks: Chunks
    groups: int
    kinds: list[tuple[CostGroup, int]]
    chunk_of: npt.NDArray[np.int32]


def share_out(planned: PlannedRows, rate: Rate, rows_per_task: int | None = None) -> Share:
    """Shares the jobs to run out to chunks: group by group, in each the jobs in the order of the manifest.

    Args:
        planned: the rows; rows of one job share it.
        rate: of the device.
        rows_per_task: jobs of a chunk, None to choose.
    """
    to_run, kinds = planned.to_run(), planned.kinds
    _, first, job_of = np.unique(to_run.ids, return_index=True, return_inverse=True)
    jobs = np.sort(first)  # where each job is met first
    group_of = np.array([kind.group for kind in kinds], np.int64)[to_run.kinds[jobs]]
    order = jobs[np.argsort(group_of, kind="stable")]
    starts = _starts(np.bincount(group_of), kinds, rate, rows_per_task)
    numbers = np.zeros(len(to_run.rows), np.int32)
    numbers[order] = np.repeat(np.arange(1, len(starts)), np.diff(starts))
    chunk_of = np.zeros(len(planned), np.int32)
    chunk_of[to_run.rows - 1] = numbers[first[job_of]]
    counts = np.bincount(to_run.kinds[jobs], minlength=len(kinds)).tolist()
    chunks = Chunks(planned.jobs, to_run.places[order], to_run.attempts[order], starts)
    return Share(chunks, int(group_of.max(initial=-1)) + 1, list(zip(kinds, counts, strict=True)), chunk_of)


def _starts(sizes: Numbers, kinds: list[CostGroup], rate: Rate, rows_per_task: int | None) -> Numbers:
    """Returns where each chunk starts among the jobs in the order of their groups, and where the last one ends.

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
    starts: list[int] = []
    end = 0
    for size, each in zip(sizes.tolist(), jobs.tolist(), strict=True):
        starts += range(end, end + size, rows_per_task or each)
        end += size
    return np.array([*starts, end], np.int64)


def _fewest(sizes: Numbers, long_enough: Numbers) -> int:
    """Returns the fewest jobs of a chunk with which there are no more than `MAX_CHUNKS`, or one for each group."""

    def fits(jobs: int) -> bool:
        return int(np.ceil(sizes / np.maximum(long_enough, jobs)).sum()) <= max(MAX_CHUNKS, len(sizes))

    return 1 + bisect_left(range(1, int(sizes.max(initial=1))), True, key=fits)
