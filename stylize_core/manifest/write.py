"""Writes rows as a manifest, so that reading it gives the same rows again."""

import csv
import io
from collections.abc import Mapping, Sequence

from stylize_core.errors import UsageError
from stylize_core.manifest.cells import FORMULA_SIGNS
from stylize_core.manifest.header import COLUMNS, EXTRA_PREFIX, REQUIRED
from stylize_core.manifest.paths import relative
from stylize_core.settings import SETTING_FIELDS, Settings

_PATHS = ("content", "style", "init")


def write_manifest(rows: Sequence[Mapping[str, str]], folder: str | None) -> bytes:
    """Returns rows as CSV in UTF-8; columns are in a fixed order, without those that no row fills.

    Args:
        rows: text by column; local paths are absolute, or relative to the working folder.
        folder: the manifest's, as `paths.folder_of` gives it: images below or near it are written relative to
            it. None writes every path as it is.

    Raises:
        UsageError: a manifest cannot carry a cell.
        ValueError: a manifest does not have a column.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(rows), restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({column: _cell(column, value, folder) for column, value in row.items() if value})
    return text.getvalue().encode("utf-8")


def is_carried(column: str, value: str) -> bool:
    """Returns whether a manifest can carry a value, so that it is the same when read again."""
    return not _is_lost(_guarded(value) if column in _PATHS else value)


def row_from_settings(content: str, style: str, init: str | None, settings: Settings) -> dict[str, str]:
    """Returns the row that gives exactly these settings: all are written out, so that no preset changes them.

    Args:
        content: path or URL.
        style: path or URL.
        init: path or URL of the start image, if `settings.start` is `image`.
        settings: resolved, as results and images record them.
    """
    values = {field.name: field.text(getattr(settings, field.name)) for field in SETTING_FIELDS}
    return {"content": content, "style": style, "init": init or "", **values}


def _columns(rows: Sequence[Mapping[str, str]]) -> list[str]:
    filled = {column for row in rows for column, value in row.items() if value}
    extra = sorted(column for column in filled if column.startswith(EXTRA_PREFIX))
    return [*(column for column in COLUMNS if column in filled or column in REQUIRED), *extra]


def _cell(column: str, value: str, folder: str | None) -> str:
    if column in _PATHS:
        value = _guarded(value if folder is None else relative(value, folder))
    if _is_lost(value):
        raise UsageError(f"no manifest can carry {value!r}", where=f"column {column}", todo="rename it")
    return value


def _guarded(path: str) -> str:
    """Returns a path that names the same file and can be read back."""
    return f"./{path}" if path.startswith(FORMULA_SIGNS) or path[0].isspace() else path


def _is_lost(value: str) -> bool:
    """Returns whether reading the cell would refuse it or give another text."""
    unreadable = any(sign in value for sign in "\0\r") or any("\ud800" <= sign <= "\udfff" for sign in value)
    return unreadable or value != value.strip() or value.startswith(FORMULA_SIGNS)
