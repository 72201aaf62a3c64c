"""failed.csv: the failed and rejected rows of a run as a manifest, to be mended and run again."""

import json
import re
from collections.abc import Iterable, Iterator

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.files.files import Files
from stylize_core.record.rows import read_plan

FORMULA = re.compile(r"[=+@\t\r]|-(?![\w./+-]*$)")
"""How a cell starts that a spreadsheet would run as a formula; a negative number is none."""

REASON = ("x_error_code", "x_error")
"""Columns that say why; the manifest's reader carries them through."""

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


def harmless(cell: str) -> str:
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
    line = {**cells, **inputs, **dict(zip(REASON, (ended["error_code"], ended["error"]), strict=True))}
    return {name: harmless(cell) for name, cell in line.items() if cell is not None}
