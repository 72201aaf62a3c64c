"""What the command line says: errors, plans, outcomes, tables. Imports nothing that computes: it takes seconds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from stylize_core.control_codes import escape_controls
from stylize_core.wording import duration, plural, size

if TYPE_CHECKING:
    from stylize_core.errors import StylizeError
    from stylize_core.plan.forecast import Forecast
    from stylize_core.plan.plan import Plan
    from stylize_core.run.run import Run
    from stylize_core.store.status import RunSummary, StoreSummary


class _Console(Console):
    """Writes text as it is: what is printed is never markup, and its characters never steer the terminal."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints; a string is one line."""
        super().print(*(escape_controls(one) if isinstance(one, str) else one for one in objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yields the segments of whatever is printed."""
        for segment in super().render(renderable, options):
            text = escape_controls(segment.text, keep="\n")
            yield segment if segment.control else Segment(text, segment.style)


out = _Console()
wide = _Console(width=1000)
"""For tables where there is no terminal: other programs get whole lines."""

err = _Console(stderr=True)


class WarningLines(logging.Handler):
    """Writes what the package warns of to standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line."""
        err.print(f"warning: {record.getMessage()}", soft_wrap=True)


def show_beginning(subject: str, store: str) -> None:
    """Writes what a command begins with, before all that takes seconds, to standard error."""
    err.print(f"planning {subject} for the store {store} …", soft_wrap=True)


def show_error(error: StylizeError) -> None:
    """Writes an error in its three parts to standard error."""
    err.print(Text.assemble(("error: ", "bold red"), error.what), soft_wrap=True)
    for name, text in (("where", error.where), ("to do", error.todo)):
        if text:
            err.print(Text(f"  {name}: {text}"), soft_wrap=True)


def show_note(text: str) -> None:
    """Writes to standard error what somebody may want to know who reads what comes out."""
    err.print(text, soft_wrap=True)


def show_plan(plan: Plan) -> None:
    """Writes what a run would do."""
    words = {"run": "to compute", "skip": "done before", "keep_failed": "failed before, kept", "reject": "rejected"}
    counts = ", ".join(f"{count:,} {words[action]}" for action, count in plan.counts.items() if count)
    out.print(f"{plural(len(plan.rows), 'row')}: {counts}", soft_wrap=True)
    if plan.chunks:
        parts = ((plan.forecast.jobs, "job"), (plan.groups, "group"), (len(plan.chunks), "chunk"))
        out.print("{} in {}, {}".format(*(plural(number, noun) for number, noun in parts)))
        out.print(forecast_line(plan.forecast), soft_wrap=True)


def show_rejected(plan: Plan) -> None:
    """Writes the first rejected rows to standard error, each with its reason, and the number of the others."""
    for one in plan.rows.rejected:
        err.print(f"line {one.row.line} rejected: {one.error}", soft_wrap=True)
    if others := plan.counts["reject"] - len(plan.rows.rejected):
        err.print(f"… and {others} more rejected rows")


def forecast_line(forecast: Forecast) -> str:
    """Returns a forecast in words."""
    basis = "measured on this device" if forecast.probed else "not measured, a guess"
    return (
        f"forecast: {duration(forecast.seconds)} on one device ({basis}), "
        f"{size(forecast.peak_memory_bytes)} of memory for the largest batch, {size(forecast.store_bytes)} in the store"
    )


def show_outcome(run: Run) -> None:
    """Writes what became of a run and where to look; of a single row the image comes last."""
    out.print(f"run {run.name}: {run.summary}", soft_wrap=True)
    for name, place in _places(run):
        out.print(f"{name}: {place}", soft_wrap=True)


def _places(run: Run) -> Iterator[tuple[str, str]]:
    """Yields what there is to look at after a run, and where it lies."""
    if run.report_uri:
        from stylize_core.sheets.sheets import INDEX

        yield "contact sheets", f"{run.folder_uri}/{INDEX}"
        yield "report", run.report_uri
    else:
        yield "report", f"not drawn; to draw it: stylize report {run.context.files.public_uri}"
    if run.outcome["failed"] + run.outcome["rejected"]:
        yield "failed and rejected rows, to be mended and run again", f"{run.folder_uri}/failed.csv"
    if run.image_uri:
        yield "image", run.image_uri


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
    """Writes a plain table; cells are text, never markup. Where there is no terminal, a row is a line."""
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(escape_controls(str(cell))) for cell in row))
    (out if out.is_terminal else wide).print(table)


def words(counts: Mapping[str, int]) -> str:
    """Returns counts such as `3 done, 1 failed`."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
