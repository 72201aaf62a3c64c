"""The record of a run as files: results.csv, results.parquet and failed.csv."""

from collections import Counter
from typing import BinaryIO

import pandas as pd

from stylize_core.report.failed import failed_manifest, harmless
from stylize_core.report.rows import collect_rows
from stylize_core.store import layout
from stylize_core.store.files import Files
from stylize_core.store.records import ROWS, STATUSES
from stylize_core.store.tables import publishing_table


def publish_rows(files: Files, run: str) -> dict[str, int]:
    """Publishes what became of each row of a run, and a manifest of those to mend.

    Returns:
        The number of rows by status, every status among them.

    Raises:
        UsageError: there is no such run.
        StoreError: the store cannot be read or written.
    """
    rows = collect_rows(files, run)
    with files.publishing(layout.run(run, "failed.csv")) as file:
        for part in failed_manifest(files, run, rows):
            _append(part, file)
    counts = Counter[str]()
    with (
        publishing_table(files, layout.run(run, "results.parquet"), ROWS) as writer,  # the last to appear
        files.publishing(layout.run(run, "results.csv")) as file,
    ):
        for table in rows:
            frame = table.to_pandas()
            _append(frame.assign(error=frame["error"].map(harmless, na_action="ignore")), file)
            writer.write_table(table)
            counts.update(frame["status"])
    return {status: counts[status] for status in STATUSES}


def _append(frame: pd.DataFrame, file: BinaryIO) -> None:
    """Writes the next part of a CSV file, whose header comes with the first."""
    text = frame.to_csv(index=False, header=file.tell() == 0, lineterminator="\n")
    file.write(text.encode("utf-8"))
