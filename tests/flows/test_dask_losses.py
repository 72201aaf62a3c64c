"""Chunks whose worker is lost, and a worker's inputs and reports, without worker processes."""

import logging
import platform
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect_dask")

from distributed import Client, LocalCluster
from stylize_flows.dask_runner import absent_workers, worker
from stylize_flows.dask_runner.absent_workers import AbsentWorkers
from stylize_flows.dask_runner.cluster import _specifications, count_workers
from stylize_flows.dask_runner.lost_workers import ChunkPart, committed
from stylize_flows.stylize_manifest import _fan_out

from stylize_core.chunk.context import RunContext
from stylize_core.errors import StoreError, UsageError, WorkerLost
from stylize_core.files.files import Files
from stylize_core.options import Options
from stylize_core.run.ticket import RunTicket
from stylize_core.store.lease import Lease


@pytest.fixture
def piece(plan: Callable[..., Any], manifests: Any) -> ChunkPart:
    """A part with four jobs."""
    (chunk,) = plan(manifests.rows(4)).chunks
    return ChunkPart(chunk=chunk)


def _ids(pieces: list[ChunkPart]) -> list[list[str]]:
    return [[job.job_id for job in piece.chunk.jobs] for piece in pieces]


def test_halves(piece: ChunkPart) -> None:
    """A part that was begun is resubmitted in halves, without its committed jobs."""
    ((a, b, c, d),) = _ids([piece])
    assert _ids(piece.after_loss(set(), is_begun=True)) == [[a, b], [c, d]]
    assert _ids(piece.after_loss({a}, is_begun=True)) == [[b], [c, d]]
    assert _ids(piece.after_loss({a, b, d}, is_begun=True)) == [[c]]
    assert piece.after_loss({a, b, c, d}, is_begun=True) == []


def test_innocents(piece: ChunkPart) -> None:
    """A part that only waited on a dead worker is resubmitted whole, as often as needed, and is not blamed."""
    for _ in range(5):
        (back,) = piece.after_loss(set(), is_begun=False)
        assert back == piece
    assert piece.error is None


def test_the_one_to_blame(piece: ChunkPart) -> None:
    """A job that lost its worker twice while alone on it is given up; deaths of other workers do not count."""
    half, _ = piece.after_loss(set(), is_begun=True)
    alone, _ = half.after_loss(set(), is_begun=True)
    assert (alone.deaths, alone.error) == (0, None)
    (once,) = alone.after_loss(set(), is_begun=True)
    assert once.error is None
    (twice,) = once.after_loss(set(), is_begun=True)
    assert twice.error is not None
    assert (twice.error.code, twice.error.retryable) == ("worker_lost", True)


def test_a_gpu_each() -> None:
    """Every worker sees one GPU, its own; without GPUs workers see all devices."""
    made = _specifications(2, ["0", "GPU-5"])
    assert [spec["options"]["env"] for spec in made.values()] == [  # type: ignore[index]
        {"CUDA_VISIBLE_DEVICES": "0"},
        {"CUDA_VISIBLE_DEVICES": "GPU-5"},
    ]
    assert [spec["options"]["env"] for spec in _specifications(2, []).values()] == [{}, {}]  # type: ignore[index]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"runner": "abacus"}, "unknown choice 'abacus'"),
        ({"workers": 2}, "runner local has no workers"),
        ({"runner": "loop", "dask_address": "tcp://a:1"}, "runner loop has no workers"),
        ({"runner": "dask", "workers": 0}, "0 workers are too few"),
        ({"runner": "dask", "workers": 2, "dask_address": "tcp://a:1"}, "of an existing cluster cannot be set"),
        ({"runner": "dask", "device": "cuda:1"}, "cannot all be cuda:1"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], what: str) -> None:
    """Options of workers are refused if there are no workers, or if they contradict each other."""
    with pytest.raises(UsageError, match=what):
        Options(manifest="m", store="s", **options)


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the extra is not installed, runner dask says what to install."""
    for module in [name for name in sys.modules if name.startswith("stylize_flows.dask_runner")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"not installed: distributed .* pip install '\.\[dask\]'"):
        _fan_out(Options(manifest="m", store="s", runner="dask"))


def test_what_is_still_written_is_not_committed(tmp_path: Path) -> None:
    """Another worker may be writing its file at this moment; the file has a unique name and may vanish at any time."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "run-1.parquet.tmp-abc").write_bytes(b"half")
    assert committed(Files(str(tmp_path)), "run") == set()


def test_a_run_without_workers_says_so() -> None:
    """It warns after some seconds, then rarely, and when a worker is back; and it finally gives up."""
    clock, said = [0.0], list[tuple[float, str]]()
    absent = AbsentWorkers("tcp://a:1", lambda text: said.append((clock[0], text)), lambda: clock[0])

    def look(seconds: float, workers: int) -> None:
        clock[0] = seconds
        absent.look(workers)

    for second in range(300):
        look(second, 0)
    assert said == [(at, "waiting for workers at tcp://a:1: 0 there") for at in (10, 130, 250)]
    look(300, 2)
    look(301, 2)
    assert said[3:] == [(300, "workers are there again at tcp://a:1: 2")]
    look(302, 0)
    look(311, 0)
    look(311.5, 1)
    assert len(said) == 4  # one that was gone for only some seconds
    look(400, 0)
    with pytest.raises(WorkerLost, match="no worker was there for 30 min") as caught:
        look(400 + absent_workers.GIVE_UP_SECONDS, 0)
    assert caught.value.where == "tcp://a:1"
    assert "finished jobs are kept" in caught.value.todo


@pytest.fixture
def cluster_here() -> Iterator[LocalCluster]:
    """A cluster of one worker, in threads of this process."""
    options: dict[str, Any] = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(processes=False, silence_logs=logging.CRITICAL, **options) as cluster:
        yield cluster


@pytest.fixture
def worker_here(cluster_here: LocalCluster) -> Iterator[Client]:
    """The client of its worker."""
    with Client(cluster_here.scheduler_address, timeout=0.5, set_as_default=False) as client:
        yield client


def test_a_scheduler_that_is_gone(cluster_here: LocalCluster, worker_here: Client) -> None:
    """There is no worker while the client reconnects to the scheduler; if this fails, an error says what to do."""
    options = Options(manifest="m", store="s", runner="dask", dask_address="tcp://a:1")
    assert count_workers(worker_here, options) == 1
    cluster_here.close()

    def look_for(seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert count_workers(worker_here, options) == 0

    with pytest.raises(WorkerLost, match="the Dask scheduler does not answer any more") as caught:
        look_for(60)
    assert caught.value.where == "tcp://a:1"


@pytest.fixture
def send(engine: Any, files: Any, worker_here: Client) -> Iterator[Callable[..., int]]:
    """Computes a chunk on a worker that knows nothing of the run."""
    options = Options(manifest="m.csv", store=files.uri, weights="builtin", device="cpu")
    with Lease.acquire(files) as lease:
        ticket = RunTicket.of(RunContext(engine=engine, files=files, run="run", before_commit=lease.check))
        share = worker.MachineShare(workers=1, threads=None)

        def compute(chunk: Any) -> int:
            worker._context.cache_clear()
            work = partial(worker.compute, ticket=ticket, options=options, share=share, flight="1")
            future = worker_here.submit(work, chunk, pure=False)
            count: int = future.result()
            return count

        yield compute


def test_what_another_worker_has_committed_is_not_computed_again(
    send: Callable[..., int], plan: Callable[..., Any], manifests: Any, view: Callable[[Path], Any], tmp_path: Path
) -> None:
    """A chunk that Dask sends to a second worker continues where the first one ended, whose results are kept."""
    few, more = plan(manifests.rows(2)).chunks[0], plan(manifests.rows(3)).chunks[0]
    assert send(few) == 2
    assert send(more) == 1
    assert sorted(view(tmp_path / "store").seeds()) == ["0", "1", "2"]


def test_a_scheduler_keeps_no_topic_for_each_run(
    send: Callable[..., int], plan: Callable[..., Any], manifests: Any, cluster_here: LocalCluster
) -> None:
    """Dask never forgets a topic, so a worker's events have the same topic for all runs."""
    send(plan(manifests.rows(1)).chunks[0])
    topics = [name for name in cluster_here.scheduler._broker._topics if "stylize" in name]
    assert topics == [worker.TOPIC]


def test_an_error_names_its_worker(
    send: Callable[..., int], plan: Callable[..., Any], manifests: Any, files: Any, worker_here: Client, tmp_path: Path
) -> None:
    """If one worker cannot use the store, the error has that worker's address and machine, and its own class."""
    (chunk,) = plan(manifests.rows(1)).chunks
    (tmp_path / "store" / "store.json").write_text("{")
    with pytest.raises(StoreError) as caught:
        send(chunk)
    (address,) = worker_here.nthreads()
    assert f", worker {address} on {platform.node()}" in caught.value.where
    assert files.uri in caught.value.where
