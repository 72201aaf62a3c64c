"""What becomes of a chunk whose worker is gone: of its jobs, only what the store has is believed to be done."""

from collections.abc import Container
from dataclasses import dataclass, replace

import pyarrow as pa

from stylize_core.errors import StylizeError, WorkerLost
from stylize_core.files.files import Files
from stylize_core.job import Chunk
from stylize_core.store import layout
from stylize_core.store.ledger import results_paths
from stylize_core.store.records import RESULTS
from stylize_core.store.tables import read_tables

_IDS = pa.schema([RESULTS.field("job_id")])

MAX_DEATHS = 2
"""Workers that a job may cost when it is alone on them: one may die of something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPart:
    """A chunk, or what is left of one.

    Attributes:
        chunk: what is to be computed.
        deaths: number of workers that died when of what they computed only this, a single job, was not committed.
    """

    chunk: Chunk
    deaths: int = 0

    def after_loss(self, done: Container[str], *, is_begun: bool) -> list["ChunkPart"]:
        """Returns what is to be computed again after the worker is gone.

        Args:
            done: ids of jobs that are committed.
            is_begun: whether the worker had begun this piece. One that only waited there has no part in it; of one
                that was computed, each half goes its own way, down to the job that is to blame.
        """
        jobs = tuple(job for job in self.chunk.jobs if job.job_id not in done)
        if not jobs:
            return []
        if not is_begun:
            return [replace(self, chunk=replace(self.chunk, jobs=jobs))]
        if len(jobs) == 1:
            return [ChunkPart(chunk=replace(self.chunk, jobs=jobs), deaths=self.deaths + 1)]
        middle = len(jobs) // 2
        return [ChunkPart(chunk=replace(self.chunk, jobs=half)) for half in (jobs[:middle], jobs[middle:])]

    @property
    def error(self) -> StylizeError | None:
        """Why this, a single job, is not tried again; None where it is."""
        if self.deaths < MAX_DEATHS:
            return None
        return WorkerLost(f"{self.deaths} workers died, one after another, while they computed this job alone")


def committed(files: Files, run: str) -> set[str]:
    """Returns the ids of the jobs that a run has committed.

    Raises:
        StoreError: the store cannot be read.
    """
    paths = [path for path in results_paths(files) if path.startswith(f"{layout.RESULTS}/{run}-")]
    return set(read_tables(files, paths, _IDS)["job_id"].to_pylist())
