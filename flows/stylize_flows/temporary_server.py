"""The temporary server that Prefect starts for a run if there is no other: it never outlives the command."""

import atexit
import http.client
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import IO

import prefect
from prefect.settings import PREFECT_HOME, PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS, get_current_settings

from stylize_core.errors import UsageError
from stylize_core.spool import temp_write_errors
from stylize_flows import lost_server
from stylize_flows.prefect_settings import WITHOUT, named
from stylize_flows.stop import sigint_blocked

ASK_SECONDS = 0.1
"""Pause between two checks whether the server answers."""

STARTS = 3
"""Number of starts to try: another program may take the port between its choice and its use, or kill the server."""

_REASON = re.compile(r"[\w.]+(Error|Exception)\b.*:")
"""Matches the last line of a traceback."""

_END_WITH_US = 'while read -r id; do pid=$id; done; kill "$pid" 2>/dev/null'
"""Shell script that reads process ids until the pipe closes, as it does however this process ends; kills the last."""


class TemporaryServer:
    """The process of Prefect's server, on a free port of this machine."""

    def __init__(self) -> None:
        with temp_write_errors():
            self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # kept as long as the server
        self._shell = _end_with_us()
        self._launch()
        atexit.register(self.stop)

    def wait(self, limit: float) -> None:
        """Waits until it answers.

        Args:
            limit: in seconds.

        Raises:
            UsageError: it ends or does not answer; with the last error of its output.
        """
        deadline = time.monotonic() + limit
        for number in range(STARTS):
            if number:
                self._launch()
            while self.process.poll() is None:
                if self._answers():
                    return
                if time.monotonic() > deadline:
                    self.stop()
                    raise _too_slow(limit)
                time.sleep(ASK_SECONDS)
            is_killed = self.process.returncode < 0
            if "address already in use" not in (said := self._words()) and not is_killed:
                break
        raise _ended(said)

    def is_lost(self) -> bool:
        """Returns whether its process has ended, by itself or by a kill."""
        return self.process.poll() is not None

    def stop(self) -> None:
        """Ends it: asks first, kills after 5 s."""
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _launch(self) -> None:
        """Starts the process as Prefect does, but captures its output."""
        self.port = _free_port()
        command = ["uvicorn", "--app-dir", str(prefect.__module_path__.parent), "--factory"]
        command += ["prefect.server.api.server:create_app", "--host", "127.0.0.1", "--port", str(self.port)]
        ephemeral = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
        told = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR"}
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, "-m", *command, "--log-level", "error", "--lifespan", "on"],
            env={**os.environ, **ephemeral, **settings, **told},
            stdout=self._said,
            stderr=self._said,
        )
        os.write(self._shell, f"{self.process.pid}\n".encode())

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)  # without a proxy
        try:
            connection.request("GET", "/api/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _words(self) -> str:
        """Returns the output of the process."""
        self._said.seek(0)
        return self._said.read().decode(errors="replace")


def start_server(meanwhile: Callable[[], object]) -> None:
    """Starts Prefect's temporary server unless this process has one; it ends with this process, even after SIGKILL.

    Args:
        meanwhile: what this process can do in the seconds in which the server starts.

    Raises:
        UsageError: it cannot be started.
    """
    if _has_one():
        return
    with sigint_blocked():  # a stop needs the server until the end
        server = TemporaryServer()
        meanwhile()
        from prefect.server.api.server import SubprocessASGIServer  # here: it takes seconds

        server.wait(PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS.value())
    found = SubprocessASGIServer()  # the only instance: Prefect's clients find it, and start none of their own
    found.port, found.server_process, found.running = server.port, server.process, True
    lost_server.own = server


def _has_one() -> bool:
    """Returns whether this process started a server before."""
    module = sys.modules.get("prefect.server.api.server")
    return module is not None and module.SubprocessASGIServer().running


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _ended(said: str) -> UsageError:
    """Returns the error of a server whose process has ended; the reason is the last error in its output."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reasons = [line for line in lines if _REASON.match(line)]
    what = (
        f"Prefect's temporary server ends as soon as it is started: {(reasons or lines or ['it does not say why'])[-1]}"
    )
    todo = f"set PREFECT_HOME to a separate folder that you can write to; {WITHOUT}"
    return UsageError(what, where=f"{named('PREFECT_HOME', PREFECT_HOME.value())}, where its database is", todo=todo)


def _too_slow(seconds: float) -> UsageError:
    name = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
    what = f"Prefect's temporary server does not answer within {seconds:g} s"
    return UsageError(what, where=named(name, f"{seconds:g}"), todo=f"raise it; {WITHOUT}")


def _end_with_us() -> int:
    """Starts a shell that ends the process of which it is told last, as soon as this process is gone.

    Returns:
        The end of a pipe to the shell, for ids of processes; it stays open as long as this process lives.
    """
    reading_end, writing_end = os.pipe()
    becomes_stdin = (os.POSIX_SPAWN_DUP2, reading_end, 0)
    os.posix_spawn("/bin/sh", ["sh", "-c", _END_WITH_US], os.environ, file_actions=[becomes_stdin])
    os.close(reading_end)
    return writing_end
