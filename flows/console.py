"""What the command line shows: a progress bar on a terminal, plain lines elsewhere, tables at the end."""

import sys
import threading
import time
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from flows.watcher import Watcher
from stylize_core import chunk
from stylize_core.errors import StylizeError
from stylize_core.forecast import Forecast
from stylize_core.plan import Plan
from stylize_core.run import Run
from stylize_core.store.status import Summary

LINE_SECONDS = 10.0
"""Pause between two lines where there is no terminal."""

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def show_error(error: StylizeError) -> None:
    """Writes an error in its three parts to standard error."""
    err.print(Text.assemble(("error: ", "bold red"), error.what), soft_wrap=True)
    for name, text in (("where", error.where), ("to do", error.todo)):
        if text:
            err.print(Text(f"  {name}: {text}"), soft_wrap=True)


def show_plan(plan: Plan) -> None:
    """Writes what a run would do."""
    words = {"run": "to compute", "skip": "done before", "keep_failed": "failed before, kept", "reject": "rejected"}
    counts = ", ".join(f"{count:,} {words[action]}" for action, count in plan.counts.items() if count)
    out.print(f"{len(plan.rows):,} rows: {counts}", soft_wrap=True)
    if plan.chunks:
        out.print(f"{plan.forecast.jobs:,} jobs in {plan.groups:,} groups, {len(plan.chunks):,} chunks")
        out.print(forecast_line(plan.forecast), soft_wrap=True)


def show_rejected(plan: Plan, limit: int = 20) -> None:
    """Writes the rejected rows to standard error, each with its reason."""
    rejected = [row for row in plan.rows if row.error]
    for row in rejected[:limit]:
        err.print(Text(f"line {row.line} rejected: {row.error}"), soft_wrap=True)
    if len(rejected) > limit:
        err.print(f"… and {len(rejected) - limit} more rejected rows")


def forecast_line(forecast: Forecast) -> str:
    """Returns a forecast in words."""
    basis = "probed on this device" if forecast.probed else "not probed, a guess"
    return (
        f"forecast: {duration(forecast.seconds)} on one device ({basis}), "
        f"{size(forecast.peak_memory_bytes)} of memory for the largest batch, {size(forecast.store_bytes)} in the store"
    )


def show_outcome(run: Run) -> None:
    """Writes what became of a run and where to look."""
    out.print(f"run {run.name}: {run.summary}", soft_wrap=True)
    folder = run.report_uri.removesuffix("/report.html")
    if run.outcome["failed"] + run.outcome["rejected"]:
        out.print(f"failed and rejected rows, to be mended and run again: {folder}/failed.csv", soft_wrap=True)
    out.print(f"report: {run.report_uri}", soft_wrap=True)


def show_status(summary: Summary) -> None:
    """Writes a store in numbers."""
    jobs = ", ".join(f"{count:,} {status}" for status, count in summary.jobs.items()) or "none"
    out.print(f"jobs: {jobs}\nfiles: {summary.files:,} ({size(summary.bytes)})")
    if summary.holder:
        out.print(f"in use by process {summary.holder.pid} on {summary.holder.host} since {summary.holder.since}")
    if summary.errors:
        out.print(table(("error code", "jobs"), summary.errors.items()))
    if summary.runs:
        runs = [(run.run, words(run.rows) if run.rows else "not finished") for run in summary.runs]
        out.print(table(("run", "rows"), runs))


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """Returns a plain table; cells are text, never markup."""
    made = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        made.add_row(*(Text(str(cell)) for cell in row))
    return made


def words(counts: Mapping[str, int]) -> str:
    """Returns counts such as `3 done, 1 failed`."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def duration(seconds: float) -> str:
    """Returns seconds in words, such as `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def size(count: float) -> str:
    """Returns bytes in words, such as `3.4 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


class ConsoleWatcher(Watcher):
    """Shows a run as it goes; keeps the run and its error for the exit code."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=err,
            disable=not err.is_terminal,
        )
        self._task: TaskID | None = None
        self._lock = threading.Lock()
        self._began = self._told = 0.0
        self._jobs = self._finished = self._failed = 0

    def prepared(self, run: Run) -> None:
        """Shows the plan and starts the bar."""
        assert run.plan is not None, "a prepared run has a plan"
        show_plan(run.plan)
        show_rejected(run.plan)
        self.run, self._jobs, self._began = run, run.plan.forecast.jobs, time.monotonic()
        self._bar.start()
        self._task = self._bar.add_task("jobs", total=self._jobs, detail="")

    def progressed(self, progress: chunk.Progress) -> None:
        """Moves the bar, or writes a line now and then."""
        with self._lock:
            self._finished += len(progress.finished)
            self._failed += len(progress.failed)
            share = progress.step / progress.steps if progress.steps else 0.0
            detail = self._detail(progress, share)
            if self._task is not None:
                self._bar.update(self._task, completed=self._finished, detail=detail)
            if not err.is_terminal and time.monotonic() - self._told > LINE_SECONDS:
                self._told = time.monotonic()
                print(f"{self._finished}/{self._jobs} jobs {detail}", file=sys.stderr, flush=True)  # noqa: T201

    def ended(self, run: Run, error: StylizeError | None) -> None:
        """Stops the bar."""
        self._bar.stop()

    def _detail(self, progress: chunk.Progress, share: float) -> str:
        failed = f"{self._failed} failed · " if self._failed else ""
        running = f"step {progress.step}/{progress.steps} · loss {progress.loss:.4g}" if progress.steps else ""
        done = self._finished + share
        if not done:
            return failed + running
        left = (time.monotonic() - self._began) * (self._jobs - done) / done
        return f"{failed}{running} · {duration(max(left, 0))} left"
