"""The rows of a run that have an image, as they stand now."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.export.columns import RECORDED
from stylize_core.export.naming import place_of, wished_name
from stylize_core.files.files import Files
from stylize_core.record.rows import RunRows
from stylize_core.store.records import PLAN, RESULTS

_PLANNED = ("row", "id", "job_id", "preset", "content", "style", "settings", "digests", "cells")
_MADE = ("image", "versions", *RECORDED)
_WITH_IMAGE = ("done", "skipped")
_TEXT = pa.string()

GATHERED = pa.schema(
    [
        *(PLAN.field(name) for name in ("row", "id", "job_id", "preset", "settings", "digests")),
        *((name, _TEXT) for name in ("content", "style", "init")),  # as the manifest has them
        *((name, _TEXT) for name in ("class", "split", "name", "extra")),  # extra: JSON of the `x_` columns
        *(RESULTS.field(name) for name in _MADE),
    ]
)
"""A line for each row that has an image."""

_AT_ONCE = 1000
"""Rows that are in memory as lines: each takes some kilobytes."""

Line = dict[str, Any]


def gather(files: Files, run: str, left_out: Counter[str], *, dots: bool) -> Iterator[list[Line]]:
    """Yields the rows of a run that have an image, in the manifest's order: lines with schema `GATHERED`.

    Args:
        files: the store.
        run: the run's name.
        left_out: counts the others by status: failed, rejected or stopped.
        dots: whether names may hold dots.

    Raises:
        UsageError: there is no such run.
        StoreError: a file of the store is damaged.
    """
    rows = RunRows(files, run, ("versions", *RECORDED), published=False)
    for table in rows.tables("status", *_PLANNED, *_MADE):
        for part in (table.slice(first, _AT_ONCE) for first in range(0, len(table), _AT_ONCE)):
            has_image = pc.is_in(part["status"], value_set=pa.array(_WITH_IMAGE))
            left_out.update(part["status"].filter(pc.invert(has_image)).to_pylist())
            yield [_line(row, dots=dots) for row in part.filter(has_image).to_pylist()]


def suffix_of(image: str) -> str:
    """Returns the ending of an image's file, such as `.png`."""
    return image[image.rindex(".") :]


def _line(row: Line, *, dots: bool) -> Line:
    cells = json.loads(row["cells"])
    place = place_of(cells, row["content"])
    given = cells.get("x_name") or row["id"] or ""
    wished = wished_name(given, place, row["content"], row["style"], dots=dots)
    extra = {name: text for name, text in cells.items() if name.startswith("x_")}
    inputs = {name: cells.get(name, "") for name in ("content", "style", "init")}
    where = {"class": place.class_name, "split": place.split, "name": wished, "extra": json.dumps(extra)}
    known = {**row, **inputs, **where}
    return {name: known[name] for name in GATHERED.names}
