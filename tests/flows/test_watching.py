"""`stylize status --watch`: follows a run of another process through its store until it ends."""

import io
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rich.console import Console
from stylize_flows.commands.watch import line, picture

from stylize_core.store.following import View
from stylize_core.store.holder import Holder

NOW = 1_700_000_100.0


def _view(**changed: Any) -> View:
    known: dict[str, Any] = {
        "run": "20261120T023000.000-beef",
        "has_begun": True,
        "planned": {"run": 4000, "skip": 12, "keep_failed": 0, "reject": 3},
        "jobs": 4000,
        "done": 990,
        "failed": 10,
        "errors": {"image_truncated": 7, "[red]x": 3},
        "seconds": 500.0,
        "last_commit": NOW - 4,
        "medians": {"total": 1.25},
        "holder": Holder.here(1),
        "silent_seconds": 3.0,
    }
    return View(**known | changed)


def _text(view: View) -> str:
    sink = io.StringIO()
    Console(file=sink, width=100, force_terminal=True, color_system=None).print(picture(view, NOW))
    return sink.getvalue()


def test_a_look_in_words() -> None:
    """Jobs, failures, rate, time left and the last commit's age; 3,000 jobs at 2 a second are 25 minutes."""
    assert line(_view(), NOW) == (
        "1,000/4,000 jobs · 10 failed · 2 jobs a second · 24 min 56 s left · last commit 4 s ago"
    )
    assert "12.6 jobs an hour" in line(_view(done=2, failed=5, seconds=2000.0), NOW)
    assert line(_view(done=0, failed=0, last_commit=0.0, seconds=0.0), NOW) == "0/4,000 jobs · nothing committed yet"
    assert line(_view(silent_seconds=95.0), NOW).endswith("no sign of life for 95 s")


def test_a_look_on_a_terminal() -> None:
    """The same with a bar, the rows of the plan, error codes, and the writer; no line is too wide."""
    text = _text(_view())
    for words in ("25 %", "1,000 of 4,000 jobs", "image_truncated 7, [red]x 3", "total 1.25", "12 done before"):
        assert words in text
    assert f"process {Holder.here(1).pid} on " in text
    assert "report drawn" in _text(_view(has_begun=False))


def test_names_in_the_store_steer_nothing() -> None:
    """A line feed or an escape in the name of a host, a run or an error neither moves the cursor nor adds a line."""
    odd = "a\n100 % done\r\x1b[2Jb"
    shown = r"a\n100 % done\r\x1b[2Jb"
    view = _view(run=odd, errors={odd: 1}, medians={odd: 1.0}, holder=replace(Holder.here(1), host=odd, since="now"))
    text = _text(view)
    assert text.count(shown) == 4
    assert text.count("\n") == _text(_view()).count("\n")
    assert shown in _text(replace(view, has_begun=False))


def test_watching_a_run_to_its_end(
    drive: Callable[..., Any], manifests: Any, store: Any, stylize: Callable[..., Any]
) -> None:
    """Plain lines with rising counts while another process works; finally the rows; nothing is written."""
    options = ("--store", str(store.folder), "--weights", "builtin", "--runner", "loop")
    run = drive("run", manifests.write(manifests.rows(4)), *options, step_seconds=0.2)
    run.wait_for_journal(1)
    ended = stylize("status", str(store.folder), "--watch", "--every", "0.2")
    assert ended.code == 0
    *looks, last = ended.out.splitlines()
    assert len(looks) > 1
    assert any("/4 jobs" in look for look in looks)
    assert last == f"run {store.runs[0]} has ended: 4 done"
    assert run.wait() == 0

    again = stylize("status", str(store.folder), "--watch")
    assert (again.code, again.out.splitlines()[-1]) == (0, last)


def test_watching_a_run_that_is_killed(
    drive: Callable[..., Any], manifests: Any, store: Any, stylize: Callable[..., Any]
) -> None:
    """A process that vanished is distinguished from one that finished: exit code 1."""
    options = ("--store", str(store.folder), "--weights", "builtin", "--runner", "loop")
    run = drive("run", manifests.write(manifests.rows(3)), *options, kill="after results 1")
    run.wait()
    ended = stylize("status", str(store.folder), "--watch")
    assert ended.code == 1
    assert "was cut off, and nobody writes to this store" in ended.out


def test_watching_is_left_with_ctrl_c(drive: Callable[..., Any], manifests: Any, store: Any) -> None:
    """Ctrl-C ends the command with 130, and the run continues."""
    options = ("--store", str(store.folder), "--weights", "builtin", "--runner", "loop")
    run = drive("run", manifests.write(manifests.rows(4, steps="2000")), *options, step_seconds=0.3)
    run.wait_for_journal(1)
    look = drive("status", str(store.folder), "--watch", "--every", "0.1")
    look.wait_until(lambda: "/4 jobs" in look.output)
    look.signal(signal.SIGINT)
    assert look.wait() == 130
    assert run.process.is_alive()
    run.signal(signal.SIGTERM)
    assert run.wait() == 130
