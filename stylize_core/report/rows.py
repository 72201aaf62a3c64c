"""The record of a run: what became of each manifest row, and a manifest of the rows to mend."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from stylize_core.errors import UsageError
from stylize_core.store import layout
from stylize_core.store.files import Files
from stylize_core.store.ledger import live_results
from stylize_core.store.records import PLAN, ROWS, TERMS
from stylize_core.store.tables import publish_table, read_table

FORMULA = re.compile(r"[=+@\t\r]|-(?![\w./+-]*$)")
"""How a cell starts that a spreadsheet would run as a formula; a negative number is none."""

_FINALS = [f"final_{term}" for term in TERMS]
_LIVE = ["job_id", "run", "status", "image", "seconds", *_FINALS, "error_code", "error"]


def latest_run(files: Files) -> str:
    """Returns the name of the newest run; names of runs sort by time.

    Raises:
        UsageError: the store has no run.
    """
    runs = _runs(files)
    if not runs:
        raise UsageError(
            "this store has no run to report on", where=files.public_uri, todo="run a manifest into it first"
        )
    return runs[-1]


def _runs(files: Files) -> list[str]:
    plans = [entry.path.split("/") for entry in files.list(layout.RUNS) if entry.path.endswith("/plan.parquet")]
    return sorted(run for _, run, _ in plans)


def read_plan(files: Files, run: str) -> pd.DataFrame:
    """Returns the plan of a run: a line per manifest row, in its order, with schema `records.PLAN`.

    Raises:
        UsageError: there is no such run.
    """
    try:
        plan: pd.DataFrame = read_table(files, layout.run(run, "plan.parquet"), PLAN).to_pandas()
        return plan
    except FileNotFoundError:
        known = ", ".join(_runs(files)[-5:]) or "none"
        raise UsageError(
            f"there is no run {run!r}", where=files.public_uri, todo=f"the latest runs here: {known}"
        ) from None


def collect_rows(files: Files, run: str) -> pd.DataFrame:
    """Returns what became of every row of a run's manifest.

    Rows in = done + skipped + failed + rejected + stopped, always. A row is `done` where this run made its image,
    `skipped` where an earlier one did, `stopped` where nobody has yet.

    Args:
        files: the store.
        run: the run's name.

    Returns:
        A line per manifest row, in its order, with schema `records.ROWS`; rows of one job repeat its line.
    """
    plan = read_plan(files, run)
    live = live_results(files).select(_LIVE).to_pandas().set_index("job_id").add_prefix("live_")
    lines = plan.join(live, on="job_id")
    rejected = lines["action"] == "reject"
    rows = pd.DataFrame({"row": lines["row"], "id": lines["id"], "job_id": lines["job_id"]})
    rows["status"] = np.select(
        [rejected, lines["live_status"].isna(), lines["live_status"] == "failed", lines["live_run"] == run],
        ["rejected", "stopped", "failed", "done"],
        default="skipped",
    )
    for column in ("image", "seconds", *_FINALS):
        rows[column] = lines[f"live_{column}"]
    for column in ("error_code", "error"):
        rows[column] = lines[f"live_{column}"].where(~rejected, lines[column])
    typed: pd.DataFrame = _table(rows).to_pandas()
    return typed


def read_rows(files: Files, run: str) -> pd.DataFrame:
    """Returns the rows as they were published when the run ended, or as they stand now if it never did."""
    try:
        rows: pd.DataFrame = read_table(files, layout.run(run, "results.parquet"), ROWS).to_pandas()
        return rows
    except FileNotFoundError:
        return collect_rows(files, run)


def publish_rows(files: Files, run: str) -> pd.DataFrame:
    """Writes the record of a run: results.csv, results.parquet and failed.csv; returns `collect_rows`."""
    rows = collect_rows(files, run)
    failed = failed_manifest(read_plan(files, run), rows)
    errors = rows["error"].map(harmless, na_action="ignore")
    files.publish(layout.run(run, "failed.csv"), _csv(failed))
    files.publish(layout.run(run, "results.csv"), _csv(rows.assign(error=errors)))
    publish_table(files, layout.run(run, "results.parquet"), _table(rows))
    return rows


def failed_manifest(plan: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Returns a manifest of the failed and rejected rows, to be mended and run again.

    It has the columns as read, inputs as absolute URIs (it lies in another folder than the manifest did), and the
    reason in `x_error_code` and `x_error`, which the manifest's reader carries through.

    Args:
        plan: with schema `records.PLAN`.
        rows: with schema `records.ROWS`, line by line the same rows.
    """
    cells = [json.loads(text) for text in plan["cells"]]
    columns = list(dict.fromkeys(name for line in cells for name in line))
    failed = rows["status"].isin(["failed", "rejected"])
    lines = [_mendable(cells[i], plan.iloc[i], rows.iloc[i]) for i in np.flatnonzero(failed)]
    columns += [name for name in ("x_error_code", "x_error") if name not in columns]
    return pd.DataFrame(lines, columns=pd.Index(columns), dtype="str").fillna("")


def _mendable(cells: dict[str, str], planned: "pd.Series[Any]", row: "pd.Series[Any]") -> dict[str, str]:
    inputs = {
        name: planned[name]
        for name in ("content", "style", "init")
        if cells.get(name) and name in planned and pd.notna(planned[name])
    }
    line = {**cells, **inputs, "x_error_code": row["error_code"], "x_error": row["error"]}
    return {name: harmless(cell) for name, cell in line.items() if pd.notna(cell)}


def harmless(cell: str) -> str:
    """Returns a cell that no spreadsheet takes for a formula: text that starts like one gets an apostrophe."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def _table(rows: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(rows, schema=ROWS, preserve_index=False)


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n").encode("utf-8")
