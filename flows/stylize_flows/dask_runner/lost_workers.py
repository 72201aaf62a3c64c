"""What happens to a chunk whose worker is gone: only jobs that the store has count as done."""

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
"""Workers that a job may lose while it is alone on them: one may die of another cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPart:
    """A chunk, or what is left of one.

    Attributes:
        chunk: what to compute.
        deaths: number of workers that died when only this piece, a single job, of their work was not committed.
    """

    chunk: Chunk
    deaths: int = 0

    def after_loss(self, done: Container[str], *, is_begun: bool) -> list["ChunkPart"]:
        """Returns what to compute again after the worker is gone.

        Args:
            done: ids of committed jobs.
            is_begun: whether the worker had begun this piece. A piece that only waited there comes back whole; one that
                was being computed comes back in halves, down to the job at fault.
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
        """Why this single job is not tried again; None if it is."""
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
