"""The record and the report of a run, made from the store alone."""

from typing import TYPE_CHECKING

from stylize_core.report.publish import publish_rows
from stylize_core.report.rows import collect_rows, latest_run

if TYPE_CHECKING:
    from stylize_core.report.page import write_report

__all__ = ["collect_rows", "latest_run", "publish_rows", "write_report"]


def __getattr__(name: str) -> object:
    """Imports the page when it is asked for: its packages take a second and 50 MB, which no worker has to spend."""
    if name == "write_report":
        from stylize_core.report.page import write_report

        return write_report
    raise AttributeError(name)
