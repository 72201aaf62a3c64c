"""Checking a store against its own lines: is everything there, and is it what was written."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from stylize_core.errors import StoreError
from stylize_core.store import layout
from stylize_core.store.files import Files
from stylize_core.store.ledger import live, read_results
from stylize_core.store.records import METRICS
from stylize_core.store.sweep import stray_files
from stylize_core.store.tables import read_table

_THREADS = 8
_STEPS = pa.schema([METRICS.field("job_id"), METRICS.field("step")])
_COMPLETE = [("step", "count"), ("step", "count_distinct"), ("step", "min"), ("step", "max")]


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
    results = read_results(files)
    lines = live(results).to_pylist()
    with ThreadPoolExecutor(_THREADS) as pool:
        faults = [fault for found in pool.map(lambda line: _image_fault(files, line), lines) for fault in found]
    done = [line for line in lines if line["status"] == "done"]
    faults += _snapshot_faults(files, done)
    faults += _metrics_faults(files, done)
    return faults + [Fault(path, None, "stray file without a mark") for path in stray_files(files, results)]


def _image_fault(files: Files, line: dict[str, Any]) -> list[Fault]:
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


def _snapshot_faults(files: Files, lines: list[dict[str, Any]]) -> Iterator[Fault]:
    present = {entry.path for entry in files.list(layout.SNAPSHOTS)}
    for line in lines:
        every = json.loads(line["settings"])["snapshot_every"]
        for step in range(every, line["steps"] + 1, every) if every else ():
            path = layout.snapshot(line["job_id"], step)
            if path not in present:
                yield Fault(path, line["job_id"], "missing snapshot")


def _metrics_faults(files: Files, lines: list[dict[str, Any]]) -> Iterator[Fault]:
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


def _commit_of(line: dict[str, Any]) -> str:
    return str(line["commit"])
