"""Runner dask, with real workers in separate processes: they die, hang, are stopped, and nothing is lost."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, LocalCluster
from fixtures.clusters import start_cluster
from stylize_flows.dask_runner.cluster import DEVICE, SETTINGS
from stylize_flows.dask_runner.worker import MachineShare, compute

from stylize_core.chunk.context import RunContext
from stylize_core.options import Options
from stylize_core.run.ticket import RunTicket
from stylize_core.store.lease import Lease
from stylize_core.store.ledger import live_results

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("prefect_server")]

STOP_SECONDS = 5.0
PRELOAD = str(Path(__file__).with_name("worker_faults.py"))


@dataclass(frozen=True)
class Journal:
    """The jobs that the workers of a test computed; see `worker_faults.py`."""

    path: Path

    @property
    def lines(self) -> list[tuple[int, str]]:
        """Process id of the worker, and `load` or the seed of a job that it began."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [(int(pid), what) for pid, what in (line.split() for line in lines)]

    @property
    def workers(self) -> set[int]:
        """Process ids of the workers that began a job."""
        return {pid for pid, what in self.lines if what != "load"}

    def begun(self, seed: int) -> int:
        """Number of times a job was begun."""
        return sum(what == str(seed) for _, what in self.lines)

    def wait(self, jobs: int) -> None:
        """Waits until a number of jobs are begun."""
        deadline = time.monotonic() + 300
        while sum(what != "load" for _, what in self.lines) < jobs:
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.05)


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file with instructions for workers that are started from now on."""
    path = tmp_path_factory.mktemp("orders") / "orders.json"
    settings = {**SETTINGS, "distributed.worker.preload": [PRELOAD]}
    with pytest.MonkeyPatch.context() as patch, dask.config.set(settings):
        patch.setenv("STYLIZE_WORKER_FAULTS", str(path))
        yield path


@pytest.fixture
def faults(orders: Path, tmp_path: Path) -> Callable[..., Journal]:
    """Makes the workers fail as instructed from now on; returns their journal."""

    def prepare(*, kill: tuple[int, ...] = (), hang: tuple[int, ...] = (), step_seconds: float = 0.0) -> Journal:
        journal = Journal(tmp_path / "journal")
        config = {"journal": str(journal.path), "kill": kill, "hang": hang, "step_seconds": step_seconds}
        orders.with_suffix(".new").write_text(json.dumps(config))
        orders.with_suffix(".new").rename(orders)
        return journal

    return prepare


@pytest.fixture(scope="module")
def standing_cluster(orders: Path) -> Iterator[LocalCluster]:
    """A cluster of two workers, as an operator would start it; it serves many runs."""
    with start_cluster(2) as started:
        yield started


@pytest.fixture
def cluster(standing_cluster: LocalCluster) -> LocalCluster:
    """The same with both workers present, because one that a test killed takes a while to restart."""
    with Client(standing_cluster, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=120)
    return standing_cluster


def _run(manifest: str, store: Path, *options: str) -> tuple[str, ...]:
    return ("run", manifest, "--store", str(store), "--weights", "builtin", "--runner", "dask", *options)


def _processes(mark: str) -> list[int]:
    """Running processes with a text in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = mark.encode() in (path / "environ").read_bytes()
        except OSError:
            continue
        if is_ours and int(path.name) != os.getpid():
            found.append(int(path.name))
    return found


def test_workers_that_cannot_be_used(
    manifests: Any, store: Any, stylize: Callable[..., Any], refused: Callable[..., str]
) -> None:
    """No scheduler at the address, or workers without a device, are refused with what to start."""
    manifest = manifests.write(manifests.rows(1))
    error = refused(stylize(*_run(manifest, store.folder, "--dask-address", "tcp://127.0.0.1:9")))
    assert "no Dask scheduler answers" in error
    with LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as cluster:
        error = refused(stylize(*_run(manifest, store.folder, "--dask-address", cluster.scheduler_address)))
    assert "none of the cluster's 1 workers can take a chunk" in error
    assert f'--resources "{DEVICE}=1"' in error


def test_two_workers(manifests: Any, store: Any, stylize: Callable[..., Any], faults: Callable[..., Journal]) -> None:
    """Both workers compute, each loads the network once, every job is computed once; all of them end with the run."""
    journal = faults(step_seconds=0.05)
    ended = stylize(*_run(manifests.write(manifests.rows(24)), store.folder, "--workers", "2", "--rows-per-task", "4"))
    assert ended.code == 0, ended.err
    assert store.statuses() == ["done"] * 24
    assert len(journal.workers) == 2
    assert Counter(what for _, what in journal.lines) == {"load": 2, **{str(seed): 1 for seed in range(24)}}
    assert {pid for pid, what in journal.lines if what == "load"} == journal.workers
    assert not journal.workers & set(_processes(str(journal.path)))


def test_a_killed_worker(
    manifests: Any, store: Any, stylize: Callable[..., Any], faults: Callable[..., Journal], cluster: LocalCluster
) -> None:
    """If a worker is killed during a chunk, only its uncommitted jobs are computed again.

    Its half-written files are swept by the next run.
    """
    journal = faults(step_seconds=0.2)

    def kill_one() -> None:
        journal.wait(5)
        os.kill(journal.lines[-1][0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    options = ("--dask-address", cluster.scheduler_address, "--rows-per-task", "6")
    manifest = manifests.write(manifests.rows(12))
    ended = stylize(*_run(manifest, store.folder, *options))
    killer.join()
    assert ended.code == 0, ended.err
    assert store.statuses() == ["done"] * 12
    assert store.lines["job_id"].is_unique
    again = [seed for seed in range(12) if journal.begun(seed) > 1]
    assert len(again) <= 2  # the running one, and one that was not yet committed
    next_run = stylize("run", manifest, "--store", str(store.folder), "--weights", "builtin", "--runner", "loop")
    assert "12 skipped" in next_run.out
    assert stylize("status", str(store.folder), "--verify").out.endswith("verified: 0 faults\n")  # strays are swept


def test_jobs_that_cost_their_worker(
    manifests: Any,
    store: Any,
    stylize: Callable[..., Any],
    faults: Callable[..., Journal],
    cluster: LocalCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Jobs that kill their worker, or exceed their time limit, are failed, each with its code; no other job is."""
    monkeypatch.setattr("stylize_flows.dask_runner.submission.MARGIN_SECONDS", 5.0)
    journal = faults(kill=(2,), hang=(7,))
    options = ("--dask-address", cluster.scheduler_address, "--rows-per-task", "2", "--job-timeout", "5")
    ended = stylize(*_run(manifests.write(manifests.rows(8)), store.folder, *options))
    assert ended.code == 3, ended.err
    rows = store.rows()
    assert dict(rows[rows["status"] == "failed"]["error_code"]) == {2: "worker_lost", 7: "timed_out"}
    assert sum(rows["status"] == "done") == 6
    assert store.lines["job_id"].is_unique
    assert journal.begun(2) == 3  # with its neighbour, then twice alone


def test_a_cluster_that_is_there_already(
    manifests: Any,
    store: Any,
    stylize: Callable[..., Any],
    faults: Callable[..., Journal],
    cluster: LocalCluster,
) -> None:
    """Two successive runs on an operator's cluster, which outlives them and loads the network once per worker."""
    journal = faults()
    for count in (4, 8):
        options = ("--dask-address", cluster.scheduler_address, "--rows-per-task", "2")
        ended = stylize(*_run(manifests.write(manifests.rows(count)), store.folder, *options))
        assert ended.code == 0, ended.err
    assert store.statuses() == ["skipped"] * 4 + ["done"] * 4
    assert sum(what == "load" for _, what in journal.lines) <= 2  # one that served a run before already has it
    assert len(cluster.workers) == 2


def test_the_same_chunk_twice_at_once(
    plan: Callable[..., Any],
    engine: Any,
    manifests: Any,
    files: Any,
    faults: Callable[..., Journal],
    cluster: LocalCluster,
    view: Callable[[Path], Any],
    stylize: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """A chunk that two workers compute at once, as after a lost connection, leaves one live result per job."""
    faults(step_seconds=0.1)
    (chunk,) = plan(manifests.rows(3)).chunks
    options = Options(manifest="m.csv", store=files.uri, weights="builtin", device="cpu")
    with Lease.acquire(files) as lease, Client(cluster) as client:
        ticket = RunTicket.of(RunContext(engine=engine, files=files, run="run", before_commit=lease.check))
        work = partial(compute, ticket=ticket, options=options, share=MachineShare(workers=2, threads=1))
        futures = [
            client.submit(partial(work, flight=worker), chunk, workers=[worker], pure=False)
            for worker in client.nthreads()
        ]
        assert client.gather(futures) == [3, 3]
    assert len(view(tmp_path / "store").lines) == 6
    assert live_results(files).num_rows == 3
    assert stylize("status", str(tmp_path / "store"), "--verify").out.endswith("verified: 0 faults\n")


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Starts the command in a separate process group; its output file `output` also identifies its processes."""
    mark = f"STYLIZE_TEST={tmp_path}/output"

    def start(*arguments: str) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "DASK_DISTRIBUTED__WORKER__PRELOAD": json.dumps([PRELOAD])}
        environment |= {"STYLIZE_TEST": f"{tmp_path}/output"}
        program = str(Path(sys.executable).with_name("stylize"))
        with (tmp_path / "output").open("ab") as output:
            return subprocess.Popen(
                [program, *arguments], env=environment, stdout=output, stderr=output, start_new_session=True
            )

    yield start
    for pid in _processes(mark):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run(
    number: signal.Signals,
    manifests: Any,
    store: Any,
    stylize: Callable[..., Any],
    faults: Callable[..., Journal],
    command: Callable[..., "subprocess.Popen[bytes]"],
    tmp_path: Path,
) -> None:
    """SIGTERM, or Ctrl-C for all its processes: exit code 130 in 5 s, no process left, commits are kept."""
    manifest = manifests.write(manifests.rows(8))
    journal = faults(step_seconds=0.3)
    run = command(*_run(manifest, store.folder, "--workers", "2", "--rows-per-task", "4"))
    journal.wait(4)
    asked = time.monotonic()
    (os.killpg if number == signal.SIGINT else os.kill)(run.pid, number)
    assert run.wait(60) == 130, (tmp_path / "output").read_text()
    assert time.monotonic() - asked < STOP_SECONDS
    deadline = time.monotonic() + 10
    while left := _processes(f"STYLIZE_TEST={tmp_path}/output"):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    output = (tmp_path / "output").read_text()
    assert "error: stopped\n" in output
    assert "Traceback" not in output
    statuses = Counter(store.statuses())
    assert statuses["done"] >= 2
    assert statuses["done"] + statuses["stopped"] == 8

    again = stylize("run", manifest, "--store", str(store.folder), "--weights", "builtin", "--runner", "loop")
    assert again.code == 0, again.err
    assert Counter(store.statuses()) == {"skipped": statuses["done"], "done": statuses["stopped"]}
    assert store.lines["job_id"].is_unique
