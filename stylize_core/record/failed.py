"""The failed and rejected rows of a run: failed.csv, a manifest to mend and run again, and the first few to show."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.files.files import Files
from stylize_core.job import LOST_QUERY
from stylize_core.record.rows import read_plan, read_rows

FORMULA = re.compile(r"[=+@\t\r]|-(?![\w./+-]*$)")
"""How a cell starts that a spreadsheet would run as a formula; a negative number is none."""

REASON = ("x_error_code", "x_error")
"""Columns that say why; the manifest's reader carries them through."""

_NOTE = "before this row is run again, write the query of {} again: it is kept nowhere because it may be a secret"

BAD = ("failed", "rejected")

_INPUTS = ("content", "style", "init")

Cells = dict[str, str]


def failed_manifest(files: Files, run: str, rows: Iterable[pa.Table]) -> Iterator[pd.DataFrame]:
    """Yields the failed and rejected rows as parts of a manifest, at least one, all with the same columns.

    They are the columns as read, inputs as absolute URIs (it lies in another folder than the manifest did), and the
    reason.

    Args:
        files: the store.
        run: the run's name.
        rows: with schema `records.ROWS`; iterated over twice.
    """
    columns = pd.Index(_columns(files, run, rows))
    yield pd.DataFrame(columns=columns)
    for planned, failed in _failed(files, run, rows):
        lines = zip(planned.to_pylist(), failed.to_pylist(), strict=True)
        yield pd.DataFrame([_mendable(*line) for line in lines], columns=columns, dtype="str").fillna("")


def first_failures(files: Files, run: str, count: int, letters: int) -> list[dict[str, int | str]]:
    """Returns row, id, code and message of the first failed and rejected rows of a run.

    Args:
        files: the store.
        run: the run's name.
        count: rows, at most.
        letters: of an id, a code or a message, at most; what is longer loses its end.

    Raises:
        UsageError: there is no such run.
        StoreError: a file of the store is damaged.
    """
    lines = (line for table in read_rows(files, run) for line in table.to_pylist() if line["status"] in BAD)
    return [
        {
            "row": line["row"],
            "id": _short(line["id"] or line["job_id"] or "", letters),
            "code": _short(line["error_code"] or line["status"], letters),
            "message": _short(line["error"] or "", letters),
        }
        for line in islice(lines, count)
    ]


def escape_formula(cell: str) -> str:
    """Returns a cell that no spreadsheet takes for a formula: text that starts like one gets an apostrophe."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def _columns(files: Files, run: str, rows: Iterable[pa.Table]) -> list[str]:
    """Returns the columns of the first rows and of the failed ones: a short row lacks the last."""
    first = next(read_plan(files, run, ["cells"]))
    known = _names(first) | {name: None for planned, _ in _failed(files, run, rows) for name in _names(planned)}
    return list(known | dict.fromkeys(REASON))


def _names(planned: pa.Table) -> dict[str, None]:
    return dict.fromkeys(name for cells in planned["cells"].to_pylist() for name in json.loads(cells))


def _failed(files: Files, run: str, rows: Iterable[pa.Table]) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yields the failed and rejected rows, as planned and as they ended."""
    for planned, ended in zip(read_plan(files, run, ["cells", *_INPUTS]), rows, strict=True):
        is_failed = pc.is_in(ended["status"], value_set=pa.array(["failed", "rejected"]))
        yield planned.filter(is_failed), ended.select(["error_code", "error"]).filter(is_failed)


def _mendable(planned: dict[str, str | None], ended: dict[str, str | None]) -> Cells:
    cells: Cells = json.loads(planned["cells"] or "{}")
    inputs = {name: planned[name] for name in _INPUTS if cells.get(name) and planned[name] is not None}
    lost = [name for name, uri in inputs.items() if uri and uri.endswith(LOST_QUERY)]
    note = f" · {_NOTE.format(' and '.join(lost))}" if lost else ""
    line = {**cells, **inputs, **dict(zip(REASON, (ended["error_code"], f"{ended['error'] or ''}{note}"), strict=True))}
    return {name: escape_formula(cell) for name, cell in line.items() if cell is not None}


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
