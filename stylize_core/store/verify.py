"""Checks a store against its own lines: whether every file exists and is as it was written."""

import functools
import hashlib
import json
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.errors import OutputRefused, StoreDamaged
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.live import live_lines
from stylize_core.store.records import METRICS, RESULTS
from stylize_core.store.survey import Survey, survey
from stylize_core.store.tables import check_table, list_tables, read_batches
from stylize_core.wording import plural

_OF_RUN = re.compile(rf"{layout.RUNS}/[^/]+/[^./][^/]*\.parquet")
_THREADS = 8
_LINE = ("job_id", "commit", "status", "image", "image_sha256", "bytes", "steps", "settings")
_LINES = 50_000  # of losses in memory at once
_COMPLETE = [("step", "count"), ("step", "count_distinct"), ("step", "min"), ("step", "max")]

_log = logging.getLogger(__name__)

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a store that does not match its lines.

    Attributes:
        path: of the file, relative to the store.
        jobs: ids of the affected jobs, whose results must be made again to repair it.
        what: one phrase.
    """

    path: str
    jobs: tuple[str, ...]
    what: str


def verify(files: Files) -> list[Fault]:
    """Reads the whole store; returns what is missing, damaged or stray. Files of a running run look stray.

    Raises:
        StoreError: a results file is damaged; it is named.
    """
    strays = (Fault(path, (), "stray file without a mark") for path in survey(files).strays)
    return [*_job_faults(files), *_table_faults(files), *strays]


def lost_jobs(files: Files, found: Survey, *, read_all: bool) -> list[str]:
    """Returns the ids of the jobs that must be made again although they have a line.

    Args:
        files: of the store.
        found: what the store has.
        read_all: include all that `verify` finds, not only done jobs whose image is gone or has another size.

    Raises:
        StoreError: a results file is damaged; it is named.
    """
    faulty = (job for fault in (_job_faults(files) if read_all else ()) for job in fault.jobs)
    lost = list(dict.fromkeys([*found.lost.to_pylist(), *faulty]))
    if lost:
        _log.warning("gone or damaged: what %s made; computed again where the manifest asks", plural(len(lost), "job"))
    return lost


def _job_faults(files: Files) -> Iterator[Fault]:
    snapshots = _Snapshots(files)
    for table in live_lines(files, RESULTS.names):  # commit by commit, so that each file of losses is read once
        lines = table.select(_LINE).to_pylist()
        done = [line for line in lines if line["status"] == "done"]
        yield from _image_faults(files, lines)
        yield from snapshots.faults(done)
        yield from _metrics_faults(files, [line for line in lines if line["steps"] is not None])


def _image_faults(files: Files, lines: Sequence[Line]) -> Iterator[Fault]:
    with ThreadPoolExecutor(_THREADS) as pool:
        for found in pool.map(partial(_image_fault, files), lines):
            yield from found


def _image_fault(files: Files, line: Line) -> list[Fault]:
    job_id, path = line["job_id"], line["image"]
    if path is None:
        return [Fault("", (job_id,), "done but without an image")] if line["status"] == "done" else []
    try:
        data = files.read(path)
    except FileNotFoundError:
        return [Fault(path, (job_id,), "missing image")]
    except OutputRefused as error:
        return [Fault(path, (job_id,), error.what)]
    if len(data) != line["bytes"]:
        return [Fault(path, (job_id,), f"image of {len(data)} bytes instead of {line['bytes']}")]
    if hashlib.sha256(data).hexdigest() != line["image_sha256"]:
        return [Fault(path, (job_id,), "image with another sha256")]
    return []


def _table_faults(files: Files) -> Iterator[Fault]:
    """Yields the faults of tables that no job depends on: fingerprints of inputs, and records of runs."""
    runs = (entry for entry in files.list(layout.RUNS) if _OF_RUN.fullmatch(entry.path))
    for entry in (*list_tables(files, layout.INPUTS), *runs):
        try:
            check_table(files, entry.path)
        except FileNotFoundError:
            continue
        except (StoreDamaged, OutputRefused) as error:
            yield Fault(entry.path, (), error.what)


class _Snapshots:
    """The snapshots of a store, listed when the first job with snapshots is checked."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def faults(self, lines: Sequence[Line]) -> list[Fault]:
        """Returns the missing snapshots of finished jobs."""
        expected = [
            Fault(layout.snapshot(line["job_id"], step), (line["job_id"],), "missing snapshot")
            for line in lines
            if (every := json.loads(line["settings"])["snapshot_every"])
            for step in range(every, line["steps"] + 1, every)
        ]
        if not expected:
            return []
        paths = pa.array((fault.path for fault in expected), pa.string())
        is_there = pc.is_in(paths, value_set=self._present).to_pylist()
        return [fault for fault, there in zip(expected, is_there, strict=True) if not there]

    @functools.cached_property
    def _present(self) -> pa.Array:
        entries = self._files.list(layout.SNAPSHOTS)
        return pa.array((entry.path for entry in entries if entry.size), pa.string())


def _metrics_faults(files: Files, lines: Sequence[Line]) -> Iterator[Fault]:
    for commit, committed in groupby(sorted(lines, key=_commit_of), key=_commit_of):
        path, of_commit = layout.metrics(commit), list(committed)
        jobs = tuple(line["job_id"] for line in of_commit)
        try:
            steps = _steps(files, path)
        except FileNotFoundError:
            yield Fault(path, jobs, "missing losses")
        except (StoreDamaged, OutputRefused) as error:
            yield Fault(path, jobs, error.what)
        else:
            for line in of_commit:
                n = line["steps"]
                if line["status"] == "done" and steps.get(line["job_id"]) != (n + 1, n + 1, 0, n):
                    yield Fault(path, (line["job_id"],), f"losses are not those of steps 0 to {n}")


def _steps(files: Files, path: str) -> dict[str, tuple[int, ...]]:
    """Returns the number of steps, of distinct steps, the first and the last step of each job; reads every column."""
    parts = [table.select(["job_id", "step"]) for table in read_batches(files, path, METRICS, _LINES)]
    steps = pa.concat_tables([METRICS.empty_table().select(["job_id", "step"]), *parts])
    lines: Iterable[dict[str, Any]] = steps.group_by("job_id").aggregate(_COMPLETE).to_pylist()
    return {line.pop("job_id"): tuple(line.values()) for line in lines}


def _commit_of(line: Line) -> str:
    return str(line["commit"])
