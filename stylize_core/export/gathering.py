"""The rows of a run that have an image, read from its plan and from the lines of the store that count."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.export.columns import RECORDED
from stylize_core.export.naming import place_of, wished_name
from stylize_core.files.files import Files
from stylize_core.record.rows import read_plan
from stylize_core.store.live import live_lines
from stylize_core.store.records import PLAN, RESULTS

_PLANNED = ("row", "id", "job_id", "action", "preset", "content", "style", "settings", "digests", "cells")
_MADE = ("image", "versions", *RECORDED)
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
    found, places = _results(files, run)
    start = 0
    for table in read_plan(files, run, _PLANNED):
        for planned in (table.slice(first, _AT_ONCE) for first in range(0, len(table), _AT_ONCE)):
            ended = found.take(places.slice(start, len(planned)))
            start += len(planned)
            status = _status(planned, ended)
            left_out.update(word for word in status.to_pylist() if word)
            has_image = pc.is_null(status)
            lines = zip(planned.filter(has_image).to_pylist(), ended.filter(has_image).to_pylist(), strict=True)
            yield [_line(*both, dots=dots) for both in lines]


def suffix_of(image: str) -> str:
    """Returns the ending of an image's file, such as `.png`."""
    return image[image.rindex(".") :]


def _results(files: Files, run: str) -> tuple[pa.Table, pa.Array]:
    """Returns the lines that count of the run's jobs, and the place of each row's line, null where there is none."""
    schema = pa.schema([PLAN.field("job_id")])
    asked = pa.concat_tables([schema.empty_table(), *read_plan(files, run, ["job_id"])])["job_id"].combine_chunks()
    names = ("job_id", "status", *_MADE)
    empty = pa.schema([RESULTS.field(name) for name in names]).empty_table()
    ours = (lines.filter(pc.is_in(lines["job_id"], value_set=asked)) for lines in live_lines(files, names))
    found = pa.concat_tables([empty, *ours])
    places = pc.index_in(asked, value_set=found["job_id"].combine_chunks())
    return found.drop_columns(["job_id"]).combine_chunks(), places


def _status(planned: pa.Table, ended: pa.Table) -> pa.ChunkedArray:
    """Returns why a row has no image, null where it has one."""
    is_rejected = pc.equal(planned["action"], "reject")
    cases = [is_rejected, pc.is_null(ended["status"]), pc.equal(ended["status"], "failed")]
    names = ["rejected", "stopped", "failed"]
    return pc.case_when(pc.make_struct(*cases, field_names=names), *names)


def _line(planned: Line, ended: Line, *, dots: bool) -> Line:
    cells = json.loads(planned["cells"])
    place = place_of(cells, planned["content"])
    given = cells.get("x_name") or planned["id"] or ""
    wished = wished_name(given, place, planned["content"], planned["style"], dots=dots)
    extra = {name: text for name, text in cells.items() if name.startswith("x_")}
    inputs = {name: cells.get(name, "") for name in ("content", "style", "init")}
    where = {"class": place.class_name, "split": place.split, "name": wished, "extra": json.dumps(extra)}
    known = {**planned, **ended, **inputs, **where}
    return {name: known[name] for name in GATHERED.names}
