"""Checking a store against its own lines: is everything there, and is it what was written."""

import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.errors import StoreError
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.live import live_lines
from stylize_core.store.records import METRICS
from stylize_core.store.sweep import stray_files
from stylize_core.store.tables import read_table

_THREADS = 8
_LINE = ("job_id", "commit", "status", "image", "image_sha256", "bytes", "steps", "settings")
_STEPS = pa.schema([METRICS.field("job_id"), METRICS.field("step")])
_COMPLETE = [("step", "count"), ("step", "count_distinct"), ("step", "min"), ("step", "max")]

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a store that is not as its lines say.

    Attributes:
        path: of the file, relative to the store.
        job_id: None where it concerns no single job.
        what: one phrase.
    """

    path: str
    job_id: str | None
    what: str


def verify(files: Files) -> list[Fault]:
    """Returns what is missing, damaged or stray; every image is read. While a run is writing, its files look stray.

    Raises:
        StoreError: a results file is damaged; it is named.
    """
    faults: list[Fault] = []
    snapshots = _Snapshots(files)
    for table in live_lines(files, _LINE):  # commit by commit, so that a file of losses is read once
        lines = table.to_pylist()
        done = [line for line in lines if line["status"] == "done"]
        faults += [*_image_faults(files, lines), *snapshots.faults(done), *_metrics_faults(files, done)]
    return faults + [Fault(path, None, "stray file without a mark") for path in stray_files(files)]


def _image_faults(files: Files, lines: Sequence[Line]) -> Iterator[Fault]:
    with ThreadPoolExecutor(_THREADS) as pool:
        for found in pool.map(partial(_image_fault, files), lines):
            yield from found


def _image_fault(files: Files, line: Line) -> list[Fault]:
    job_id, path = line["job_id"], line["image"]
    if path is None:
        return [Fault("", job_id, "done but without an image")] if line["status"] == "done" else []
    try:
        data = files.read(path)
    except FileNotFoundError:
        return [Fault(path, job_id, "missing image")]
    if len(data) != line["bytes"]:
        return [Fault(path, job_id, f"image of {len(data)} bytes instead of {line['bytes']}")]
    if hashlib.sha256(data).hexdigest() != line["image_sha256"]:
        return [Fault(path, job_id, "image with another sha256")]
    return []


class _Snapshots:
    """The snapshots of a store, listed when the first job is met that has some."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def faults(self, lines: Sequence[Line]) -> list[Fault]:
        """Returns what is missing of finished jobs."""
        expected = [
            Fault(layout.snapshot(line["job_id"], step), line["job_id"], "missing snapshot")
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
        return pa.array((entry.path for entry in self._files.list(layout.SNAPSHOTS)), pa.string())


def _metrics_faults(files: Files, lines: Sequence[Line]) -> Iterator[Fault]:
    for commit, committed in groupby(sorted(lines, key=_commit_of), key=_commit_of):
        path = layout.metrics(commit)
        try:
            steps = read_table(files, path, _STEPS).group_by("job_id").aggregate(_COMPLETE).to_pylist()
        except FileNotFoundError:
            yield Fault(path, None, "missing losses")
        except StoreError as error:
            yield Fault(path, None, error.what)
        else:
            steps_of = {row.pop("job_id"): tuple(row.values()) for row in steps}
            for line in committed:
                n = line["steps"]
                if steps_of.get(line["job_id"]) != (n + 1, n + 1, 0, n):
                    yield Fault(path, line["job_id"], f"losses are not those of steps 0 to {n}")


def _commit_of(line: Line) -> str:
    return str(line["commit"])
