"""The columns that a manifest may have, and the faults of a header with others."""

import re
from collections.abc import Sequence

from stylize_core.errors import ManifestError
from stylize_core.manifest.problems import did_you_mean
from stylize_core.settings import SETTING_FIELDS

REQUIRED = ("content", "style")
COLUMNS = ("id", *REQUIRED, "init", "preset", *(spec.name for spec in SETTING_FIELDS))
"""Every known column, in the order in which manifests are written."""

EXTRA_PREFIX = "x_"
"""Columns with this prefix are carried through."""

REASON = ("x_error_code", "x_error")
"""Columns of failed.csv with the reason for each row; they are not read again, because the row may be corrected."""

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

_HINT = re.compile(r"sep=.?", re.IGNORECASE)


def columns_of(header: Sequence[str], where: str) -> list[str]:
    """Returns the columns that a header names, without blank ones at its end.

    Args:
        header: names without surrounding white space.
        where: the file and line, for messages.

    Raises:
        ManifestError: columns are missing, unknown, repeated or without a name; all are reported at once.
    """
    columns = without_trailing_blanks(header)
    if separator := _wrong_separator(columns):
        what = f"the columns are separated by {separator}, not by commas"
        todo = "save it with commas between the columns and points in the numbers, or as Parquet"
        raise ManifestError(what, where=where, todo=todo)
    if faults := _faults(columns):
        todo = f"use the columns {', '.join(COLUMNS)}, or names that start with {EXTRA_PREFIX}"
        raise ManifestError("; ".join(faults), where=where, todo=todo)
    return columns


def is_spreadsheet_hint(cells: Sequence[str]) -> bool:
    """Returns whether the first line is not a header but a separator hint for spreadsheets, such as `sep=,`."""
    return bool(cells) and bool(_HINT.fullmatch(cells[0].strip())) and not any(cell.strip() for cell in cells[1:])


def without_trailing_blanks(cells: Sequence[str]) -> list[str]:
    """Returns cells up to the last one that is not blank: spreadsheets often end lines with commas."""
    filled = max((place for place, cell in enumerate(cells, 1) if cell), default=0)
    return list(cells[:filled])


def _faults(columns: Sequence[str]) -> list[str]:
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
