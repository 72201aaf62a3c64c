"""Private temporary files: they return what was stored, and leave nothing behind."""

import gc
import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stylize_core.errors import UsageError
from stylize_core.job import Job, Source
from stylize_core.plan.job_table import JobTable, job_lines
from stylize_core.presets import resolve
from stylize_core.spool import TableSpool

SCHEMA = pa.schema([("n", pa.int64()), ("text", pa.string())])


def job(number: int, **given: object) -> Job:
    """A job that differs from the others."""
    content = Source(uri=f"s3://key:secret@b/é\n{number}.png", sha256=f"{number:064x}", width=number + 1, height=7)
    style = Source(uri="/s.png", sha256="f" * 64, width=8, height=9)
    init = style if number % 2 else None
    settings = resolve("keras", {"seed": number // 3, **given})
    return Job(
        job_id=f"{number:024x}",
        content=content,
        styles=((style, 1.0),),
        init=init,
        settings=settings,
        height=40,
        width=number + 8,
    )


def lines(jobs: Sequence[Job]) -> pa.RecordBatch:
    """Jobs as lines."""
    return job_lines((one, one.settings.to_json()) for one in jobs)


def test_jobs_come_back() -> None:
    """Each position returns its whole job, in any order, from any batch, to any thread."""
    table = JobTable()
    jobs = [job(number, steps=number % 5) for number in range(200)]
    places = np.concatenate([table.add(lines(jobs[start:end])) for start, end in pairwise((0, 1, 80, 80, 200))])
    assert places.tolist() == list(range(200))
    assert list(table.read(places)) == jobs
    assert list(table.read(places[[150, 3, 0, 199, 81, 80]])) == [jobs[n] for n in (150, 3, 0, 199, 81, 80)]
    assert list(table.read(places[:0])) == []
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda place: next(table.read(places[place : place + 1])), range(200))) == jobs


def batch(*numbers: int) -> pa.RecordBatch:
    """A batch with one line per number."""
    return pa.RecordBatch.from_pydict({"n": list(numbers), "text": [str(n) * 100 for n in numbers]}, SCHEMA)


def test_batches_come_back() -> None:
    """Batches are returned unchanged, in order, any number of times."""
    spool = TableSpool(SCHEMA)
    assert list(TableSpool(SCHEMA)) == []
    batches = [batch(1, 2), batch(), batch(3)]
    for one in batches:
        spool.add(one)
    assert list(spool) == list(spool) == batches
    assert spool.batch(2) == batches[2]


def _open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def test_files_have_no_name_and_end_with_their_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have no name while in use, and are closed when no longer used."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("stylize_core.spool.MEMORY_BYTES", 1)
    before = _open_files()
    jobs, table = JobTable(), TableSpool(SCHEMA)
    places = jobs.add(lines([job(1)]))
    list(jobs.read(places))
    table.add(batch(1))
    list(table)
    assert list(tmp_path.iterdir()) == []
    assert _open_files() == before + 2
    del jobs, table
    assert _open_files() == before


def test_a_killed_process_leaves_nothing(tmp_path: Path) -> None:
    """Even `kill -9` leaves no file behind."""
    program = (
        "import os, signal, stylize_core.plan.job_table as t\nx = t.JobTable()\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == -9
    assert list(tmp_path.iterdir()) == []


def test_small_files_need_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any folder for temporary files, up to 16 MiB are kept in memory and returned."""
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    spool = TableSpool(SCHEMA)
    spool.add(batch(1, 2))
    assert list(spool) == [batch(1, 2)]
    with pytest.raises(UsageError, match="temporary file cannot be written"):
        deque(map(TableSpool(SCHEMA).add, (batch(*range(n, n + 1000)) for n in range(0, 10_000_000, 1000))))


def test_a_full_disk(small_disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the cause, the folder and what to do."""
    folder = small_disk("64k")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    spool = TableSpool(SCHEMA)
    with pytest.raises(UsageError, match=r"No space left.*TMPDIR") as raised:
        deque(map(spool.add, (batch(*range(start, start + 1000)) for start in range(0, 1_000_000, 1000))))
    assert raised.value.where == str(folder)
