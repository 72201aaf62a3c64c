"""What the command line prints: errors, plans, outcomes, tables. It avoids imports that take seconds."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from stylize_core.control_codes import escape_controls
from stylize_core.wording import duration, plural, size
from stylize_flows.voice import error_fields, json_line, voice

if TYPE_CHECKING:
    from stylize_core.errors import StylizeError
    from stylize_core.plan.forecast import Forecast
    from stylize_core.plan.plan import Plan
    from stylize_core.run.run import Run
    from stylize_core.store.status import RunSummary, StoreSummary


began: ContextVar[float] = ContextVar("began")
"""When the command began, by `time.monotonic`; if unset, the start-up time counts as 0."""


class _Console(Console):
    """Prints plain text: never as markup, and without characters that control the terminal."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints; a string is one line."""
        super().print(*(escape_controls(one) if isinstance(one, str) else one for one in objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yields the segments of what is printed."""
        for segment in super().render(renderable, options):
            text = escape_controls(segment.text, keep="\n")
            yield segment if segment.control else Segment(text, segment.style)


class _Words(_Console):
    """Standard output for text."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints, unless the command is quiet or writes a JSON document."""
        if voice().has_words:
            super().print(*objects, **options)


PLACES = {
    "contact_sheets": "contact sheets",
    "report": "report",
    "failed_rows": "failed and rejected rows, to correct and run again",
    "image": "image",
}
"""Names of the outputs of a run."""

out = _Words()
wide = _Words(width=1000)
"""For tables without a terminal: other programs get whole lines."""

err = _Console(stderr=True)


def tell(message: str, level: str = "info", **fields: object) -> None:
    """Writes a message to standard error: a line of text, or of JSON with its figures."""
    if not voice().tells(level):
        return
    if voice().log_json:
        print(json_line(level, message, fields), file=sys.stderr, flush=True)  # noqa: T201
    else:
        err.print(f"warning: {message}" if level == "warning" else message, soft_wrap=True)


def has_bar() -> bool:
    """Returns whether standard error shows progress as a bar."""
    return err.is_terminal and not voice().log_json and voice().tells("info")


class LogLines(logging.Handler):
    """Writes what the package logs to standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line."""
        is_warning = record.levelno >= logging.WARNING
        tell(record.getMessage(), "warning" if is_warning else "debug")


def show_beginning(subject: str, store: str) -> None:
    """Writes a command's first message, before anything that takes seconds, to standard error."""
    tell(f"planning {subject} for the store {store} …", subject=subject, store=store)


def show_error(error: StylizeError) -> None:
    """Writes the three parts of an error to standard error."""
    if voice().log_json:
        tell(str(error), "error", **error_fields(error))
        return
    err.print(Text.assemble(("error: ", "bold red"), error.what), soft_wrap=True)
    for name, text in (("where", error.where), ("to do", error.todo)):
        if text:
            err.print(Text(f"  {name}: {text}"), soft_wrap=True)


def show_note(text: str) -> None:
    """Writes a note about the output to standard error."""
    tell(text)


def show_plan(plan: Plan) -> None:
    """Writes what a run would do."""
    words = {"run": "to compute", "skip": "done before", "keep_failed": "failed before, kept", "reject": "rejected"}
    counts = ", ".join(f"{count:,} {words[action]}" for action, count in plan.counts.items() if count)
    out.print(f"{plural(len(plan.rows), 'row')}: {counts}", soft_wrap=True)
    if plan.chunks:
        parts = ((plan.forecast.jobs, "job"), (plan.groups, "group"), (len(plan.chunks), "chunk"))
        out.print("{} in {}, {}".format(*(plural(number, noun) for number, noun in parts)))
        now = time.monotonic()
        out.print(forecast_line(plan.forecast, now - began.get(now)), soft_wrap=True)


def show_rejected(plan: Plan) -> None:
    """Writes the first rejected rows to standard error, each with its reason, and the number of the others."""
    for one in plan.rows.rejected:
        code = one.error.code if one.error else None
        tell(f"line {one.row.line} rejected: {one.error}", line=one.row.line, code=code)
    if others := plan.counts["reject"] - len(plan.rows.rejected):
        tell(f"… and {others} more rejected rows")


def show_doubts(plan: Plan) -> None:
    """Warns about settings that are rarely meant."""
    for doubt in plan.rows.doubts:
        tell(str(doubt), "warning", line=doubt.line, rows=doubt.rows)


def forecast_line(forecast: Forecast, start_seconds: float) -> str:
    """Returns a forecast in words.

    Args:
        forecast: of a plan.
        start_seconds: from the start of the command until the plan was made; a run needs them too.
    """
    basis = "measured on this device" if forecast.probed else "not measured, a guess"
    return (
        f"forecast: {duration(start_seconds + forecast.seconds)} on one device: {duration(start_seconds)} to start, "
        f"{duration(forecast.seconds)} to compute ({basis}); "
        f"{size(forecast.peak_memory_bytes)} of memory for the largest batch, {size(forecast.store_bytes)} in the store"
    )


def show_outcome(run: Run) -> None:
    """Writes the outcome of a run and where to look; for a single row the image comes last."""
    out.print(f"run {run.name}: {run.summary}", soft_wrap=True)
    found = places(run)
    if not run.report_uri:
        out.print(f"report: not drawn; to draw it: stylize report {run.context.files.public_uri}", soft_wrap=True)
    for name, word in PLACES.items():
        if name in found:
            out.print(f"{word}: {found[name]}", soft_wrap=True)


def places(run: Run) -> dict[str, str]:
    """Returns the outputs of a run and their URIs, without credentials."""
    from stylize_core.sheets.sheets import INDEX

    found = {
        "contact_sheets": f"{run.folder_uri}/{INDEX}" if run.report_uri else "",
        "report": run.report_uri,
        "failed_rows": f"{run.folder_uri}/failed.csv" if run.failed else "",
        "image": run.image_uri,
    }
    return {name: place for name, place in found.items() if place}


def show_status(summary: StoreSummary) -> None:
    """Writes a store in numbers."""
    jobs = ", ".join(f"{count:,} {status}" for status, count in summary.jobs.items()) or "none"
    out.print(f"jobs: {jobs}")
    out.print(f"files: {summary.files:,} ({size(summary.bytes)})")
    if summary.holder:
        out.print(f"in use by process {summary.holder.pid} on {summary.holder.host} since {summary.holder.since}")
    if summary.errors:
        show_table(("error code", "jobs"), summary.errors.items())
    if summary.runs:
        show_table(("run", "rows"), ((run.run, _rows(run)) for run in summary.runs))


def _rows(run: RunSummary) -> str:
    if run.is_damaged:
        return "damaged"
    return words(run.rows) if run.rows else "not finished"


def show_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Writes a plain table; cells are text, never markup. Without a terminal, each row is one line."""
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(escape_controls(str(cell))) for cell in row))
    (out if out.is_terminal else wide).print(table)


def words(counts: Mapping[str, int]) -> str:
    """Returns counts such as `3 done, 1 failed`."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
