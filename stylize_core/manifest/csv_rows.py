"""A CSV manifest to rows of text, line by line: encoding, quotes and shape are checked here, values in `row.py`."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import BinaryIO

from stylize_core.errors import ManifestError
from stylize_core.manifest.header import columns_of, is_spreadsheet_hint, without_trailing_blanks
from stylize_core.manifest.problems import Problem
from stylize_core.manifest.raw_row import RawRow

_BLOCK_BYTES = 1 << 20


def csv_rows(file: BinaryIO, where: str) -> Iterator[RawRow]:
    """Yields the rows of a CSV manifest: UTF-8 with or without BOM, commas, any line ends, empty lines skipped.

    Args:
        file: can be read from its start again.
        where: the file's name, for messages.

    Raises:
        ManifestError: the manifest as a whole cannot be used. A fault of the encoding is found before the first row,
            one of the quotes where it stands.
    """
    _check_text(file, where)
    records = _records(file, where)
    line, header = next(records, (1, []))
    if is_spreadsheet_hint(header):
        line, header = next(records, (1, []))
    if not header:
        raise ManifestError("the manifest is empty", where=where, todo="write a header line: content,style")
    columns = columns_of(header, f"{where}, line {line}")
    for number, (line, cells) in enumerate(records, 1):
        yield _raw_row(number, line, columns, cells)


def _check_text(file: BinaryIO, where: str) -> None:
    position = _nul_position(file)
    if position is not None:
        raise ManifestError(
            "the manifest holds a NUL byte",
            where=f"{where}, line {_line_of(file, position)}",
            todo="save it again as CSV in UTF-8",
        )
    position = _undecodable_position(file)
    if position is not None:
        file.seek(position)
        raise ManifestError(
            f"the manifest is not UTF-8: byte 0x{file.read(1).hex()}",
            where=f"{where}, line {_line_of(file, position)}",
            todo="save it again as CSV in UTF-8",
        )


def _nul_position(file: BinaryIO) -> int | None:
    position = 0
    for block in _blocks(file):
        if position == 0 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return None  # its NUL bytes are right; that it is not UTF-8 says more
        if (found := block.find(0)) >= 0:
            return position + found
        position += len(block)
    return None


def _undecodable_position(file: BinaryIO) -> int | None:
    decoder, position = codecs.getincrementaldecoder("utf-8")(), 0
    for block in chain(_blocks(file), [b""]):
        pending = len(decoder.getstate()[0])  # the begun character at the end of the block before
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            return position - pending + error.start
        position += len(block)
    return None


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    return iter(partial(file.read, _BLOCK_BYTES), b"")


def _line_of(file: BinaryIO, position: int) -> int:
    file.seek(0)
    return len((file.read(position) + b".").splitlines())


def _records(file: BinaryIO, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yields (line where it begins, cells) of each record that is not blank."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    reader = csv.reader(text, strict=True, skipinitialspace=True)
    begin = 1
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        what = f"the manifest is not valid CSV: {error}"
        todo = "close every quote, and double the quotes inside a quoted cell"
        if "field limit" in str(error):
            what = f"a cell has more than {csv.field_size_limit():,} characters"
            todo = "close the quote that it begins with, shorten it, or write the manifest as Parquet"
        raise ManifestError(what, where=f"{where}, line {begin}", todo=todo) from None
    finally:
        with suppress(ValueError):  # the file is closed already
            text.detach()  # the file stays open


def _raw_row(number: int, line: int, columns: Sequence[str], cells: list[str]) -> RawRow:
    problem = None
    if len(cells) > len(columns):  # spreadsheets like to end lines with commas
        cells = cells[: len(columns)] + without_trailing_blanks(cells[len(columns) :])
    if len(cells) != len(columns):
        message = f"{len(cells)} cells where the header has {len(columns)}; quote cells that hold a comma"
        problem = Problem(line=line, row=number, message=message)
    return RawRow(number, line, dict(zip(columns, cells, strict=False)), problem)
