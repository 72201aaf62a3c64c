"""Parquet files of a store."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from stylize_core.errors import StoreError, StoreUnusable
from stylize_core.store.files import Files

_THREADS = 8  # small files: the time goes into waiting for the disk or the network

_FORMAT: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}  # so that damage is noticed


def publish_table(files: Files, path: str, table: pa.Table) -> None:
    """Writes a table as one Parquet file, or replaces it, in one step."""
    files.publish(path, to_parquet(table))


def to_parquet(table: pa.Table) -> bytes:
    """Returns a table as Parquet: zstd, each page with a checksum so that damage is noticed."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **_FORMAT)
    return bytes(sink.getvalue().to_pybytes())


@contextmanager
def publishing_table(files: Files, path: str, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Gives a writer of a table that is too large for memory; see `Files.publishing`."""
    with files.publishing(path) as file, pq.ParquetWriter(file, schema, **_FORMAT) as writer:
        yield writer


def read_table(files: Files, path: str, schema: pa.Schema) -> pa.Table:
    """Returns the columns of a schema from a Parquet file.

    Raises:
        FileNotFoundError: there is no such file.
        StoreError: the file is damaged, or lacks a column.
    """
    data = pa.BufferReader(files.read(path))
    with _damage_named(files, path):
        return _typed(_parquet(data).read(columns=schema.names, use_threads=False), schema)


def read_batches(files: Files, path: str, schema: pa.Schema, lines: int) -> Iterator[pa.Table]:
    """Yields the columns of a schema from a Parquet file, at most so many lines at a time; errors as of `read_table`."""
    with files.open(path) as data, _damage_named(files, path):
        for batch in _parquet(data).iter_batches(lines, columns=schema.names, use_threads=False):
            yield _typed(pa.Table.from_batches([batch]), schema)


def read_tables(files: Files, paths: Iterable[str], schema: pa.Schema) -> pa.Table:
    """Returns several Parquet files as one table; see `read_each`."""
    return pa.concat_tables([schema.empty_table(), *read_each(files, paths, schema)])


def read_each(files: Files, paths: Iterable[str], schema: pa.Schema, *, ahead: int = _THREADS) -> Iterator[pa.Table]:
    """Yields the tables of several Parquet files, in the order of the paths; threads read some of them ahead.

    Raises:
        StoreUnusable: a file was listed and is gone: it was compacted meanwhile.
        StoreError: a file is damaged, or lacks a column.
    """
    read: deque[Future[pa.Table]] = deque()
    with ThreadPoolExecutor(ahead) as pool:
        for path in paths:
            if len(read) == ahead:
                yield read.popleft().result()
            read.append(pool.submit(_read_listed, files, schema, path))
        while read:
            yield read.popleft().result()


def _read_listed(files: Files, schema: pa.Schema, path: str) -> pa.Table:
    try:
        return read_table(files, path, schema)
    except FileNotFoundError as error:
        where = f"{files.public_uri}/{path}"
        raise StoreUnusable("the store was changed while it was read", where=where, todo="try again") from error


def _parquet(data: BinaryIO | pa.BufferReader) -> pq.ParquetFile:
    return pq.ParquetFile(data, page_checksum_verification=True)


def _typed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    return table.select(schema.names).cast(schema)


@contextmanager
def _damage_named(files: Files, path: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise StoreError(
            "a file of the store is damaged",
            where=f"{files.public_uri}/{path}",
            todo="restore it from a backup, or delete it: what it held is then computed again",
        ) from error
