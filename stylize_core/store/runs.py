"""The runs of a store, according to their folders and the lease."""

import re
from contextlib import suppress

from stylize_core.errors import StoreUnusable
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.holder import newest_holder

_PLAN = re.compile(rf"{layout.RUNS}/([^/]+)/plan\.parquet")


def planned_runs(files: Files) -> list[str]:
    """Returns the names of the runs that were planned, sorted: they begin with the time."""
    found = [_PLAN.fullmatch(entry.path) for entry in files.list(layout.RUNS)]
    return sorted(match[1] for match in found if match)


def latest_run(files: Files) -> str:
    """Returns the newest run that was planned; empty if there is none.

    The lease decides: unlike names, its order does not depend on clocks. In a store of release 0.1, or if that run was
    deleted, the result is the last run by name.
    """
    with suppress(StoreUnusable):  # readers ignore a damaged lease
        holder = newest_holder(files)
        if holder and holder.run and files.exists(layout.run(holder.run, "plan.parquet")):
            return holder.run
    return max(planned_runs(files), default="")
