"""The failed and rejected rows of a run: failed.csv, a manifest to correct and run again, and the first few to show."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.files.files import Files
from stylize_core.job import LOST_QUERY
from stylize_core.manifest.header import REASON
from stylize_core.record.rows import RunRows, read_rows

FORMULA = re.compile(r"[=+@\t\r]|-(?![\w./+-]*$)")
"""Matches the start of a cell that a spreadsheet would run as a formula; a negative number is not one."""

_NOTE = "before this row is run again, write the query of {} again: it is kept nowhere because it may be a secret"

BAD = ("failed", "rejected")

_INPUTS = ("content", "style", "init")

Cells = dict[str, str]


def failed_manifest(rows: RunRows) -> Iterator[pd.DataFrame]:
    """Yields the failed and rejected rows as parts of a manifest: at least one part, all with the same columns.

    These are the columns as read, with inputs as absolute URIs (because this manifest is in another folder), and the
    reason.
    """
    columns = pd.Index(_columns(rows))
    yield pd.DataFrame(columns=columns)
    for failed in failed_rows(rows.tables("cells", *_INPUTS, "status", "error_code", "error")):
        yield pd.DataFrame([_mendable(line) for line in failed.to_pylist()], columns=columns, dtype="str").fillna("")


def failed_rows(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yields the failed and rejected rows of tables with their `status`."""
    for table in tables:
        yield table.filter(pc.is_in(table["status"], value_set=pa.array(BAD)))


def first_failures(files: Files, run: str, count: int, letters: int) -> list[dict[str, int | str]]:
    """Returns row, id, code and message of the first failed and rejected rows of a run.

    Args:
        files: the store.
        run: the run's name.
        count: most rows.
        letters: most characters of an id, a code or a message; longer ones are cut.

    Raises:
        UsageError: there is no such run.
        StoreError: a file of the store is damaged.
    """
    lines = (line for failed in failed_rows(read_rows(files, run)) for line in failed.to_pylist())
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
    """Returns a cell that is safe in a spreadsheet: text that starts like a formula gets an apostrophe."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def _columns(rows: RunRows) -> list[str]:
    """Returns the columns of the first rows and of the failed ones: a short row lacks the last ones."""
    parts = chain(islice(rows.tables("cells"), 1), failed_rows(rows.tables("cells", "status")))
    cells = (json.loads(text) for part in parts for text in part["cells"].to_pylist())
    return list(dict.fromkeys([*(name for row in cells for name in row), *REASON]))


def _mendable(row: Mapping[str, str | None]) -> Cells:
    cells: Cells = json.loads(row["cells"] or "{}")
    inputs = {name: row[name] for name in _INPUTS if cells.get(name) and row[name] is not None}
    lost = [name for name, uri in inputs.items() if uri and uri.endswith(LOST_QUERY)]
    note = f" · {_NOTE.format(' and '.join(lost))}" if lost else ""
    line = {**cells, **inputs, **dict(zip(REASON, (row["error_code"], f"{row['error'] or ''}{note}"), strict=True))}
    return {name: escape_formula(cell) for name, cell in line.items() if cell is not None}


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
