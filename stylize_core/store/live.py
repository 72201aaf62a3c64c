"""The lines that count, a few columns and some thousand lines at a time: how a store of a million jobs is read."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stylize_core.errors import StoreUnusable
from stylize_core.files.files import Files
from stylize_core.store.ledger import live, read_listed
from stylize_core.store.records import RESULTS
from stylize_core.store.tables import map_tables

LINES = 20_000
"""Lines given at once, about; those of a compacted file come together."""

_KEYS = ("job_id", "attempt", "status")


def live_lines(files: Files, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yields columns of the lines that count, one line per job, in the order of the commits' names.

    To tell which lines count, the ids of all jobs are read first; that takes some 100 bytes of memory a line.

    Raises:
        StoreUnusable: the store was compacted while it was read; trying again helps.
        StoreError: a results file is damaged; it is named.
    """
    paths, counts, is_live = read_listed(files, lambda paths: (paths, *_live(files, paths)))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    for first, last in _stretches(starts):
        try:
            table = pa.concat_tables(_read(files, paths[first:last], columns))
        except FileNotFoundError as error:
            what = "the store was compacted while it was read"
            raise StoreUnusable(what, where=files.public_uri, todo="try again") from error
        yield table.filter(pa.array(is_live[starts[first] : starts[last]]))


def live_table(files: Files, columns: Sequence[str]) -> pa.Table:
    """Returns columns of the lines that count at once; see `live_lines`."""
    return pa.concat_tables([_schema(columns).empty_table(), *live_lines(files, columns)])


def _live(files: Files, paths: Sequence[str]) -> tuple[list[int], npt.NDArray[np.bool_]]:
    """Returns the number of lines of each file, and whether each line counts."""
    tables = _read(files, paths, _KEYS)
    counts = [len(table) for table in tables]
    lines = pa.concat_tables([_schema(_KEYS).empty_table(), *tables]).combine_chunks()
    places = {
        "commit": np.repeat(np.arange(len(paths), dtype=np.int32), counts),  # as the paths are, in the names' order
        "place": np.arange(len(lines)),
    }
    for name, values in places.items():
        lines = lines.append_column(name, pa.array(values))
    is_live = np.zeros(len(lines), dtype=np.bool_)
    is_live[live(lines)["place"].to_numpy()] = True
    return counts, is_live


def _stretches(starts: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yields the first and the last file (not included) of neighbours with `LINES` lines together, or a bit more."""
    first = 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + LINES))
        last = min(max(last, first + 1), len(starts) - 1)
        yield first, last
        first = last


def _read(files: Files, paths: Sequence[str], columns: Sequence[str]) -> list[pa.Table]:
    return list(map_tables(lambda table: table, files, paths, _schema(columns)))


def _schema(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([RESULTS.field(name) for name in columns])
