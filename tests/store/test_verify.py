"""Checking a store against its own lines."""

from collections.abc import Callable

import pytest

from stylize_core.files.files import Files
from stylize_core.store.commits import publish_commit
from stylize_core.store.records import METRICS, Outcome
from stylize_core.store.tables import publish_table, read_table
from stylize_core.store.verify import Fault, verify

IMAGE, SNAPSHOT, LOSSES = "images/aa/aa01.png", "snapshots/aa/aa01/000002.png", "metrics/c1.parquet"
STRAY = "images/ff/ff0000000000000000000001.png"


@pytest.fixture
def sound(files: Files, outcome: Callable[..., Outcome]) -> Files:
    """A sound store with two jobs."""
    publish_commit(files, "c1", [outcome("aa01"), outcome("bb02", status="failed")])
    assert verify(files) == []
    return files


@pytest.mark.parametrize(
    ("path", "data", "fault"),
    [
        (IMAGE, None, Fault(IMAGE, ("aa01",), "missing image")),
        (IMAGE, b"short", Fault(IMAGE, ("aa01",), "image of 5 bytes instead of 13")),
        (IMAGE, b"other of aa01", Fault(IMAGE, ("aa01",), "image with another sha256")),
        (SNAPSHOT, None, Fault(SNAPSHOT, ("aa01",), "missing snapshot")),
        (LOSSES, None, Fault(LOSSES, ("aa01", "bb02"), "missing losses")),
        (LOSSES, b"x", Fault(LOSSES, ("aa01", "bb02"), "a file of the store is damaged")),
        ("inputs/a.parquet", b"x", Fault("inputs/a.parquet", (), "a file of the store is damaged")),
        ("runs/r/plan.parquet", b"x", Fault("runs/r/plan.parquet", (), "a file of the store is damaged")),
        (STRAY, b"x", Fault(STRAY, (), "stray file without a mark")),
    ],
)
def test_each_fault_is_found(sound: Files, path: str, data: bytes | None, fault: Fault) -> None:
    """Each way to spoil a file gives the one fault that names it."""
    sound.delete([path]) if data is None else sound.publish(path, data)
    assert verify(sound) == [fault]


@pytest.mark.parametrize("steps", [[0, 1, 2, 3], [1, 2, 3, 4], [0, 1, 2, 4], [0, 1, 1, 3, 4], [], [0, 1, 2, 3, 4, 5]])
def test_incomplete_losses_are_found(sound: Files, steps: list[int]) -> None:
    """A done job has the losses of each step 0 to n once, without missing, duplicate or extra ones."""
    kept = read_table(sound, LOSSES, METRICS)["step"].to_pylist()[:5]
    assert kept == [0, 1, 2, 3, 4]
    rows = [{"job_id": "aa01", "step": step} for step in steps]
    publish_table(sound, LOSSES, METRICS.empty_table().from_pylist(rows, schema=METRICS))
    assert verify(sound) == [Fault(LOSSES, ("aa01",), "losses are not those of steps 0 to 4")]


def test_done_needs_an_image(files: Files, outcome: Callable[..., Outcome]) -> None:
    """A done job without an image is a fault; a failed one need not have an image."""
    jobs = [outcome("aa01"), outcome("bb02", status="failed")]
    for job in jobs:
        job.image = None
    publish_commit(files, "c1", jobs)
    assert verify(files) == [Fault("", ("aa01",), "done but without an image")]
