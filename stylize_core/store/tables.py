"""Parquet files of a store."""

import io
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from stylize_core.errors import OutputRefused, StoreDamaged
from stylize_core.files.files import Entry, Files
from stylize_core.spool import private_file, temp_write_errors
from stylize_core.store import layout
from stylize_core.store.records import ADDED

_CHECKED = 50_000  # lines in memory at once
_THREADS = 8  # small files: most of the time is spent waiting for the disk or the network

_MAY_LACK = frozenset({*ADDED, "uri_hash"})
"""Columns that files of earlier releases lack."""

T = TypeVar("T")

_log = logging.getLogger(__name__)

_ADVICE = {
    layout.RESULTS: "restore it from a backup; or delete it, and the images that `stylize status STORE --verify` then "
    "calls stray: what it held is then computed again",
    layout.METRICS: "restore it from a backup, or run the manifest with --verify: what it held is then computed again",
    layout.INPUTS: "delete it: what it held is only remembered, and read again",
    layout.RUNS: "restore it from a backup, or delete the folder of that run: the results themselves are elsewhere",
}
"""What to do about a damaged file, by its folder."""


def list_tables(files: Files, folder: str) -> list[Entry]:
    """Returns the Parquet files directly in a folder, sorted by path.

    It skips names that begin with a dot: files being written, macOS's metadata files, copies in progress.
    """
    entries = files.list(folder, recursive=False)
    return [entry for entry in entries if re.fullmatch(r"[^.][^/]*\.parquet", entry.path.removeprefix(f"{folder}/"))]


def publish_table(files: Files, path: str, table: pa.Table) -> None:
    """Writes a table as one Parquet file, or replaces it, in one step."""
    files.publish(path, to_parquet(table))


def publish_batches(files: Files, path: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Writes batches as one Parquet file in one step, a row group each; memory holds only the compressed file."""
    file = io.BytesIO()  # in memory: a run's record needs no space for temporary files
    with pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
        for batch in batches:
            writer.write_batch(batch)
    files.publish(path, file.getvalue())


def to_parquet(table: pa.Table) -> bytes:
    """Returns a table as Parquet: zstd, with a checksum for each page to detect damage."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue().to_pybytes())


def read_table(files: Files, path: str, schema: pa.Schema) -> pa.Table:
    """Returns the columns of a schema from a Parquet file.

    Raises:
        FileNotFoundError: there is no such file.
        StoreDamaged: the file is damaged, or lacks a column.
    """
    data = pa.BufferReader(files.read(path))
    with _damage_named(files, path):
        return _typed(_parquet(data).read(columns=schema.names, use_threads=False), schema)


class TableFile:
    """A Parquet file of a store, fetched once and read repeatedly, some lines at a time.

    A local file is read in place; a remote one is fetched as a whole into a private file.

    Args:
        files: the store.
        path: of the file.

    Raises:
        FileNotFoundError: there is no such file.
        OutputRefused: it is not a regular file.
        UsageError: there is no space for the private file.
    """

    def __init__(self, files: Files, path: str) -> None:
        self._files, self._path = files, path
        local = files.local_path(path)
        if local:
            files.open(path).close()  # refuses anything but a file: reading a pipe might never end
        self._data = pa.OSFile(str(local)) if local else self._fetched(files.read(path))

    def batches(self, schema: pa.Schema, lines: int) -> Iterator[pa.Table]:
        """Yields the columns of a schema, at least one, `lines` at a time, fewer only at the end.

        Raises:
            StoreDamaged: the file is damaged, or lacks a column.
        """
        with _damage_named(self._files, self._path):
            for batch in _parquet(self._data).iter_batches(lines, columns=schema.names, use_threads=False):
                yield _typed(pa.Table.from_batches([batch]), schema)

    def _fetched(self, data: bytes) -> pa.NativeFile:
        file = private_file(self)
        with temp_write_errors():
            file.write(data)
            file.flush()
        return pa.PythonFile(file, mode="r")


def read_batches(files: Files, path: str, schema: pa.Schema, lines: int) -> Iterator[pa.Table]:
    """Yields the columns of a schema from a Parquet file, `lines` at a time; raises as `read_table` does."""
    yield from TableFile(files, path).batches(schema, lines)


def read_tables(files: Files, paths: Iterable[str], schema: pa.Schema) -> pa.Table:
    """Returns several Parquet files as one table, in the order of the paths; raises as `read_table` does."""
    return pa.concat_tables([schema.empty_table(), *map_tables(lambda table: table, files, paths, schema)])


def map_tables(
    function: Callable[[pa.Table], T],
    files: Files,
    paths: Iterable[str],
    schema: pa.Schema,
    read: Callable[[Files, str, pa.Schema], pa.Table] = read_table,
) -> Iterator[T]:
    """Applies a function to each Parquet file, in the order of the paths; raises as `read` does.

    Some files are read ahead: many at once from a remote store, to overlap the waiting; few from a local one, because
    they take memory.
    """
    window = 2 if files.local_path("results") else _THREADS
    with ThreadPoolExecutor(window) as pool:
        reading: deque[Future[pa.Table]] = deque()
        for path in paths:
            reading.append(pool.submit(read, files, path, schema))
            if len(reading) > window:
                yield function(reading.popleft().result())
        while reading:
            yield function(reading.popleft().result())


def read_readable(files: Files, path: str, schema: pa.Schema) -> pa.Table:
    """Returns the same as `read_table`, but no lines if the file is damaged, which is logged.

    For tables that a run does not need: losses, and fingerprints of inputs.

    Raises:
        FileNotFoundError: there is no such file.
        StoreError: the store cannot be read.
    """
    try:
        return read_table(files, path, schema)
    except (StoreDamaged, OutputRefused) as error:
        _log.warning("left out: %s", error)
        return schema.empty_table()


def check_table(files: Files, path: str) -> None:
    """Reads all of a Parquet file; raises as `read_table` does."""
    with files.open(path) as file, _damage_named(files, path):
        for _ in _parquet(pa.PythonFile(file, "r")).iter_batches(_CHECKED, use_threads=False):
            pass


def regrouped(tables: Iterable[pa.Table], lines: int) -> Iterator[pa.RecordBatch]:
    """Yields the same lines in batches of at least `lines`, except the last one."""
    pending: list[pa.Table] = []
    for table in tables:
        pending.append(table)
        if sum(map(len, pending)) >= lines:
            yield from pa.concat_tables(pending).combine_chunks().to_batches()
            pending = []
    if pending:
        yield from pa.concat_tables(pending).combine_chunks().to_batches()


def _parquet(data: pa.NativeFile) -> pq.ParquetFile:
    return pq.ParquetFile(data, page_checksum_verification=True)


def _typed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Returns the columns of a schema; fills missing columns of `_MAY_LACK` with nulls."""
    for column in schema:
        if column.name in _MAY_LACK and column.name not in table.column_names:
            table = table.append_column(column, pa.nulls(table.num_rows, column.type))
    return table.select(schema.names).cast(schema)


@contextmanager
def _damage_named(files: Files, path: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        what, where = "a file of the store is damaged", f"{files.public_uri}/{path}"
        raise StoreDamaged(what, where=where, todo=_ADVICE.get(path.partition("/")[0], "")) from error
