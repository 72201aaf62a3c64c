"""The record and the report of a run, made from the store alone."""

from stylize_core.report.page import write_report
from stylize_core.report.publish import publish_rows
from stylize_core.report.rows import collect_rows, latest_run

__all__ = ["collect_rows", "latest_run", "publish_rows", "write_report"]
