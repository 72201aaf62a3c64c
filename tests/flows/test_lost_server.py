"""Prefect's temporary server ends during a run: the run continues without it, to the end, and says so once."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stylize_flows import lost_server
from stylize_flows.lost_server import has_lost_server
from stylize_flows.temporary_server import TemporaryServer

from stylize_core.errors import UsageError

KILL = """
for process in /proc/[0-9]*; do
    grep -qs uvic[o]rn $process/cmdline && [ "$(cut -d' ' -f4 $process/stat)" = $PPID ] && kill -9 ${process#/proc/}
done
true
"""
"""A shell command that kills the server, which is another child of the command."""

SAID = "warning: Prefect's temporary server has ended; the run goes on without Prefect\n"


def _arguments(manifest: str, store: Path, *more: str) -> tuple[str, ...]:
    return ("run", manifest, "--store", str(store), "--weights", "builtin", "--runner", "local", *more)


@pytest.mark.slow
@pytest.mark.parametrize("event", ["before plan.json 1", "step 1", "before results.csv 1", "before report.html 1"])
def test_a_server_that_is_killed(event: str, manifests: Any, drive: Callable[..., Any], store: Any) -> None:
    """Whenever this happens, each job is computed once, record and report exist, and the process ends."""
    rows = [*manifests.rows(3), *manifests.rows(1, content="nowhere.png")]
    arguments = _arguments(manifests.write(rows), store.folder, "--rows-per-task", "1", "--max-failed", "1")
    run = drive(*arguments, fresh=True, commands={event: KILL})
    ended = run.ended(250)
    assert ended.code == 0, ended.err
    assert ended.err.count(SAID) == 1
    assert "Traceback" not in ended.err
    assert not any(word in ended.err for word in ("ERROR", "API", "Service", "Event"))
    assert run.computed == ["0", "1", "2"]
    assert store.statuses() == ["done", "done", "done", "rejected"]
    assert (store.folder / "runs" / store.runs[0] / "report.html").exists()
    run.wait_for_left_over()


@pytest.mark.slow
def test_a_server_that_is_killed_at_once(manifests: Any, store: Any) -> None:
    """The run continues without Prefect also if this happens before the flow run begins."""
    code = """
import sys
from stylize_flows import lost_server, temporary_server
from stylize_flows.cli import main
start = temporary_server.start_server
def start_and_kill(meanwhile):
    start(meanwhile)
    lost_server.own.process.kill()
    lost_server.own.process.wait()
temporary_server.start_server = start_and_kill
main(sys.argv[1:])
"""
    command = [sys.executable, "-c", code, *_arguments(manifests.write(manifests.rows(2)), store.folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count(SAID) == 1
    assert "Traceback" not in ended.stderr
    assert store.statuses() == ["done", "done"]


@pytest.mark.slow
def test_partitions_go_on_too(manifests: Any, drive: Callable[..., Any], store: Any) -> None:
    """A flow run inside the flow run ends like its parent, and later partitions are computed without Prefect."""
    few = ("--rows-per-task", "1", "--chunks-per-flow-run", "1")
    arguments = _arguments(manifests.write(manifests.rows(3)), store.folder, *few)
    run = drive(*arguments, fresh=True, commands={"step 1": KILL})
    ended = run.ended(250)
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err
    assert run.computed == ["0", "1", "2"]
    assert store.statuses() == ["done", "done", "done"]


@pytest.mark.slow
def test_a_stop_without_the_server(manifests: Any, drive: Callable[..., Any], store: Any) -> None:
    """A run that continues without its server still stops within 5 s, and every row is accounted for."""
    arguments = _arguments(manifests.write(manifests.rows(3)), store.folder, "--rows-per-task", "1")
    run = drive(*arguments, fresh=True, step_seconds=0.5, commands={"step 1": KILL})
    run.wait_for_journal(3)
    asked = time.monotonic()
    run.signal(signal.SIGTERM)
    assert run.wait() == 130
    assert time.monotonic() - asked < 5
    assert "Traceback" not in run.output
    assert store.statuses() == ["done", "done", "stopped"]


def test_a_loss_is_told_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A process without a server, or with a running one, has not lost a server."""

    class Server:
        ended = False

        def is_lost(self) -> bool:
            return self.ended

    assert not has_lost_server()
    server = Server()
    monkeypatch.setattr(lost_server, "own", server)
    assert not has_lost_server()
    server.ended = True
    assert has_lost_server()
    assert has_lost_server()
    assert capsys.readouterr().err == SAID


@pytest.mark.slow
def test_a_flow_needs_no_code_of_a_server() -> None:
    """A flow run of a deployment, which has a server, does not spend seconds on a temporary server's imports."""
    code = (
        "import sys, stylize_flows.stylize_manifest; print([name for name in sys.modules if 'prefect.server' in name])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_a_server_is_started_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is killed as soon as it starts is started again, and the last one is not left running."""
    started: list[subprocess.Popen[bytes]] = []

    def launch(server: Any) -> None:
        server.port, server.process = 1, subprocess.Popen(["sh", "-c", "kill -9 $$"])
        started.append(server.process)

    monkeypatch.setattr(TemporaryServer, "_launch", launch)
    with pytest.raises(UsageError, match="ends as soon as it is started"):
        TemporaryServer().wait(10)
    assert [process.returncode for process in started] == [-signal.SIGKILL] * 3
