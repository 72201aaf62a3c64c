"""Reads a CSV manifest into rows of text, line by line; checks encoding, quotes and shape (`row.py` checks values)."""

import csv
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from stylize_core.errors import ManifestError
from stylize_core.manifest.header import columns_of, is_spreadsheet_hint, without_trailing_blanks
from stylize_core.manifest.problems import Problem
from stylize_core.manifest.raw_row import RawRow


def csv_rows(file: BinaryIO, where: str) -> Iterator[RawRow]:
    """Yields the rows of a CSV manifest: UTF-8 with or without BOM, commas, any line ends, empty lines skipped.

    Args:
        file: can be read from its start again.
        where: the file's name, for messages.

    Raises:
        ManifestError: the manifest as a whole cannot be used; a fault in encoding or quotes is raised at its line.
    """
    records = _records(file, where)
    line, header = next(records, (1, []))
    if is_spreadsheet_hint(header):
        line, header = next(records, (1, []))
    if not header:
        raise ManifestError("the manifest is empty", where=where, todo="write a header line: content,style")
    columns = columns_of(header, f"{where}, line {line}")
    for number, (line, cells) in enumerate(records, 1):
        yield _raw_row(number, line, columns, cells)


def _records(file: BinaryIO, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yields (first line, cells) of each record that is not blank."""
    reader = csv.reader(_lines(file, where), strict=True, skipinitialspace=True)
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


def _lines(file: BinaryIO, where: str) -> Iterator[str]:
    """Yields lines with their line ends, which belong to a cell inside quotes."""
    file.seek(0)
    lines = (line for ended_by_newline in file for line in ended_by_newline.splitlines(keepends=True))
    for number, line in enumerate(lines, 1):
        fault = None
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            fault = f"the manifest is not UTF-8: byte 0x{error.object[error.start]:02x}"
        else:
            if "\0" in text:
                fault = "the manifest contains a NUL byte"
        if fault:
            raise ManifestError(fault, where=f"{where}, line {number}", todo="save it again as CSV in UTF-8")
        yield text


def _raw_row(number: int, line: int, columns: Sequence[str], cells: list[str]) -> RawRow:
    problem = None
    if len(cells) > len(columns):  # spreadsheets often end lines with commas
        cells = cells[: len(columns)] + without_trailing_blanks(cells[len(columns) :])
    if len(cells) != len(columns):
        message = f"{len(cells)} cells where the header has {len(columns)}; quote cells that contain a comma"
        problem = Problem(line=line, row=number, message=message)
    return RawRow(number, line, dict(zip(columns, cells, strict=False)), problem)
