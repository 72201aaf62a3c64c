"""Deleting files without a mark: what a kill or a failure in the middle of a commit leaves behind, and no more."""

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
"""Unmarked images that are swept wherever they come from: about a commit, as a writer leaves that was stalled."""

LINES = 50_000
"""Rows of a run in memory at once."""

_UNFINISHED = pa.array(["failed", "stopped"])

_log = logging.getLogger(__name__)


def sweep(files: Files, found: Survey, check: Callable[[], None] = lambda: None) -> int:
    """Deletes the files without a mark and returns how many there were.

    Only the lease's holder may do this, and before its workers write: what they are about to commit has no mark yet.

    Args:
        files: of the store.
        found: what the store has.
        check: raises where the lease is lost.

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
    """Makes sure that the images without a mark are what a killed run leaves, and not a store that lacks results.

    Raises:
        StoreUnusable: there are more of them.
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
    """Returns the images that the newest run cannot have left in mid-commit."""
    images = [path for path in strays if path.startswith(f"{layout.IMAGES}/") and layout.is_ours(path)]
    if not images:
        return []
    jobs = pa.array((path.split("/")[-1].partition(".")[0] for path in images), pa.string())
    is_left = pc.is_in(jobs, value_set=_unfinished(files)).to_pylist()
    return [path for path, left in zip(images, is_left, strict=True) if not left]


def _unfinished(files: Files) -> pa.Array:
    """Returns the ids of the jobs that the newest run was to compute and, as far as it tells, has not done."""
    run = latest_run(files)
    if not run:
        return pa.array([], pa.string())
    with suppress(StoreError, FileNotFoundError):  # it is damaged and tells nothing, or was deleted
        try:
            return _jobs(files, layout.run(run, "results.parquet"), ROWS, "status", _UNFINISHED)
        except FileNotFoundError:  # it was cut off
            return _jobs(files, layout.run(run, "plan.parquet"), PLAN, "action", pa.array(["run"]))
    return pa.array([], pa.string())


def _jobs(files: Files, path: str, schema: pa.Schema, column: str, values: pa.Array) -> pa.Array:
    names = pa.schema([schema.field("job_id"), schema.field(column)])
    tables = [
        table.filter(pc.is_in(table[column], value_set=values)) for table in read_batches(files, path, names, LINES)
    ]
    return pa.concat_tables([names.empty_table(), *tables])["job_id"].combine_chunks()
