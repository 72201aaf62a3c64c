"""A permanent Prefect as an operator has it: server, work pool, deployment and worker, with a separate home."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class StandingPrefect:
    """A client of a server on loopback, by Prefect's command and its REST API."""

    port: int
    environment: dict[str, str]
    log: Path
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def prefect(self, *arguments: str) -> None:
        """Runs a `prefect` command in the repository's root."""
        command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
        ended = subprocess.run(
            command, env=self.environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def start(self, *arguments: str) -> None:
        """Starts a long-running `prefect` command, and restores the handling of SIGINT, which CI may ignore."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "prefect", *arguments],
                env=self.environment,
                cwd=self.log.parent,  # not in the repository: the deployment says where the code is
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        self.started.append(process)

    def call(self, path: str, body: object = None, method: str | None = None) -> Any:
        """Returns what the server answers; unless a method is given, to a POST if there is a body, otherwise a GET."""
        url, method = f"http://127.0.0.1:{self.port}/api{path}", method or ("GET" if body is None else "POST")
        while (
            answer := httpx.request(method, url, json=body, timeout=120)
        ).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            time.sleep(0.5)  # SQLite is busy; Prefect's own client tries again, too
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def wait_for(self, look: Callable[[], Any], seconds: float = 240) -> Any:
        """Waits until `look` returns something, and returns it."""
        deadline = time.monotonic() + seconds
        while not (seen := look()):
            assert time.monotonic() < deadline, self.log.read_text()[-5000:]
            time.sleep(0.2)
        return seen

    def is_up(self) -> bool:
        """Whether the server answers."""
        with suppress(httpx.TransportError, AssertionError):
            return bool(self.call("/health"))
        return False

    @property
    def nightly(self) -> dict[str, Any]:
        """The deployment."""
        deployment: dict[str, Any] = self.call("/deployments/name/stylize%20manifest/nightly")
        return deployment

    def run(self, deployment: str, **parameters: Any) -> str:
        """Starts a run of a deployment, FLOW/NAME, and returns its id."""
        found = self.call(f"/deployments/name/{quote(deployment)}")
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self.call(f"/deployments/{found['id']}/create_flow_run", body)["id"])

    def run_nightly(self, **parameters: Any) -> str:
        """Starts a run with the small network and returns its id."""
        return self.run("stylize manifest/nightly", weights="builtin", **parameters)

    def ended(self, run: str, seconds: float = 240) -> dict[str, Any]:
        """Waits for the end of a run and returns it."""
        final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        self.wait_for(lambda: self.call(f"/flow_runs/{run}")["state_type"] in final, seconds)
        flow_run: dict[str, Any] = self.call(f"/flow_runs/{run}")
        return flow_run

    def tasks(self, run: str) -> dict[str, str]:
        """Returns name and state of a run's tasks, in the order of their starts."""
        query = {"flow_runs": {"id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"}
        return {task["name"]: task["state_name"] for task in self.call("/task_runs/filter", query)}

    def all_parts(self, run: str) -> list[dict[str, Any]]:
        """Returns the flow runs that a run made, in the order of their starts."""
        query = {"flow_runs": {"parent_flow_run_id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found: list[dict[str, Any]] = self.call("/flow_runs/filter", query)
        return found

    def parts(self, run: str) -> dict[str, dict[str, Any]]:
        """Returns the same by name; of several with one name, the last."""
        return {part["name"]: part for part in self.all_parts(run)}

    def processes(self, run: str) -> list[int]:
        """Returns the processes of a flow run."""
        mark = f"PREFECT__FLOW_RUN_ID={run}\0".encode()
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if mark in _environ(path)]

    def left_over(self) -> list[int]:
        """Returns the running processes of this Prefect, including those of runs."""
        mark = f"PREFECT_HOME={self.environment['PREFECT_HOME']}\0".encode()
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if mark in _environ(path)]

    def end(self) -> None:
        """Stops the worker, then the server, as a service manager does; kills what is left."""
        for process in reversed(self.started):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
        for pid in self.left_over():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.started:
            process.wait()


def _environ(process: Path) -> bytes:
    with suppress(OSError):
        return (process / "environ").read_bytes()
    return b""


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory, manifests_in: Callable[..., Any]) -> Any:
    """Writes manifests; `nightly.csv` with two tiny rows exists."""
    manifests = manifests_in(tmp_path_factory.mktemp("nights") / "manifests")
    manifests.write(manifests.rows(2), "nightly.csv")
    return manifests


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory, nights: Any) -> Iterator[StandingPrefect]:
    """A server with the work pool, the deployment of `deploy/prefect.yaml` and a worker, by the run-book's commands."""
    folder = tmp_path_factory.mktemp("prefect")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | {
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "DO_NOT_TRACK": "1",
        "STYLIZE_HOME": str(REPOSITORY),
        "STYLIZE_MANIFEST": str(nights.folder / "nightly.csv"),
        "STYLIZE_STORE": str(folder / "store"),
        "STYLIZE_INCOMING": str(folder / "incoming"),
    }
    prefect = StandingPrefect(port, environment, folder / "log")
    try:
        prefect.start("server", "start", "--host", "127.0.0.1", "--port", str(port))
        prefect.wait_for(prefect.is_up)
        prefect.prefect("work-pool", "create", "stylize", "--type", "process")
        prefect.start("worker", "start", "--pool", "stylize")
        prefect.prefect("deploy", "--all", "--prefect-file", "deploy/prefect.yaml")
        yield prefect
    finally:
        prefect.end()
    assert not prefect.left_over()
