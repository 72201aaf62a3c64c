"""Deletes files without a mark: what a kill or a failure during a commit leaves behind, and nothing else."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.errors import StoreError, StoreUnusable
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.records import PLAN, ROWS
from stylize_core.store.runs import latest_run
from stylize_core.store.survey import Survey
from stylize_core.store.tables import read_batches

FEW = 100
"""Unmarked images to sweep whatever their origin: about one commit, as a stalled writer may leave."""

LINES = 50_000
"""Rows of a run in memory at once."""

_UNFINISHED = pa.array(["failed", "stopped"])

_log = logging.getLogger(__name__)


def sweep(files: Files, found: Survey, check: Callable[[], None] = lambda: None) -> int:
    """Deletes the files without a mark and returns how many there were.

    Only the lease's holder may do this, and before its workers write, because uncommitted files have no mark yet.

    Args:
        files: of the store.
        found: what the store has.
        check: raises if the lease is lost.

    Raises:
        StoreLocked: by `check`; nothing is deleted then.
        StoreUnusable: see `check_sweepable`; nothing is deleted then.
        StoreError: the store cannot be written.
    """
    check_sweepable(files, found)
    check()
    files.delete(found.strays)
    if found.strays:
        folders = Counter(path.partition("/")[0] for path in found.strays)
        counts = ", ".join(f"{count:,} in {folder}" for folder, count in sorted(folders.items()))
        _log.info("files without a mark deleted: %s", counts)
    return len(found.strays)


def check_sweepable(files: Files, found: Survey) -> None:
    """Checks that the images without a mark come from a killed run, and not from a store with missing results.

    Raises:
        StoreUnusable: there are more of them than a killed run leaves.
    """
    count = len(_of_nobody(files, found.strays))
    if count > (FEW if found.jobs else 0):
        raise StoreUnusable(
            f"{count:,} images have no line in {layout.RESULTS}/, which is more than a killed run leaves",
            where=f"{files.public_uri}/{layout.RESULTS}",
            todo="copy or restore that folder in full and run again; where it is whole and these images are to be made "
            "anew, delete them first: `stylize status STORE --verify` names each",
        )


def _of_nobody(files: Files, strays: Sequence[str]) -> list[str]:
    """Returns the images that the newest run cannot have left by an interrupted commit."""
    images = [path for path in strays if path.startswith(f"{layout.IMAGES}/") and layout.is_ours(path)]
    if not images:
        return []
    jobs = pa.array((path.split("/")[-1].partition(".")[0] for path in images), pa.string())
    is_left = pc.is_in(jobs, value_set=_unfinished(files)).to_pylist()
    return [path for path, left in zip(images, is_left, strict=True) if not left]


def _unfinished(files: Files) -> pa.Array:
    """Returns the ids of the jobs that the newest run planned to compute and, according to its record, has not done."""
    run = latest_run(files)
    if not run:
        return pa.array([], pa.string())
    with suppress(StoreError, FileNotFoundError):  # it is damaged or was deleted
        try:
            return _jobs(files, layout.run(run, "results.parquet"), ROWS, "status", _UNFINISHED)
        except FileNotFoundError:  # it was interrupted
            return _jobs(files, layout.run(run, "plan.parquet"), PLAN, "action", pa.array(["run"]))
    return pa.array([], pa.string())


def _jobs(files: Files, path: str, schema: pa.Schema, column: str, values: pa.Array) -> pa.Array:
    names = pa.schema([schema.field("job_id"), schema.field(column)])
    tables = [
        table.filter(pc.is_in(table[column], value_set=values)) for table in read_batches(files, path, names, LINES)
    ]
    return pa.concat_tables([names.empty_table(), *tables])["job_id"].combine_chunks()
