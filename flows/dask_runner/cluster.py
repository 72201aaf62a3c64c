"""The Dask cluster of a run: workers on this machine that end with it, or a cluster that is there already."""

import logging
import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import dask
import torch
from distributed import Client, Nanny, Scheduler, SpecCluster
from prefect.settings import PREFECT_API_URL
from prefect_dask import DaskTaskRunner

from flows.stop import sigint_blocked
from stylize_core.errors import UsageError
from stylize_core.options import Options

DEVICE = "STYLIZE_DEVICE"
"""The resource of which every worker has one and every chunk takes one: a chunk at a time."""

LOOPBACK = "127.0.0.1"

CONNECT_SECONDS = 15.0

SETTINGS = {
    # What a batch takes is forecast; a worker that Dask paused for its size would wait for ever.
    **{f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause", "terminate")},
    # A worker that died is started again however long a busy machine takes.
    "distributed.deploy.lost-worker-timeout": "1 hour",
}


@contextmanager
def task_runner(options: Options) -> Iterator[DaskTaskRunner]:
    """Gives Prefect's runner on the cluster that the options name; one that is made here ends with the block.

    Raises:
        UsageError: there are not as many GPUs as workers, no scheduler answers, or it has no workers of use.
    """
    with ExitStack() as stack:
        if options.dask_address:
            yield _connected(options.dask_address, stack)
        else:
            cluster = stack.enter_context(_local_cluster(options))
            yield stack.enter_context(DaskTaskRunner(cluster=cluster))


def most_workers_of_a_machine(client: Client) -> int:
    """Returns how many workers share the machine that has most of them."""
    return max(Counter(worker["host"] for worker in _workers(client).values()).values(), default=1)


def _connected(address: str, stack: ExitStack) -> DaskTaskRunner:
    try:
        runner = stack.enter_context(DaskTaskRunner(address=address, client_kwargs={"timeout": CONNECT_SECONDS}))
    except (OSError, ValueError) as error:
        what = f"no Dask scheduler answers: {error}"
        raise UsageError(what, where=f"--dask-address {address}", todo="start `dask scheduler` there") from error
    workers = _workers(runner.client).values()
    if not any(DEVICE in worker["resources"] for worker in workers):
        what = f"none of the cluster's {len(workers)} workers can take a chunk"
        todo = f'start them with: dask worker {address} --nthreads 1 --memory-limit 0 --resources "{DEVICE}=1"'
        raise UsageError(what, where=f"--dask-address {address}", todo=todo)
    _check_server({worker["host"] for worker in workers})
    return runner


def _workers(client: Client) -> dict[str, dict[str, object]]:
    return dict(client.scheduler_info(n_workers=-1)["workers"])


def _check_server(hosts: set[str]) -> None:
    """Raises UsageError where workers of other machines are to report to a Prefect server that listens to this one."""
    server = urlsplit(str(PREFECT_API_URL.value())).hostname
    if server in (LOOPBACK, "localhost") and hosts - {LOOPBACK}:
        what = "workers on other machines cannot reach this Prefect server"
        raise UsageError(what, where=f"PREFECT_API_URL {PREFECT_API_URL.value()}", todo="use a server they can reach")


@contextmanager
def _local_cluster(options: Options) -> Iterator[SpecCluster]:
    gpus = _gpus(options.device)
    count = options.workers or len(gpus) or 1
    if gpus and count > len(gpus):
        raise UsageError(f"{count} workers, GPUs seen here: {len(gpus)}", where="--workers", todo="one per GPU at most")
    # Ctrl-C is for the run, and its workers end with it: the threads that start them, now and later, inherit the mask.
    with dask.config.set(SETTINGS), sigint_blocked():
        cluster = SpecCluster(_specifications(count, gpus), _scheduler(), silence_logs=logging.CRITICAL)
    ended_well = False
    try:
        yield cluster
        ended_well = True
    finally:
        if not ended_well:
            _kill_workers(cluster)
        cluster.close()


def _gpus(device: str) -> Sequence[str]:
    """Returns the names of this machine's GPUs as CUDA_VISIBLE_DEVICES has them; none where they are not wanted."""
    count = 0 if device == "cpu" else torch.cuda.device_count()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (chosen.split(",") if chosen else [str(index) for index in range(count)])[:count]


def _specifications(count: int, gpus: Sequence[str]) -> dict[int, dict[str, object]]:
    """Returns what makes each worker: a process under a nanny's eyes, one thread, one device."""
    options = {
        "host": LOOPBACK,
        "nthreads": 1,
        "resources": {DEVICE: 1},
        "memory_limit": 0,
        "dashboard": False,
        "dashboard_address": f"{LOOPBACK}:0",
        "silence_logs": logging.CRITICAL,
    }
    environments = [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus] or [{}] * count
    return {
        number: {"cls": Nanny, "options": {**options, "env": environment}}
        for number, environment in enumerate(environments[:count])
    }


def _scheduler() -> dict[str, object]:
    """Returns what makes the scheduler: a chunk that loses its worker comes back here, to be halved."""
    options = {"host": LOOPBACK, "port": 0, "dashboard": False, "dashboard_address": f"{LOOPBACK}:0"}
    return {"cls": Scheduler, "options": {**options, "allowed_failures": 0}}


def _kill_workers(cluster: SpecCluster) -> None:
    for nanny in cluster.workers.values():
        nanny.close_gracefully()  # from now on it starts no other
        if nanny.pid:
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)
