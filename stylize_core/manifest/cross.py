"""New manifests: contents x styles, or some random styles for each content, swept over settings."""

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from stylize_core.errors import UsageError
from stylize_core.manifest.header import COLUMNS, EXTRA_PREFIX, REQUIRED
from stylize_core.manifest.problems import did_you_mean
from stylize_core.manifest.raw_row import RawRow
from stylize_core.manifest.row import validate_row

_FIXABLE = tuple(column for column in COLUMNS if column not in (*REQUIRED, "id"))
"""Columns that `cross` can fill with one value; the others differ from row to row."""

_MAX_ID_LENGTH = 180
"""Leaves room for a number below the 200 characters that an id may have."""


def cross(
    contents: Sequence[str],
    styles: Sequence[str],
    *,
    styles_per_content: int | None,
    seed: int,
    sweeps: Mapping[str, Sequence[str]],
    columns: Mapping[str, str],
) -> list[dict[str, str]]:
    """Returns the rows of a new manifest, each with a readable id.

    Args:
        contents: paths or URLs.
        styles: paths or URLs.
        styles_per_content: each content gets so many different random styles; None gives it every style.
        seed: of the random styles. A content's styles depend on the seed and its name and folder alone, so they
            stay when other contents are added.
        sweeps: values by setting; each pair is repeated for every combination.
        columns: text by column, the same in every row.

    Raises:
        UsageError: an unknown column, a value that is not allowed, or more styles per content than there are.
    """
    _check_columns(sweeps, columns)
    combinations = itertools.product(*map(_unique, sweeps.values()))
    swept = [{**columns, **dict(zip(sweeps, values, strict=True))} for values in combinations]
    for cells in swept:
        _check_values(cells)
    drawn = _pairs(_unique(contents), _unique(styles), styles_per_content, seed)
    rows = [
        {"content": content, "style": style, **cells} for (content, style), cells in itertools.product(drawn, swept)
    ]
    names = (_name(row["content"], row["style"], {key: row[key] for key in sweeps}) for row in rows)
    return [{"id": name, **row} for name, row in zip(_numbered(names), rows, strict=True)]


def _pairs(
    contents: Sequence[str], styles: Sequence[str], styles_per_content: int | None, seed: int
) -> Iterator[tuple[str, str]]:
    if styles_per_content is None:
        return itertools.product(contents, styles)
    if not 1 <= styles_per_content <= len(styles):
        raise UsageError(
            f"cannot draw {styles_per_content} different styles per content from {len(styles)}",
            where="styles per content",
            todo=f"use a number from 1 to {len(styles)}",
        )
    return (
        (content, style)
        for content in contents
        for style in _generator(content, seed).sample(styles, styles_per_content)
    )


def _generator(content: str, seed: int) -> random.Random:
    """Seeded with the last folder and the name: the same on every machine, other folders' 0001.png differ."""
    return random.Random(f"{seed}/{'/'.join(PurePosixPath(content).parts[-2:])}")


def _check_columns(sweeps: Mapping[str, Sequence[str]], columns: Mapping[str, str]) -> None:
    extra = {column for column in columns if column.startswith(EXTRA_PREFIX)}
    for column in sorted({*sweeps, *columns} - extra):
        if column not in _FIXABLE:
            hint = did_you_mean(column, _FIXABLE)
            raise UsageError(f"cannot set column {column!r}{hint}", where=column, todo=f"use {' '.join(_FIXABLE)}")
        if column in sweeps and column in columns:
            raise UsageError(
                f"column {column!r} is both swept and fixed", where=column, todo="leave out one of the two"
            )
        if column in sweeps and not sweeps[column]:
            raise UsageError(f"the sweep of {column!r} has no values", where=column, todo="give at least one")


def _check_values(cells: Mapping[str, str]) -> None:
    """Validates one combination of values with the model that will read it."""
    filled = {"content": "-", "style": "-", **cells}
    _, problems = validate_row(RawRow(row=1, line=1, cells=filled))
    if problems:
        what = "; ".join(problem.detail for problem in problems)
        where = ", ".join(problem.column for problem in problems)
        raise UsageError(what, where=where, todo="mend this first: no row would be accepted")


def _name(content: str, style: str, values: Mapping[str, str]) -> str:
    parts = [PurePosixPath(content).stem, PurePosixPath(style).stem]
    parts += [f"{setting}-{value}" for setting, value in values.items()]
    return "--".join(map(_clean, parts))[:_MAX_ID_LENGTH]


def _clean(text: str) -> str:
    """Replaces what an id cannot hold; the plus sign goes, so that 1e+06 does not look like 1e-06."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text.replace("+", "")).strip("-.") or "image"


def _numbered(names: Iterable[str]) -> Iterator[str]:
    """Adds -2, -3, ... to names that came before; case is no difference, as on many file systems."""
    taken: set[str] = set()
    counts: dict[str, int] = {}
    for name in names:
        unique = name
        while unique.lower() in taken:
            counts[name] = counts.get(name, 1) + 1
            unique = f"{name}-{counts[name]}"
        taken.add(unique.lower())
        yield unique


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
