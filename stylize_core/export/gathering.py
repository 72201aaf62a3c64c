"""Reads the selected rows of a store that have an image now."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.export.columns import RECORDED, own_columns
from stylize_core.export.naming import place_of, wished_name
from stylize_core.export.newest import NewestFirst
from stylize_core.export.selection import Selection
from stylize_core.files.files import Files
from stylize_core.record.rows import RunRows
from stylize_core.record.run_files import latest_run, open_plan
from stylize_core.store.records import PLAN, RESULTS
from stylize_core.store.runs import planned_runs

_PLANNED = ("row", "id", "job_id", "preset", "content", "style", "settings", "digests", "cells")
_MADE = ("image", "versions", *RECORDED)
_TEXT = pa.string()

GATHERED = pa.schema(
    [
        *(PLAN.field(name) for name in ("row", "id", "job_id", "preset", "settings", "digests")),
        *((name, _TEXT) for name in ("content", "style", "init")),  # as in the manifest
        ("content_uri", _TEXT),  # as in the plan: absolute, without credentials
        *((name, _TEXT) for name in ("class", "split", "name", "extra")),  # extra: JSON of the `x_` columns
        *(RESULTS.field(name) for name in _MADE),
    ]
)
"""One line for each row that has an image."""

_AT_ONCE = 1000
"""Most rows in memory as lines; each takes a few kilobytes."""

Line = dict[str, Any]


def gather(files: Files, selection: Selection, left_out: Counter[str], *, dots: bool) -> Iterator[list[Line]]:
    """Yields the selected rows that have an image, as lines with schema `GATHERED`.

    The newest run comes first, each run in its manifest's order. An older run adds only rows whose id has no image in a
    newer run. A row without an id is identified by its job.

    Args:
        files: the store.
        selection: of runs and rows.
        left_out: receives the number of rows without an image among the selected ids, by status: failed, rejected or
            stopped.
        dots: whether names may contain dots.

    Raises:
        UsageError: there is no such run, or the condition names a column that no row has.
        StoreError: a file of the store is damaged.
    """
    newest, extra = NewestFirst(), set[str]()
    for number, run in enumerate(_runs(files, selection)):
        if number and not newest.may_add(open_plan(files, run)):
            continue
        rows = RunRows(files, run, ("versions", *RECORDED), published=False)
        for table in rows.tables("status", *_PLANNED, *_MADE):
            for part in (table.slice(first, _AT_ONCE) for first in range(0, len(table), _AT_ONCE)):
                if selection.ids is not None:
                    part = part.filter(pc.is_in(part["id"], value_set=pa.array(selection.ids, pa.string())))
                lines = [_line(row, dots=dots) for row in newest.added(part)]
                extra |= {name for line in lines for name in json.loads(line["extra"])}
                yield [line for line in lines if not selection.where or selection.where(own_columns(line))]
        newest.end_run()
    if selection.where:
        selection.where.check_extra(extra)
    left_out.update(newest.without_image())


def _runs(files: Files, selection: Selection) -> list[str]:
    """Returns the names of the selected runs, newest first."""
    latest = latest_run(files)  # by the lease, which does not depend on clocks
    known = [latest, *(run for run in reversed(planned_runs(files)) if run != latest)]
    for run in selection.runs:
        if run not in known:
            open_plan(files, run)  # raises an error that lists the known runs
    return [run for run in known if not selection.runs or run in selection.runs]


def suffix_of(image: str) -> str:
    """Returns the suffix of an image's file, such as `.png`."""
    return image[image.rindex(".") :]


def _line(row: Line, *, dots: bool) -> Line:
    cells = json.loads(row["cells"])
    place = place_of(cells, row["content"])
    given = cells.get("x_name") or row["id"] or ""
    wished = wished_name(given, place, row["content"], row["style"], dots=dots)
    extra = {name: text for name, text in cells.items() if name.startswith("x_")}
    inputs = {name: cells.get(name, "") for name in ("content", "style", "init")}
    where = {"class": place.class_name, "split": place.split, "name": wished, "extra": json.dumps(extra)}
    known = {**row, **inputs, **where, "content_uri": row["content"]}
    return {name: known[name] for name in GATHERED.names}
