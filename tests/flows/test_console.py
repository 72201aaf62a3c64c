"""How the command writes numbers, and how a run's progress looks with and without a terminal."""

import io
import logging
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import stylize_flows.commands.progress
import stylize_flows.console
from rich.console import Console
from rich.text import Text
from stylize_flows.console import LogLines, err, forecast_line, out, show_table, words

from stylize_core.chunk.context import Progress
from stylize_core.plan.forecast import NOTHING, Forecast


def test_counts() -> None:
    """Counts of zero are left out of a list."""
    assert words({"done": 3, "failed": 0, "rejected": 1}) == "3 done, 1 rejected"


def test_a_forecast_says_what_it_rests_on() -> None:
    """A probed forecast and a guess look different; the time to start is included and shown."""
    guess = Forecast(jobs=1, seconds=125, peak_memory_bytes=10**9, store_bytes=10**6, probed=False)
    assert forecast_line(guess, 15) == (
        "forecast: 2 min 20 s on one device: 15 s to start, 2 min 5 s to compute (not measured, a guess); "
        "1 GB of memory for the largest batch, 1 MB in the store"
    )
    assert "(measured on this device)" in forecast_line(NOTHING, 0)


@pytest.fixture
def watch(plan: Callable[..., Any], manifests: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], str]:
    """Reports a run of four jobs in two batches, one of which fails, to a watcher; returns its output."""

    def tell(is_terminal: bool) -> str:
        written = io.StringIO()
        console = Console(file=written, force_terminal=is_terminal, width=100, highlight=False)
        for module in (stylize_flows.console, stylize_flows.commands.progress):
            monkeypatch.setattr(module, "err", console)
        monkeypatch.setattr("sys.stderr", written)
        watcher = stylize_flows.commands.progress.ConsoleWatcher()
        run: Any = SimpleNamespace(plan=plan(manifests.rows(4)))
        watcher.prepared(run)
        watcher.progressed(Progress(jobs=2, step=50, steps=100, loss=12.345678))
        watcher.progressed(Progress(finished=("a", "b"), failed=("b",)))
        watcher.progressed(Progress(jobs=2, step=0, steps=100, loss=1e-7))
        watcher.progressed(Progress(finished=("c", "d")))
        watcher.ended(run, None)
        return written.getvalue()

    return tell


def test_progress_on_a_terminal(watch: Callable[[bool], str]) -> None:
    """A bar with finished and all jobs, failures, the step and the loss."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", watch(True))
    assert re.search(r"jobs +━+ +4/4 +1 failed · step 0/100 · loss 1e-07", text)


def test_progress_elsewhere(watch: Callable[[bool], str]) -> None:
    """Without a terminal a plain line now and then, the first at once, without control characters."""
    text = watch(False)
    assert "\x1b" not in text
    assert re.fullmatch(r"0/4 jobs · step 50/100 · loss 12\.35 · \d+ s left\n", text)


def test_lines_come_now_and_then(watch: Callable[[bool], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a pause between lines each progress is a line; the running batch counts towards the time left."""
    monkeypatch.setattr(stylize_flows.commands.progress, "LINE_SECONDS", -1.0)
    lines = watch(False).splitlines()
    assert [line.split(" · ")[0] for line in lines] == ["0/4 jobs", "2/4 jobs", "2/4 jobs", "4/4 jobs"]
    assert "left" not in lines[-1]


def test_text_is_written_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Markup and names of emoji are plain text; control characters for terminals are escaped."""
    for console in (out, err):
        console.print("/out[bold]/:cat:/\x1b[2J\u202e\n", soft_wrap=True)
        console.print(Text("\x1b]0;title\n2"), soft_wrap=True)
    said = capsys.readouterr()
    assert said.out == said.err == "/out[bold]/:cat:/\\x1b[2J\\u202e\\n\n\\x1b]0;title\n2\n"
    show_table(["name"], [["b\x9b\n"]])
    assert capsys.readouterr().out.split() == ["name", "b\\x9b\\n"]


def test_colours_stay(capsys: pytest.CaptureFixture[str]) -> None:
    """The consoles' own colours are not escaped."""
    console = type(out)(force_terminal=True, color_system="standard")
    console.print(Text("red\x1b", "red"))
    assert capsys.readouterr().out == "\x1b[31mred\\x1b\x1b[0m\n"


def test_warnings_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning of the package is a line on standard error; an information is not."""
    handler = LogLines()
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.info("told")
    logger.warning("left out: %s", "a\x1b[red]")
    assert capsys.readouterr().err == "warning: left out: a\\x1b[red]\n"
