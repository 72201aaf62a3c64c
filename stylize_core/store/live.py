"""Reads the lines that count from a store of a million jobs: a few columns and some thousand lines at a time."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stylize_core.files.files import Files
from stylize_core.spool import TableSpool
from stylize_core.store.ledger import live, read_listed
from stylize_core.store.records import RESULTS
from stylize_core.store.tables import map_tables, regrouped

LINES = 20_000
"""Approximate lines yielded at once; those of a compacted file come together."""

_KEYS = ("job_id", "attempt", "status")


def live_lines(
    files: Files, columns: Sequence[str], among: Callable[[pa.Table], pa.Table] = lambda lines: lines
) -> Iterator[pa.Table]:
    """Yields columns of the lines that count, one line per job, in the order of the commits' names.

    Every results file is read once. A private file holds the columns of all lines until it is known which of them
    count; to decide that, the ids of all jobs are in memory, about 100 bytes per line.

    Args:
        files: the store.
        columns: of `records.RESULTS`.
        among: returns the lines of a file that may count; all unless given.

    Raises:
        StoreUnusable: the store is compacted again and again.
        StoreError: a results file is damaged; it is named.
        UsageError: there is no space for the private file.
    """
    names = tuple(dict.fromkeys((*columns, *_KEYS)))
    spool = read_listed(files, lambda paths: _spooled(files, paths, _schema(names), among))
    is_live, start = _is_live(spool), 0
    for batch in spool:
        lines = pa.Table.from_batches([batch]).select(columns)
        yield lines.filter(pa.array(is_live[start : start + len(lines)]))
        start += len(lines)


def live_table(files: Files, columns: Sequence[str]) -> pa.Table:
    """Returns columns of all lines that count as one table; see `live_lines`."""
    return pa.concat_tables([_schema(columns).empty_table(), *live_lines(files, columns)])


def _spooled(
    files: Files, paths: Sequence[str], schema: pa.Schema, among: Callable[[pa.Table], pa.Table]
) -> TableSpool:
    spool = TableSpool(schema)
    for batch in regrouped(map_tables(among, files, paths, schema), LINES):
        spool.add(batch)
    return spool


def _is_live(spool: TableSpool) -> npt.NDArray[np.bool_]:
    """Returns whether each line counts."""
    keys = [pa.Table.from_batches([batch]).select(_KEYS) for batch in spool]
    lines = pa.concat_tables([_schema(_KEYS).empty_table(), *keys]).combine_chunks()
    places = np.arange(len(lines))
    for name in ("commit", "place"):  # the lines are in the order of the commits' names
        lines = lines.append_column(name, pa.array(places))
    is_live = np.zeros(len(lines), dtype=np.bool_)
    is_live[live(lines)["place"].to_numpy()] = True
    return is_live


def _schema(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([RESULTS.field(name) for name in columns])
