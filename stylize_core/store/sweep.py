"""Files without a mark: what a kill or a failure in the middle of a commit leaves behind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.files.disk import is_temporary
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.ledger import results_paths
from stylize_core.store.live import live_table

AT_ONCE = 100_000
"""Files that are looked up together."""


def sweep(files: Files) -> int:
    """Deletes the files without a mark and returns how many there were.

    Only the lease's holder may do this, and before its workers write: what they are about to commit has no mark yet.

    Raises:
        StoreError: a results file is damaged; nothing is deleted then.
    """
    paths = stray_files(files)
    files.delete(paths)
    return len(paths)


def stray_files(files: Files) -> list[str]:
    """Returns the paths of the files without a mark, sorted.

    They are temporary files, images that no live line names, snapshots of jobs without a live line, and losses of
    commits without lines. Inputs, runs and the lease have no mark; of inputs and runs only temporary files count. The
    lease's own are left alone: its holder and those who wait write them at any time. So is every file whose name is
    not of this program's making.

    Raises:
        StoreError: a results file is damaged.
    """
    marks = _marks(files)
    found = (entry.path for entry in files.list(""))
    strays: list[str] = []
    while paths := list(islice(found, AT_ONCE)):
        strays += [path for path in paths if is_temporary(path) and not path.startswith(f"{layout.LEASE}/")]
        for folder, marked in marks.items():
            inside = [path for path in paths if path.startswith(f"{folder}/") and layout.is_ours(path)]
            strays += marked.missing(inside)
    return sorted(strays)


@dataclass(frozen=True, slots=True)
class _Marked:
    """What has a mark in a folder.

    Attributes:
        name_of: by which a file is known, from its path.
        names: those with a mark.
    """

    name_of: Callable[[str], str]
    names: pa.Array

    def missing(self, paths: Sequence[str]) -> list[str]:
        """Returns the paths without a mark."""
        names = pa.array(map(self.name_of, paths), pa.string())
        is_marked = pc.is_in(names, value_set=self.names).to_pylist()
        return [path for path, marked in zip(paths, is_marked, strict=True) if not marked]


def _marks(files: Files) -> Mapping[str, _Marked]:
    lines = live_table(files, ("job_id", "image"))
    metrics = [path.replace(layout.RESULTS, layout.METRICS, 1) for path in results_paths(files)]
    return {
        layout.IMAGES: _Marked(str, lines["image"].combine_chunks()),
        layout.SNAPSHOTS: _Marked(lambda path: path.split("/")[-2], lines["job_id"].combine_chunks()),
        layout.METRICS: _Marked(str, pa.array(metrics, pa.string())),
    }
