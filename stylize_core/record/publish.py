"""The record of a run as files: results.csv, results.parquet and failed.csv."""

import io
import json
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd
import pyarrow as pa

from stylize_core.files.files import Files
from stylize_core.manifest.header import EXTRA_PREFIX
from stylize_core.record.failed import escape_formula, failed_manifest
from stylize_core.record.rows import RunRows
from stylize_core.record.table import WHOLE, input_column, setting_columns
from stylize_core.store import layout
from stylize_core.store.records import ROWS
from stylize_core.store.tables import publish_batches

_ASKED = ("content", "style", "preset")
_TEXTS = (*_ASKED, "error")


def publish_rows(files: Files, run: str, lost: Sequence[str] = ()) -> dict[str, int]:
    """Publishes the outcome of each row of a run, and a manifest of the rows to correct.

    Args:
        files: the store.
        run: the run's name.
        lost: see `RunRows`.

    Returns:
        The number of rows for every status.

    Raises:
        UsageError: there is no such run.
        StoreError: the store cannot be read or written.
    """
    rows = RunRows(files, run, published=False, lost=lost)
    _publish_csv(files, layout.run(run, "failed.csv"), failed_manifest(rows))
    _publish_csv(files, layout.run(run, "results.csv"), _readable(rows))
    batches = (batch for table in rows.tables(*ROWS.names) for batch in table.combine_chunks().to_batches())
    publish_batches(
        files, layout.run(run, "results.parquet"), ROWS, batches
    )  # last, because it marks the end of the run
    return rows.counts()


def _readable(rows: RunRows) -> Iterator[pd.DataFrame]:
    """Yields rows that are safe for spreadsheets: first the outcome, then the manifest's cells."""
    given = _given(rows)
    for table in rows.tables(*ROWS.names, *_ASKED, "settings", "cells"):
        settings, cells = setting_columns(table["settings"]), _cells(table)
        columns = {name: table[name] for name in (*ROWS.names, *_ASKED)}
        columns |= {name: input_column(table, name) for name in ("content", "style")}
        columns |= {name: settings[name] for name in given if name in settings.column_names}
        columns |= {name: [row.get(name) for row in cells] for name in given if name.startswith(EXTRA_PREFIX)}
        frame = pa.table(columns).to_pandas(types_mapper=WHOLE.get)
        texts = [name for name in frame if name in _TEXTS or name.startswith(EXTRA_PREFIX)]
        yield frame.assign(**{name: frame[name].map(escape_formula, na_action="ignore") for name in texts})


def _given(rows: RunRows) -> list[str]:
    """Returns the manifest's columns; a short row lacks the last ones."""
    cells = (row for table in rows.tables("cells") for row in _cells(table))
    return list(dict.fromkeys(name for row in cells for name in row))


def _cells(table: pa.Table) -> list[dict[str, str | None]]:
    return [json.loads(text or "{}") for text in table["cells"].to_pylist()]


def _publish_csv(files: Files, path: str, parts: Iterable[pd.DataFrame]) -> None:
    """Writes the parts of a table as one file; memory holds one part and the file."""
    file = io.BytesIO()  # in memory: results get their record even without space for temporary files
    for part in parts:
        text = part.to_csv(index=False, header=file.tell() == 0, lineterminator="\n")
        file.write(text.encode("utf-8"))
    files.publish(path, file.getvalue())
