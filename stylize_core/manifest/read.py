"""Reads a manifest's file, in either format, into rows of text."""

from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from stylize_core.errors import ManifestError
from stylize_core.manifest.csv_rows import csv_rows
from stylize_core.manifest.parquet_rows import MAGIC, parquet_rows
from stylize_core.manifest.raw_row import RawRow


def is_parquet(file: BinaryIO, where: str) -> bool:
    """Returns whether a manifest is a Parquet file, by its name or its first bytes; otherwise it is CSV."""
    file.seek(0)
    return where.lower().endswith(".parquet") or file.read(len(MAGIC)) == MAGIC


def read_manifest(file: BinaryIO, where: str) -> Iterator[RawRow]:
    """Returns an iterator over the rows of a manifest; memory does not grow with their number.

    Args:
        file: can be read at any position; nobody else reads it in the meantime.
        where: the file's name, for messages.

    Raises:
        ManifestError: the manifest as a whole cannot be used. Faults in its middle are raised when they are reached.
    """
    rows = (parquet_rows if is_parquet(file, where) else csv_rows)(file, where)
    first = next(rows, None)
    if first is None:
        raise ManifestError("the manifest has no data rows", where=where, todo="write a row below the header")
    return chain([first], rows)
