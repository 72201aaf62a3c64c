"""The runs of a store, with the files of their plans and rows."""

from stylize_core.errors import UsageError
from stylize_core.files.files import Files
from stylize_core.store import layout, runs
from stylize_core.store.tables import TableFile


def latest_run(files: Files) -> str:
    """Returns the name of the newest run.

    Raises:
        UsageError: the store has no run.
    """
    run = runs.latest_run(files)
    if not run:
        raise UsageError(
            "this store has no run to report on", where=files.public_uri, todo="run a manifest into it first"
        )
    return run


def open_plan(files: Files, run: str) -> TableFile:
    """Returns the plan of a run, with schema `records.PLAN`.

    Raises:
        UsageError: there is no such run.
    """
    try:
        return TableFile(files, layout.run(run, "plan.parquet"))
    except FileNotFoundError:
        known = ", ".join(runs.planned_runs(files)[-5:]) or "none"
        raise UsageError(
            f"there is no run {run!r}", where=files.public_uri, todo=f"the latest runs here: {known}"
        ) from None


def open_published(files: Files, run: str) -> TableFile | None:
    """Returns the rows of a run as published at its end, with schema `records.ROWS`; None if it never ended."""
    try:
        return TableFile(files, layout.run(run, "results.parquet"))
    except FileNotFoundError:
        return None
