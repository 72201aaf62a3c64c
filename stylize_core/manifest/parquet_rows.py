"""Reads a Parquet manifest into rows of text, batch by batch: values become the text that a CSV file would have."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stylize_core.errors import ManifestError
from stylize_core.manifest.header import columns_of
from stylize_core.manifest.raw_row import RawRow

MAGIC = b"PAR1"
"""The first bytes of every Parquet file."""

_BATCH_ROWS = 5000
_BUFFER_BYTES = 1 << 20  # read ahead per column; a row group may be the whole file

_INDEX = re.compile(r"__index_level_\d+__")  # pandas adds this to a frame after dropping rows


def parquet_rows(file: BinaryIO, where: str) -> Iterator[RawRow]:
    """Yields the rows of a Parquet manifest; null and missing text are empty cells.

    Args:
        file: can be read at any position.
        where: the file's name, for messages.

    Raises:
        ManifestError: the manifest as a whole cannot be used; a damaged page is raised when it is reached.
    """
    file.seek(0)
    with _clear_errors(where):
        parquet = pq.ParquetFile(file, buffer_size=_BUFFER_BYTES, page_checksum_verification=True)
    fields = [field for field in parquet.schema_arrow if not _INDEX.fullmatch(field.name)]
    columns = columns_of([field.name.strip() for field in fields], where)
    for field in fields:
        if pa.types.is_nested(field.type):
            what = f"column {field.name!r} holds {field.type}, not one value a row"
            raise ManifestError(what, where=where, todo="write texts, numbers or booleans")
    batches = parquet.iter_batches(_BATCH_ROWS, columns=[field.name for field in fields], use_threads=False)
    rows = (cells for texts in _texts(batches, where) for cells in zip(*texts, strict=True))
    for number, cells in enumerate(rows, 1):
        yield RawRow(number, number, dict(zip(columns, cells, strict=False)))


def _texts(batches: Iterator[pa.RecordBatch], where: str) -> Iterator[list[list[str]]]:
    """Yields batches as columns of texts."""
    with _clear_errors(where):
        for batch in batches:
            columns = [pc.utf8_trim_whitespace(column.cast(pa.string())).fill_null("") for column in batch.columns]
            texts = [column.to_pylist() for column in columns]
            if any("\0" in text for column in texts for text in column):
                raise ManifestError("the manifest contains a NUL byte", where=where, todo="write texts without it")
            yield texts


@contextmanager
def _clear_errors(where: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        todo = "write the file again, with columns of texts, numbers or booleans"
        raise ManifestError(f"the manifest is not valid Parquet: {reason}", where=where, todo=todo) from error
