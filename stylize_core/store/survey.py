"""Compares a store's files with its lines that count: finds files without a mark, and missing images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.files.disk import is_temporary
from stylize_core.files.files import Entry, Files
from stylize_core.store import layout
from stylize_core.store.ledger import results_paths
from stylize_core.store.live import live_table

AT_ONCE = 100_000
"""Number of files to look up together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The result of comparing a store's files with its lines.

    Attributes:
        jobs: number of jobs with a line.
        lost: ids of the done jobs whose image is missing or has another size: they do not count.
        strays: paths of the files without a mark, sorted.
    """

    jobs: int
    lost: pa.Array
    strays: Sequence[str]


def survey(files: Files) -> Survey:
    """Lists a store and compares it with its lines.

    Strays are what a kill or a failure during a commit leaves behind: temporary files, images that no line that counts
    names, snapshots of jobs without a line, and losses of commits without lines. Inputs, runs and the lease have no
    mark; among inputs and runs only temporary files are strays. Files of the lease are not, because its holder and
    waiting runs may write them at any time, nor is any file that this program did not name.

    Raises:
        StoreError: a results file is damaged.
    """
    lines = live_table(files, ("job_id", "status", "image", "bytes"))
    marks, images = _marks(files, lines), _Images(lines)
    found = iter(files.list(""))
    strays: list[str] = []
    while entries := list(islice(found, AT_ONCE)):
        paths = [entry.path for entry in entries]
        strays += [path for path in paths if is_temporary(path) and not path.startswith(f"{layout.LEASE}/")]
        for folder, marked in marks.items():
            strays += marked.missing([path for path in paths if path.startswith(f"{folder}/") and layout.is_ours(path)])
        strays += images.look_at([entry for entry in entries if entry.path.startswith(f"{layout.IMAGES}/")])
    return Survey(jobs=len(lines), lost=images.lost(), strays=sorted(strays))


class _Images:
    """The images named by lines.

    Args:
        lines: that count.
    """

    def __init__(self, lines: pa.Table) -> None:
        self._lines = lines
        self._paths = lines["image"].combine_chunks()
        self._sizes = lines["bytes"].fill_null(-1).to_numpy()
        self._is_there: npt.NDArray[np.bool_] = np.zeros(len(lines), np.bool_)

    def look_at(self, entries: Sequence[Entry]) -> list[str]:
        """Checks listed files; returns the paths of this program's images that no line names."""
        places = pc.index_in(pa.array((entry.path for entry in entries), pa.string()), value_set=self._paths)
        is_named = pc.is_valid(places).to_numpy(zero_copy_only=False)
        named = places.drop_null().to_numpy()
        sizes = np.array([entry.size for entry in entries], np.int64)
        self._is_there[named] = sizes[is_named] == self._sizes[named]
        unnamed = (entry.path for entry, is_known in zip(entries, is_named, strict=True) if not is_known)
        return [path for path in unnamed if layout.is_ours(path)]

    def lost(self) -> pa.Array:
        """Returns the ids of done jobs whose image was not among the files with its size."""
        is_lost = pc.and_(pc.equal(self._lines["status"], "done"), pa.array(~self._is_there))
        return self._lines["job_id"].filter(is_lost).combine_chunks()


@dataclass(frozen=True, slots=True)
class _Marked:
    """The files with a mark in a folder.

    Attributes:
        name_of: returns the identifying name of a path.
        names: the names with a mark.
    """

    name_of: Callable[[str], str]
    names: pa.Array

    def missing(self, paths: Sequence[str]) -> list[str]:
        """Returns the paths without a mark."""
        names = pa.array(map(self.name_of, paths), pa.string())
        is_marked = pc.is_in(names, value_set=self.names).to_pylist()
        return [path for path, marked in zip(paths, is_marked, strict=True) if not marked]


def _marks(files: Files, lines: pa.Table) -> Mapping[str, _Marked]:
    metrics = [path.replace(layout.RESULTS, layout.METRICS, 1) for path in results_paths(files)]
    return {
        layout.SNAPSHOTS: _Marked(lambda path: path.split("/")[-2], lines["job_id"].combine_chunks()),
        layout.METRICS: _Marked(str, pa.array(metrics, pa.string())),
    }
