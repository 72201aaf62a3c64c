"""The status of a store."""

import subprocess
import sys
import time
from collections.abc import Callable

import pyarrow as pa

from stylize_core.files.files import Files
from stylize_core.store.commits import publish_commit
from stylize_core.store.lease import Lease
from stylize_core.store.records import ROWS, Outcome
from stylize_core.store.status import summary
from stylize_core.store.tables import publish_table

ABANDON = """
import os, sys
from stylize_core.files.files import Files
from stylize_core.store.lease import Lease

Lease.acquire(Files(sys.argv[1]))
os._exit(9)
"""


def test_an_empty_store_has_nothing(files: Files) -> None:
    """A new store has no jobs, errors, runs or holder, and one file."""
    empty = summary(files)
    assert (empty.jobs, empty.errors, empty.runs, empty.holder) == ({}, {}, [], None)
    assert (empty.files, empty.bytes) == (1, len(files.read("store.json")))


def test_jobs_are_counted_once(files: Files, outcome: Callable[..., Outcome]) -> None:
    """Each job counts once, by its live line; errors count by code."""
    publish_commit(files, "c1", [outcome("aa01", status="failed"), outcome("bb02", status="failed"), outcome("cc03")])
    publish_commit(files, "c2", [outcome("aa01", attempt=2)])
    found = summary(files)
    assert found.jobs == {"done": 2, "failed": 1}
    assert found.errors == {"diverged": 1}
    assert found.bytes == sum(entry.size for entry in files.list(""))


def test_runs(files: Files) -> None:
    """A finished run has counts of rows, an unfinished one has None; both have times."""
    start = time.time()
    files.publish("runs/r1/manifest.csv", b"content,style")
    files.publish("runs/r2/contact-sheets/001.png", b"")
    rows = [{"row": i, "status": status} for i, status in enumerate(["done", "rejected", "done"], 1)]
    publish_table(files, "runs/r1/results.parquet", pa.Table.from_pylist(rows, schema=ROWS))
    first, second = summary(files).runs
    assert (first.run, first.rows) == ("r1", {"done": 2, "rejected": 1})
    assert (second.run, second.rows) == ("r2", None)
    assert start - 1 <= first.first_written <= first.last_written <= time.time() + 1


def test_a_damaged_run_is_one_run(files: Files) -> None:
    """A run with damaged rows is shown as such; the store and its other runs are still shown."""
    files.publish("runs/r1/results.parquet", b"damaged")
    publish_table(files, "runs/r2/results.parquet", pa.Table.from_pylist([{"row": 1, "status": "done"}], schema=ROWS))
    first, second = summary(files).runs
    assert (first.rows, first.is_damaged) == (None, True)
    assert (second.rows, second.is_damaged) == ({"done": 1}, False)


def test_the_holder_is_shown_while_it_lives(local: Files) -> None:
    """A living holder is named; one that has released the lease, or was killed, is not."""
    with Lease.acquire(local) as _:
        holder = summary(local).holder
        assert holder is not None
        assert holder.n == 1
    assert summary(local).holder is None
    assert subprocess.run([sys.executable, "-c", ABANDON, local.uri], check=False).returncode == 9
    assert summary(local).holder is None
