"""Files without a mark: what a kill or a failure in the middle of a commit leaves behind."""

from collections.abc import Callable

import pyarrow as pa

from stylize_core.store import layout
from stylize_core.store.disk import TEMPORARY
from stylize_core.store.files import Files
from stylize_core.store.ledger import live, read_results


def sweep(files: Files) -> int:
    """Deletes the files without a mark and returns how many there were.

    Only the lease's holder may do this, and before its workers write: what they are about to commit has no mark yet.

    Raises:
        StoreError: a results file is damaged; nothing is deleted then.
    """
    paths = stray_files(files, read_results(files))
    files.delete(paths)
    return len(paths)


def stray_files(files: Files, results: pa.Table) -> list[str]:
    """Returns the paths of the files without a mark.

    They are temporary files, images that no live line names, snapshots of jobs without a live line, and losses of
    commits without lines. Inputs, runs and the lease have no mark; of inputs and runs only temporary files count. The
    lease's own are left alone: its holder and those who wait write them at any time.

    Args:
        files: of the store.
        results: every committed line.
    """
    has_mark = _marks(results)
    strays = []
    for entry in files.list(""):
        folder, _, rest = entry.path.partition("/")  # without a rest: a link in the place of a folder
        is_temporary = TEMPORARY in entry.path and folder != layout.LEASE
        if is_temporary or (rest and folder in has_mark and not has_mark[folder](entry.path)):
            strays.append(entry.path)
    return strays


def _marks(results: pa.Table) -> dict[str, Callable[[str], bool]]:
    lines = live(results)
    images = set(lines["image"].to_pylist())
    jobs = set(lines["job_id"].to_pylist())
    metrics = {layout.metrics(commit) for commit in results["commit"].to_pylist()}
    return {
        layout.IMAGES: images.__contains__,
        layout.SNAPSHOTS: lambda path: path.split("/")[-2] in jobs,
        layout.METRICS: metrics.__contains__,
    }
