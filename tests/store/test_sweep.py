"""Files without a mark."""

from collections.abc import Callable

import pytest

from stylize_core.errors import StoreError
from stylize_core.files.files import Files
from stylize_core.store.commits import publish_commit
from stylize_core.store.records import Outcome
from stylize_core.store.sweep import sweep

A, B, LOST = (name.ljust(24, "0") for name in ("aa01", "bb02", "ff01"))
COMMIT = "run-1-1795814991643994808-05d7dba9"

STRAYS = [
    "inputs/.x.parquet.tmp-0123456789ab",
    "inputs/x.parquet.tmp-0123456789ab",  # as release 0.1 named it
    f"images/aa/{A}.webp",
    f"images/ff/.{LOST}.png.tmp-0123456789ab",
    f"images/ff/{LOST}.failed-2.png",
    f"images/ff/{LOST}.png",
    f"metrics/{COMMIT}.parquet",
    f"metrics/{COMMIT}_0002.parquet",
    "results/.c9.parquet.tmp-0123456789ab",
    "results/c9.parquet.tmp-0123456789ab",
    "runs/r/report.html.tmp-0123456789ab",
    f"snapshots/ff/{LOST}/000002.png",
    ".store.json.tmp-0123456789ab",
]
KEPT = [
    "inputs/ff/ff.jpg",
    "inputs/x.parquet",
    "lease/.00000001.json.tmp-0123456789ab",
    "lease/00000001.json.tmp-0123456789ab",
    "runs/r/results.parquet",
]
FOREIGN = [
    ".DS_Store",
    "images/ff/._" + LOST + ".png",  # macOS's, on a disk that is not its own
    "images/ff/" + LOST + " (1).png",
    "images/ff/" + LOST + ".jpeg",
    "images/aa/" + LOST + ".png",  # another folder than ours
    "images/ff/@eaDir/" + LOST + ".png/thumbnail.jpg",
    "images/favourite.png",
    "metrics/" + f"._{COMMIT}.parquet",
    "metrics/mine.parquet",
    "metrics/mine/" + COMMIT + ".parquet",
    "snapshots/ff/" + LOST + "/best.png",
    "results/.c1.parquet.Ab12Cd",  # what rsync is just copying
    "notes.tmp-for-me",
]
"""Names that are not of this program's making."""


def test_exactly_the_files_without_a_mark_go(files: Files, outcome: Callable[..., Outcome]) -> None:
    """Unmarked pictures and losses and temporary files go; lines' files, inputs, runs, lease and others' files stay."""
    publish_commit(files, "c1", [outcome(A, status="failed"), outcome(B)])
    publish_commit(files, "c2", [outcome(A, attempt=2)])
    for path in [*KEPT, *FOREIGN]:
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
