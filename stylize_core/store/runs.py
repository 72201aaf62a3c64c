"""The runs of a store, as their folders show them."""

import re

from stylize_core.files.files import Files
from stylize_core.store import layout

_PLAN = re.compile(rf"{layout.RUNS}/([^/]+)/plan\.parquet")


def planned_runs(files: Files) -> list[str]:
    """Returns the names of the runs that were planned, sorted: they begin with the time."""
    found = [_PLAN.fullmatch(entry.path) for entry in files.list(layout.RUNS)]
    return sorted(match[1] for match in found if match)
