"""`stylize status --watch`: follows a run until it ends. It reads only the store."""

import math
import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stylize_core.control_codes import escape_controls
from stylize_core.files.files import Files
from stylize_core.store.following import RunFollower, View
from stylize_core.store.lease import PATIENCE_S
from stylize_core.wording import duration, plural
from stylize_flows.console import out, words
from stylize_flows.output import is_output_lost
from stylize_flows.stop import EXIT_STOPPED

EXIT_ENDED, EXIT_GONE = 0, 1

ACTIONS = {"run": "to compute", "skip": "done before", "keep_failed": "failed before, kept", "reject": "rejected"}

UNITS = ((1, "a second"), (60, "a minute"), (3600, "an hour"))

ERRORS = 5
"""Most error codes shown."""


def watch(files: Files, every: float) -> int:
    """Shows the newest run until it ends; returns the exit code: 0, 1 if its process is gone, 130 after Ctrl-C.

    Args:
        files: of the store.
        every: seconds between two looks.

    Raises:
        StoreError: the store cannot be read.
    """
    follower = RunFollower(files)
    try:
        return (_on_terminal if out.is_terminal else _as_lines)(follower, every)
    except KeyboardInterrupt:
        return EXIT_STOPPED


def _on_terminal(follower: RunFollower, every: float) -> int:
    with Live(console=out, auto_refresh=False) as live:
        for view in _views(follower, every):
            live.update(picture(view, time.time()), refresh=True)
    return _end(view)


def _as_lines(follower: RunFollower, every: float) -> int:
    for view in _views(follower, every):
        out.print(f"{time.strftime('%H:%M:%S')} {line(view, time.time())}", soft_wrap=True)
    return _end(view)


def _views(follower: RunFollower, every: float) -> Iterator[View]:
    """Yields views; the last one when the run has ended, no process runs it, or nobody reads the output."""
    while True:
        view = follower.look()
        yield view
        if view.holder is None or (view.rows is not None and view.has_begun) or is_output_lost():
            return
        time.sleep(every)


def _end(view: View) -> int:
    """Says how the run ended."""
    if not view.run:
        out.print("no run, and nobody writes to this store")
    elif view.rows is not None:
        out.print(f"run {view.run} has ended: {words(view.rows)}", soft_wrap=True)
    else:
        out.print(f"run {view.run} was cut off, and nobody writes to this store: run it again", soft_wrap=True)
        return EXIT_GONE
    return EXIT_ENDED


def line(view: View, now: float) -> str:
    """Returns a view as one line."""
    if not view.has_begun and view.holder is None:
        return "nobody writes to this store"
    if not view.has_begun:
        return " · ".join(["a run is being planned, or its report drawn", *_holder(view)])
    failed = [f"{view.failed:,} failed"] if view.failed else []
    return " · ".join([f"{view.committed:,}/{view.jobs:,} jobs", *failed, *_pace(view, now), *_silence(view)])


def picture(view: View, now: float) -> RenderableType:
    """Returns a view as some lines with a bar."""
    if not view.has_begun and view.holder is None:
        return "nobody writes to this store"
    if not view.has_begun:
        return _text(line(view, now))
    bar = Table.grid(padding=(0, 1))
    share = f"{100 * view.committed / max(view.jobs, 1):.0f} %"
    progress = f"{view.committed:,} of {plural(view.jobs, 'job')}"
    bar.add_row(ProgressBar(total=max(view.jobs, 1), completed=view.committed, width=40), share, progress)
    actions = ((view.planned.get(action, 0), word) for action, word in ACTIONS.items())
    planned = ", ".join(f"{count:,} {word}" for count, word in actions if count)
    parts: list[RenderableType] = [_text(f"run {view.run}", "bold"), bar, _text(" · ".join(_pace(view, now)))]
    if view.medians:
        finals = ", ".join(f"{term} {value:.4g}" for term, value in view.medians.items())
        parts.append(_text(f"last commit, medians: {finals}"))
    if view.failed:
        codes = ", ".join(f"{code} {count:,}" for code, count in list(view.errors.items())[:ERRORS])
        parts.append(_text(f"{view.failed:,} failed: {codes}", "red"))
    parts.append(_text(f"{plural(sum(view.planned.values()), 'row')}: {planned}", "dim"))
    if view.holder:
        parts.append(_text(" · ".join([*_holder(view), *_silence(view)]), "dim"))
    return Group(*parts)


def _text(text: str, style: str = "") -> Text:
    """Returns a line, escaped: anyone who can write to the store decides the names of machines, runs and errors."""
    return Text(escape_controls(text), style)


def _pace(view: View, now: float) -> list[str]:
    if not view.last_commit:
        return ["nothing committed yet"]
    left = view.seconds_left(now)
    parts = [_rate(view.rate)] if view.rate else []
    parts += [f"{duration(math.ceil(left))} left"] if left is not None else []
    return [*parts, f"last commit {duration(round(max(0.0, now - view.last_commit)))} ago"]


def _rate(rate: float) -> str:
    """Returns a rate of jobs in the unit that gives a readable number."""
    seconds, unit = next((one for one in UNITS if rate * one[0] >= 1), UNITS[-1])
    return f"{rate * seconds:.3g} jobs {unit}"


def _holder(view: View) -> list[str]:
    holder = view.holder
    return [f"process {holder.pid} on {holder.host} since {holder.since}"] if holder else []


def _silence(view: View) -> list[str]:
    """Says that the process has given no sign of life, which may mean that its machine is gone."""
    is_silent = view.holder is not None and view.silent_seconds > PATIENCE_S
    return [f"no sign of life for {duration(round(view.silent_seconds))}"] if is_silent else []
