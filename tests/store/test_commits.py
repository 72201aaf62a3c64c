"""Commits count completely or not at all."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from stylize_core.errors import StoreFull, StoreLocked, StoreUnusable
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.commits import commit_name, publish_commit
from stylize_core.store.holder import Holder
from stylize_core.store.lease import Lease
from stylize_core.store.ledger import live_results, read_metrics
from stylize_core.store.records import METRICS, RESULTS, Outcome
from stylize_core.store.store import open_store
from stylize_core.store.survey import survey
from stylize_core.store.sweep import sweep
from stylize_core.store.tables import read_table
from stylize_core.store.verify import verify

MakeOutcome = Callable[..., Outcome]


class FailingFiles(Files):
    """Files that fail at the k-th publication (0 for the first), and record the order."""

    def __init__(self, uri: str, k: int | None) -> None:
        super().__init__(uri)
        self.published: list[str] = []
        self._k = k
        self._lock = threading.Lock()

    def publish(self, path: str, data: bytes) -> None:
        """Publishes a file, or fails."""
        with self._lock:
            self.published.append(path)
            if len(self.published) - 1 == self._k:
                raise StoreUnusable("injected")
        super().publish(path, data)


class StallingFiles(Files):
    """Files that stall after losses are published, until another run takes over."""

    def publish(self, path: str, data: bytes) -> None:
        """Publishes a file."""
        super().publish(path, data)
        if path.startswith("metrics/"):
            other = replace(Holder.here(2), host="elsewhere")
            super().publish(layout.lease(other.n), other.to_json())


def test_a_commit_is_recorded_in_full(files: Files, outcome: MakeOutcome) -> None:
    """A commit's lines have the commit, the image, its size and its sha256; the losses are published."""
    publish_commit(files, "run-1-c1", [outcome("aa01"), outcome("bb02", image=b"picture")])
    line = live_results(files).to_pylist()[1]
    assert line["job_id"] == "bb02"
    assert line["commit"] == "run-1-c1"
    assert line["image"] == "images/bb/bb02.png"
    assert line["bytes"] == len(b"picture")
    assert line["image_sha256"] == hashlib.sha256(b"picture").hexdigest()
    assert files.read(line["image"]) == b"picture"
    assert files.exists("snapshots/bb/bb02/000004.png")
    assert read_table(files, "metrics/run-1-c1.parquet", METRICS)["step"].to_pylist() == [*range(5), *range(5)]
    assert verify(files) == []


def test_a_stalled_writer_sets_no_mark(local: Files, outcome: MakeOutcome) -> None:
    """A writer that loses the lease during a commit, like a suspended machine, notices it before the mark.

    Its published files then have no mark.
    """
    with Lease.acquire(local) as lease:
        lease.check()
        stalled = StallingFiles(local.uri)
        with pytest.raises(StoreLocked, match="on elsewhere"):
            publish_commit(stalled, "c1", [outcome("aa01")], lease.check)
    assert live_results(local).num_rows == 0
    assert not local.exists("results/c1.parquet")


def test_the_mark_is_written_last(local: Files, outcome: MakeOutcome) -> None:
    """The order is: pictures, then losses, then the results file."""
    recording = FailingFiles(local.uri, None)
    publish_commit(recording, "c1", [outcome("aa01"), outcome("bb02")])
    folders = [path.partition("/")[0] for path in recording.published]
    assert sorted(folders[:-2]) == ["images"] * 2 + ["snapshots"] * 4
    assert folders[-2:] == ["metrics", "results"]


@pytest.mark.parametrize("k", range(8))
def test_a_failure_at_any_moment_leaves_no_half_commit(local: Files, outcome: MakeOutcome, k: int) -> None:
    """Whichever publication fails, nothing of that commit counts, and the sweep restores exactly the same store."""
    publish_commit(local, "c0", [outcome("cc03")])
    before = {entry.path: local.read(entry.path) for entry in local.list("")}
    jobs = [outcome("aa01".ljust(24, "0")), outcome("bb02".ljust(24, "0"))]
    with pytest.raises(StoreUnusable, match="injected"):
        publish_commit(FailingFiles(local.uri, k), commit_name("run-1"), jobs)
    assert live_results(local)["job_id"].to_pylist() == ["cc03"]
    assert read_metrics(local, live_results(local))["job_id"].to_pylist() == ["cc03"] * 5
    sweep(local, survey(local))
    assert {entry.path: local.read(entry.path) for entry in local.list("")} == before


def test_a_job_without_image_and_losses(files: Files, outcome: MakeOutcome) -> None:
    """A job that failed before it computed anything has only a line."""
    failed = outcome("aa01", status="failed")
    failed.image, failed.metrics, failed.snapshots, failed.result.steps = None, None, {}, None
    publish_commit(files, "c1", [failed])
    assert [entry.path for entry in files.list("")] == ["results/c1.parquet", "store.json"]
    assert live_results(files).schema.equals(RESULTS)
    assert live_results(files)["image"].to_pylist() == [None]


def test_losses_of_another_schema_are_refused(files: Files, outcome: MakeOutcome) -> None:
    """All losses have one schema; other losses are refused before the mark is written."""
    wrong = outcome("aa01")
    wrong.metrics = pa.table({"job_id": ["aa01"], "step": [0]})
    with pytest.raises(pa.ArrowInvalid):
        publish_commit(files, "c1", [wrong])
    assert live_results(files).num_rows == 0


def test_a_full_disk_keeps_what_was_committed(small_disk: Callable[[str], Path], outcome: MakeOutcome) -> None:
    """A commit that does not fit does not count, and the earlier one stays whole."""
    disk = small_disk("1m")
    files = open_store(str(disk / "store"), create=True)
    publish_commit(files, "c1", [outcome("aa01")])
    with pytest.raises(StoreFull):
        publish_commit(files, "c2", [outcome(f"bb{i:02}", image=os.urandom(300_000)) for i in range(5)])
    assert live_results(files)["job_id"].to_pylist() == ["aa01"]
    sweep(files, survey(files))
    assert verify(files) == []


def test_names_are_unique_and_sorted() -> None:
    """Names of one run are unique and sort by time; they start with the run."""
    names = []
    for _ in range(100):
        names.append(commit_name("run-1"))
        time.sleep(1e-6)
    assert names == sorted(set(names))
    assert all(name.startswith("run-1-") for name in names)


WRITER = """
import os, sys
import pyarrow as pa
from stylize_core.files.files import Files
from stylize_core.store.commits import commit_name, publish_commit
from stylize_core.store.records import METRICS, Outcome, Result

def job(job_id):
    values = {"job_id": [job_id], "step": [0]}
    metrics = pa.table({name: values.get(name, [None]) for name in METRICS.names}, schema=METRICS)
    result = Result(job_id=job_id, run="r", attempt=1, status="done", form="mean", width=1, height=1, steps=0,
                    settings='{"snapshot_every": 0}', digests="", device="", precision="", versions="")
    return Outcome(result=result, image=bytes(50_000), metrics=metrics)

def write_for_ever(files):
    n = 0
    while True:
        publish_commit(files, commit_name("r"), [job(f"{i:02x}{os.getpid():011}{n:011}") for i in range(3)])
        n += 1

publish_commit(Files(sys.argv[1]), "warm-up", [job("aa01"), job("bb02"), job("cc03")])
for _ in sys.stdin:
    pid = os.fork()
    if not pid:
        write_for_ever(Files(sys.argv[1]))
    print(pid, flush=True)
    os.wait()
    print("killed", flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_sound_store(local: Files) -> None:
    """After `kill -9` during commits the store has only whole commits, and after a sweep no other files."""
    command = [sys.executable, "-c", WRITER, local.uri]
    strays = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for kill in range(8):
            print("go", file=writer.stdin, flush=True)
            pid = int(writer.stdout.readline())
            time.sleep(0.02 + 0.013 * kill)
            os.kill(pid, signal.SIGKILL)
            assert writer.stdout.readline() == "killed\n"
            strays += sweep(local, survey(local))
            assert verify(local) == []
        writer.stdin.close()
    jobs = live_results(local)
    assert strays > 0
    assert jobs.num_rows > 3
    assert set(jobs.group_by("commit").aggregate([("job_id", "count")])["job_id_count"].to_pylist()) == {3}
