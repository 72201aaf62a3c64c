"""New manifests: contents x styles, or some random styles for each content, swept over settings."""

import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple, TypeVar

from stylize_core.errors import UsageError
from stylize_core.manifest.cells import id_part
from stylize_core.manifest.find_images import Content
from stylize_core.manifest.header import COLUMNS, EXTRA_PREFIX, REQUIRED
from stylize_core.manifest.problems import did_you_mean
from stylize_core.manifest.raw_row import RawRow
from stylize_core.manifest.row import validate_row
from stylize_core.manifest.write import is_carried

_FIXABLE = tuple(column for column in COLUMNS if column not in (*REQUIRED, "id"))
"""Columns that `cross` can fill with one value; the others differ from row to row."""

_MAX_ID_LENGTH = 180
"""Leaves room for a digest within the 200 characters that an id may have between slashes."""

T = TypeVar("T")


def cross(
    contents: Sequence[Content],
    styles: Sequence[str],
    *,
    styles_per_content: int | None,
    seed: int,
    sweeps: Mapping[str, Sequence[str]],
    columns: Mapping[str, str],
    val_styles: Sequence[str] = (),
) -> list[dict[str, str]]:
    """Returns the rows of a new manifest, each with a readable id.

    If an id cannot contain a file's name, column `x_name` has it, so that an export can restore it.

    Args:
        contents: images; class and split become columns `x_class` and `x_split`.
        styles: paths or URLs.
        styles_per_content: number of different random styles for each content; None gives it every style.
        seed: of the random styles. A content's styles depend only on the seed and its name and folder, so they
                stay the same when other contents are added.
        sweeps: values by setting; each pair is repeated for every combination.
        columns: text by column, the same in every row.
        val_styles: paths or URLs; if given, contents of splits other than `train` get only these.

    Raises:
        UsageError: an unknown column, a value that is not allowed, more styles per content than exist, or validation
                styles without a validation split.
    """
    _check_columns(sweeps, columns)
    combinations = itertools.product(*map(_unique, sweeps.values()))
    swept = [{**columns, **dict(zip(sweeps, values, strict=True))} for values in combinations]
    for cells in swept:
        _check_values(cells)
    pools = _Pools(_unique(styles), _unique(val_styles))
    pools.check(contents, styles_per_content)
    names, rows = [], []
    is_named_alone = styles_per_content == 1 and not sweeps  # so that a data set keeps the names of its photographs
    for content in _unique(contents):
        for style in pools.draw(content, styles_per_content, seed):
            for cells in swept:
                made = {key: cells[key] for key in sweeps}
                parts = _name_parts(content, style, made, is_named_alone)
                rows.append(_row(content, style, parts, cells))
                names.append(_id_stages(content, style, made, parts))
    return [{"id": name, **row} for name, row in zip(_unique_names(names), rows, strict=True)]


class _Pools(NamedTuple):
    """Styles to draw from.

    Attributes:
        train: for contents of split `train` or none; for all contents if `val` is empty.
        val: for contents of other splits.
    """

    train: list[str]
    val: list[str]

    def check(self, contents: Sequence[Content], styles_per_content: int | None) -> None:
        """Raises UsageError if the styles cannot be assigned to the contents."""
        if self.val and all(self.of(content) is self.train for content in contents):
            what = "styles are reserved for validation, but there is no validation split"
            raise UsageError(what, where="stylize cross", todo="add --split 0.1, or give contents as SPLIT/CLASS/FILE")
        if shared := set(self.train) & set(self.val):
            what = f"{min(shared)} is a style of training and of validation"
            raise UsageError(what, where="--val-style", todo="give folders that share no file")
        fewest = min(len(pool) for pool in self if pool)
        if styles_per_content is not None and not 1 <= styles_per_content <= fewest:
            raise UsageError(
                f"cannot draw {styles_per_content} different styles per content from {fewest}",
                where="styles per content",
                todo=f"use a number from 1 to {fewest}",
            )

    def of(self, content: Content) -> list[str]:
        """Returns the possible styles of a content."""
        return self.val if self.val and content.split not in ("", "train") else self.train

    def draw(self, content: Content, styles_per_content: int | None, seed: int) -> list[str]:
        """Returns the chosen styles of a content."""
        pool = self.of(content)
        return pool if styles_per_content is None else _generator(content.path, seed).sample(pool, styles_per_content)


def _row(content: Content, style: str, parts: Sequence[str], cells: Mapping[str, str]) -> dict[str, str]:
    name = "--".join(parts).strip()
    is_lost = id_part(name) != name and is_carried("x_name", name)
    known = {"x_class": content.class_name, "x_split": content.split, "x_name": name if is_lost else ""}
    placed = {column: text for column, text in known.items() if text}
    return {"content": content.path, "style": style, **placed, **cells}


def _generator(content: str, seed: int) -> random.Random:
    """Returns a generator seeded by folder and file name: the same everywhere, different for each folder's 0001.png."""
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
        raise UsageError(what, where=where, todo="correct this first: no row would be accepted")


def _name_parts(content: Content, style: str, made: Mapping[str, str], is_named_alone: bool) -> list[str]:
    """Returns the parts of a row's name in its folder: file names without extensions."""
    name = PurePosixPath(content.path).stem
    if is_named_alone and content.folder:
        return [name]
    return [name, PurePosixPath(style).stem, *(f"{setting}-{value}" for setting, value in made.items())]


def _id_stages(content: Content, style: str, made: Mapping[str, str], parts: Sequence[str]) -> tuple[str, ...]:
    """Returns ids, each more distinctive than the one before; none depends on other rows."""
    folders = [id_part(part)[:_MAX_ID_LENGTH] for part in content.folder.split("/") if part]
    name = "/".join([*folders, "--".join(map(id_part, parts))[:_MAX_ID_LENGTH]])
    near = "/".join(PurePosixPath(content.path).parts[-2:]), PurePosixPath(style).name  # the same on every machine
    return (
        name,
        f"{name}-{_digest(*near, *made.values())[:6]}",
        f"{name}-{_digest(content.path, style, *made.values())}",
    )


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode(errors="surrogateescape")).hexdigest()[:16]


def _unique_names(stages: Sequence[tuple[str, ...]]) -> list[str]:
    """Returns each row's first id that no other row has, ignoring case as many file systems do."""
    at = [0] * len(stages)
    while True:
        names = [stage[place] for stage, place in zip(stages, at, strict=True)]
        counts = Counter(name.lower() for name in names)
        clashing = [
            row for row, name in enumerate(names) if counts[name.lower()] > 1 and at[row] + 1 < len(stages[row])
        ]
        if not clashing:
            return names
        for row in clashing:
            at[row] += 1


def _unique(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
