"""Files without a mark."""

import logging
from collections.abc import Callable

import pyarrow as pa
import pytest

from stylize_core.errors import StoreError, StoreLocked, StoreUnusable
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.commits import publish_commit
from stylize_core.store.records import PLAN, ROWS, Outcome
from stylize_core.store.survey import survey
from stylize_core.store.sweep import sweep
from stylize_core.store.tables import publish_table

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
    "images/ff/._" + LOST + ".png",  # from macOS, on a foreign disk
    "images/ff/" + LOST + " (1).png",
    "images/ff/" + LOST + ".jpeg",
    "images/aa/" + LOST + ".png",  # another folder than ours
    "images/ff/@eaDir/" + LOST + ".png/thumbnail.jpg",
    "images/favourite.png",
    "metrics/" + f"._{COMMIT}.parquet",
    "metrics/mine.parquet",
    "metrics/mine/" + COMMIT + ".parquet",
    "snapshots/ff/" + LOST + "/best.png",
    "results/.c1.parquet.Ab12Cd",  # rsync's temporary file
    "notes.tmp-for-me",
]
"""Names that this program does not make."""


def test_exactly_the_files_without_a_mark_go(files: Files, outcome: Callable[..., Outcome]) -> None:
    """Unmarked pictures, losses and temporary files go; files of lines, inputs, runs, leases and others stay."""
    publish_commit(files, "c1", [outcome(A, status="failed"), outcome(B)])
    publish_commit(files, "c2", [outcome(A, attempt=2)])
    for path in [*KEPT, *FOREIGN]:
        files.publish(path, b"x")
    before = {entry.path for entry in files.list("")}
    for path in STRAYS:
        files.publish(path, b"x")
    assert sweep(files, survey(files)) == len(STRAYS)
    assert {entry.path for entry in files.list("")} == before
    assert sweep(files, survey(files)) == 0


def test_nothing_goes_when_a_mark_cannot_be_read(files: Files, outcome: Callable[..., Outcome]) -> None:
    """With a damaged results file nothing is deleted, because its jobs' files are not stray."""
    publish_commit(files, "c1", [outcome("aa01")])
    files.publish("results/c1.parquet", b"damaged")
    before = [entry.path for entry in files.list("")]
    with pytest.raises(StoreError, match=r"results/c1\.parquet"):
        sweep(files, survey(files))
    assert [entry.path for entry in files.list("")] == before


JOBS = [f"{n:024x}" for n in range(300)]


def unmarked(files: Files, jobs: list[str]) -> None:
    """Publishes images without a mark."""
    for job in jobs:
        files.publish(layout.image(job, "png"), b"x")


def planned(files: Files, run: str, jobs: list[str], ended: dict[str, str] | None = None) -> None:
    """Publishes the plan of a run with jobs to compute, and, if it has ended, their results."""
    lines = [{"job_id": job, "action": "run"} for job in jobs]
    publish_table(files, layout.run(run, "plan.parquet"), pa.Table.from_pylist(lines, PLAN))
    if ended is not None:
        rows = [{"job_id": job, "status": status} for job, status in ended.items()]
        publish_table(files, layout.run(run, "results.parquet"), pa.Table.from_pylist(rows, ROWS))


@pytest.mark.parametrize(
    ("plan", "ended", "results", "images", "refused"),
    [
        (JOBS, None, False, JOBS[:200], 0),  # the first run was killed in its first commit
        (JOBS, None, True, JOBS[:200], 0),
        (None, None, False, JOBS[:1], 1),  # only images have been copied so far
        (JOBS, dict.fromkeys(JOBS, "done"), False, JOBS[:1], 1),  # results/ is lost
        (JOBS, dict.fromkeys(JOBS, "done"), True, JOBS[:100], 0),  # a writer that was stalled
        (JOBS, dict.fromkeys(JOBS, "done"), True, JOBS[:101], 101),  # part of results/ is lost
        (JOBS, dict.fromkeys(JOBS, "stopped"), True, JOBS, 0),  # many workers were stopped at once
        (JOBS[:10], None, True, JOBS[:110], 0),
        (JOBS[:10], None, True, JOBS[:111], 101),
    ],
)
def test_a_store_without_its_results_is_left_alone(
    plan: list[str] | None,
    ended: dict[str, str] | None,
    results: bool,
    images: list[str],
    refused: int,
    files: Files,
    outcome: Callable[..., Outcome],
) -> None:
    """Images without a mark are deleted if the newest run may have left them; otherwise an error says why not."""
    if plan is not None:
        planned(files, "20261120T000000.000-aaaa", plan, ended)
    if results:
        publish_commit(files, "c1", [outcome("f" * 24)])
    unmarked(files, images)
    found = survey(files)
    if not refused:
        assert sweep(files, found) == len(images)
        return
    with pytest.raises(StoreUnusable, match=rf"^{refused} images have no line .* restore"):
        sweep(files, found)
    assert survey(files) == found


def test_what_is_swept_is_logged(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the number of deleted files by folder, or nothing if there were none."""
    planned(files, "run", JOBS)
    with caplog.at_level(logging.INFO):
        sweep(files, survey(files))
        assert caplog.text == ""
        unmarked(files, JOBS[:3])
        files.publish("inputs/.x.parquet.tmp-0123456789ab", b"x")
        sweep(files, survey(files))
    assert "files without a mark deleted: 3 in images, 1 in inputs" in caplog.text


def test_a_lost_lease_keeps_everything(files: Files) -> None:
    """A run that has lost the lease deletes nothing, because apparent strays may belong to another run."""

    def check() -> None:
        raise StoreLocked("another run is writing")

    planned(files, "run", JOBS)
    unmarked(files, JOBS[:3])
    with pytest.raises(StoreLocked):
        sweep(files, survey(files), check)
    assert len(files.list("images")) == 3
