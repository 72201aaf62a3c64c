"""The jobs of a plan as one Arrow table in a private file, not in memory."""

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stylize_core.job import Job, Source
from stylize_core.settings import Settings
from stylize_core.spool import TableSpool
from stylize_core.store.records import JOBS

Places = npt.NDArray[np.int64]
"""(n,) positions of jobs in a table."""


class JobTable:
    """Jobs by position; the URIs of their inputs are complete, including credentials.

    Add all jobs before you read the first; then any number of threads may read.
    """

    def __init__(self) -> None:
        self._spool, self._lock = TableSpool(JOBS), Lock()
        self._starts = [0]  # position of each batch's first job, and of the next one
        self._last: tuple[int, pa.RecordBatch] = -1, None  # a batch has many chunks, which are read one by one

    def add(self, jobs: pa.RecordBatch) -> Places:
        """Adds jobs, with schema `JOBS`, and returns their places.

        Raises:
            UsageError: there is no space for them.
        """
        start, end = self._starts[-1], self._starts[-1] + jobs.num_rows
        if jobs.num_rows:
            self._spool.add(jobs)
            self._starts.append(end)
        return np.arange(start, end)

    def take(self, places: Places) -> pa.Table:
        """Returns the lines of jobs, in the order of their places."""
        numbers = np.searchsorted(self._starts, places, side="right") - 1
        parts = np.split(places, np.flatnonzero(np.diff(numbers)) + 1) if len(places) else []
        return pa.Table.from_batches((self._part(part) for part in parts), JOBS)

    def read(self, places: Places) -> Iterator[Job]:
        """Yields jobs, in the order of their places."""
        return map(_job, self.take(places).to_pylist())

    def _part(self, places: Places) -> pa.RecordBatch:
        """Returns lines of one batch."""
        number = int(np.searchsorted(self._starts, places[0], side="right")) - 1
        with self._lock:
            if self._last[0] != number:
                self._last = number, self._spool.batch(number)
            return self._last[1].take(pa.array(places - self._starts[number]))


def job_lines(jobs: Iterable[tuple[Job, str]]) -> pa.RecordBatch:
    """Returns jobs as lines with schema `JOBS`.

    Args:
        jobs: each with its settings as JSON, which many jobs share.
    """
    return pa.RecordBatch.from_pylist([_line(job, settings) for job, settings in jobs], JOBS)


def _line(job: Job, settings: str) -> dict[str, Any]:
    ((style, weight),) = job.styles
    return {
        "job_id": job.job_id,
        "content": _parts(job.content),
        "style": _parts(style),
        "style_weight": weight,
        "init": _parts(job.init) if job.init else None,
        "settings": settings,
        "height": job.height,
        "width": job.width,
    }


def _job(line: dict[str, Any]) -> Job:
    return Job(
        job_id=line["job_id"],
        content=Source(**line["content"]),
        styles=((Source(**line["style"]), line["style_weight"]),),
        init=Source(**line["init"]) if line["init"] else None,
        settings=_settings(line["settings"]),
        height=line["height"],
        width=line["width"],
    )


def _parts(source: Source) -> dict[str, str | int]:
    return {"uri": source.uri, "sha256": source.sha256, "width": source.width, "height": source.height}


@lru_cache(maxsize=4096)
def _settings(text: str) -> Settings:
    return Settings.from_dict(json.loads(text))
