"""A manifest's bytes to rows of text: encoding, header and shape are checked here, values in `row.py`."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stylize_core.errors import ManifestError
from stylize_core.manifest.problems import Problem, did_you_mean
from stylize_core.settings import SPECS

REQUIRED = ("content", "style")
COLUMNS = ("id", *REQUIRED, "init", "preset", *(spec.name for spec in SPECS))
"""Every known column, in the order in which manifests are written."""

EXTRA_PREFIX = "x_"
"""Columns whose names start so are carried through."""

_SEPARATORS = {";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """A data row as text.

    Attributes:
        row: 1 for the first data row.
        line: of the file, where the row begins.
        cells: text by column, without surrounding white space; an empty cell is an empty text.
        problem: set where the row has more or fewer cells than the header.
    """

    row: int
    line: int
    cells: dict[str, str]
    problem: Problem | None = None


def read_manifest(data: bytes, where: str) -> list[RawRow]:
    """Reads a CSV manifest: UTF-8 with or without BOM, comma-separated, any line ends, empty lines skipped.

    Args:
        data: the file's bytes.
        where: the file's name, for messages.

    Raises:
        ManifestError: the manifest as a whole cannot be used.
    """
    records = _records(_decode(data, where), where)
    line, header = next(records, (1, []))
    if not header:
        raise ManifestError("the manifest is empty", where=where, todo="write a header line: content,style")
    columns = _columns(header, f"{where}, line {line}")
    rows = [_raw_row(number, line, columns, cells) for number, (line, cells) in enumerate(records, 1)]
    if not rows:
        raise ManifestError("the manifest has no data rows", where=where, todo="write a row below the header")
    return rows


def _decode(data: bytes, where: str) -> str:
    data = data.removeprefix(codecs.BOM_UTF8)
    if (position := data.find(0)) >= 0 and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ManifestError(
            "the manifest holds a NUL byte",
            where=f"{where}, line {_line_of(data, position)}",
            todo="save it again as CSV in UTF-8",
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestError(
            f"the manifest is not UTF-8: byte 0x{data[error.start]:02x}",
            where=f"{where}, line {_line_of(data, error.start)}",
            todo="save it again as CSV in UTF-8",
        ) from None


def _line_of(data: bytes, position: int) -> int:
    return len((data[:position] + b".").splitlines())


def _records(text: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yields (line where it begins, cells) of each record that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    begin = 1
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ManifestError(
            f"the manifest is not valid CSV: {error}",
            where=f"{where}, line {begin}",
            todo="close every quote, and double the quotes inside a quoted cell",
        ) from None


def _columns(header: list[str], where: str) -> list[str]:
    columns = _without_trailing_blanks(header)
    if faults := _header_faults(columns):
        todo = f"use the columns {', '.join(COLUMNS)}, or names that start with {EXTRA_PREFIX}"
        raise ManifestError("; ".join(faults), where=where, todo=todo)
    return columns


def _header_faults(columns: Sequence[str]) -> list[str]:
    if separator := _wrong_separator(columns):
        return [f"the columns are separated by {separator}, not by commas"]
    names = dict.fromkeys(name for name in columns if name)
    unknown = {name: did_you_mean(name, COLUMNS) for name in names if not _is_known(name)}
    if len(unknown) == len(names) and not any(unknown.values()):
        return ["there is no header: the first line names no column"]
    return [
        *(f"column {name!r} is missing" for name in REQUIRED if name not in names),
        *(f"column {place} has no name" for place, name in enumerate(columns, 1) if not name),
        *(f"column {name!r} appears twice" for name in names if columns.count(name) > 1),
        *(f"unknown column {name!r}{hint}" for name, hint in unknown.items()),
    ]


def _is_known(column: str) -> bool:
    return column in COLUMNS or column.startswith(EXTRA_PREFIX)


def _wrong_separator(columns: Sequence[str]) -> str:
    if all(name in columns for name in REQUIRED):
        return ""
    return next((name for sign, name in _SEPARATORS.items() if any(sign in column for column in columns)), "")


def _raw_row(number: int, line: int, columns: Sequence[str], cells: list[str]) -> RawRow:
    problem = None
    if len(cells) > len(columns):  # spreadsheets like to end lines with commas
        cells = cells[: len(columns)] + _without_trailing_blanks(cells[len(columns) :])
    if len(cells) != len(columns):
        message = f"{len(cells)} cells where the header has {len(columns)}; quote cells that hold a comma"
        problem = Problem(line=line, row=number, message=message)
    return RawRow(row=number, line=line, cells=dict(zip(columns, cells, strict=False)), problem=problem)


def _without_trailing_blanks(cells: list[str]) -> list[str]:
    filled = max((place for place, cell in enumerate(cells, 1) if cell), default=0)
    return cells[:filled]
