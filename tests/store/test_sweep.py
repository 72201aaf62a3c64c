"""Files without a mark."""

from collections.abc import Callable

import pytest

from stylize_core.errors import StoreError
from stylize_core.files.files import Files
from stylize_core.store.commits import publish_commit
from stylize_core.store.records import Outcome
from stylize_core.store.sweep import sweep

STRAYS = [
    "images/aa/aa01.webp",
    "images/ff/ff01.png",
    "inputs/x.parquet.tmp-0123456789ab",
    "metrics/c9.parquet",
    "results/c9.parquet.tmp-0123456789ab",
    "runs/r/report.html.tmp-0123456789ab",
    "snapshots/ff/ff01/000002.png",
    "store.json.tmp-0123456789ab",
]
KEPT = [
    "inputs/ff/ff.jpg",
    "inputs/x.parquet",
    "lease/00000001.json.tmp-0123456789ab",
    "runs/r/results.parquet",
]


def test_exactly_the_files_without_a_mark_go(files: Files, outcome: Callable[..., Outcome]) -> None:
    """Unmarked pictures and losses and temporary files go; what lines name, inputs, runs and the lease stay."""
    publish_commit(files, "c1", [outcome("aa01", status="failed"), outcome("bb02")])
    publish_commit(files, "c2", [outcome("aa01", attempt=2)])
    for path in KEPT:
        files.publish(path, b"x")
    before = {entry.path for entry in files.list("")}
    for path in STRAYS:
        files.publish(path, b"x")
    assert sweep(files) == len(STRAYS)
    assert {entry.path for entry in files.list("")} == before
    assert sweep(files) == 0


def test_nothing_goes_when_a_mark_cannot_be_read(files: Files, outcome: Callable[..., Outcome]) -> None:
    """With a damaged results file nothing is deleted: its jobs' files are not stray."""
    publish_commit(files, "c1", [outcome("aa01")])
    files.publish("results/c1.parquet", b"damaged")
    before = [entry.path for entry in files.list("")]
    with pytest.raises(StoreError, match=r"results/c1\.parquet"):
        sweep(files)
    assert [entry.path for entry in files.list("")] == before
