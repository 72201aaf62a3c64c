"""The Dask cluster of a run: workers on this machine that end with it, or an existing cluster."""

import logging
import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import dask
import torch
from distributed import Client, Nanny, Scheduler, SpecCluster
from distributed.utils import get_ip
from prefect.settings import PREFECT_API_URL
from prefect_dask.task_runners import DaskTaskRunner

from stylize_core.errors import UsageError, WorkerLost
from stylize_core.options import Options
from stylize_flows.stop import sigint_blocked

DEVICE = "STYLIZE_DEVICE"
"""A Dask resource: every worker has one and every chunk takes one, so a worker computes one chunk at a time."""

LOOPBACK = "127.0.0.1"

CONNECT_SECONDS = 15.0

SETTINGS = {
    # The memory of a batch is forecast; a worker that Dask paused for its memory would wait for ever.
    **{f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause", "terminate")},
    # A dead worker is restarted, however long a busy machine takes.
    "distributed.deploy.lost-worker-timeout": "1 hour",
}


def check(options: Options) -> None:
    """Checks whether the options name a usable cluster; starts nothing.

    Raises:
        UsageError: there are fewer GPUs than workers, no scheduler answers, or it has no usable workers.
    """
    if not options.dask_address:
        _count(options, _gpus(options.device))
        return
    try:
        with Client(options.dask_address, timeout=CONNECT_SECONDS, set_as_default=False) as client:
            workers = _workers(client).values()
    except (OSError, ValueError) as error:
        what, todo = f"no Dask scheduler answers: {error}", "start `dask scheduler` there"
        raise UsageError(what, where=f"--dask-address {options.dask_address}", todo=todo) from error
    if not any(DEVICE in worker["resources"] for worker in workers):
        what = f"none of the cluster's {len(workers)} workers can take a chunk"
        todo = f'start them with: dask worker {options.dask_address} --nthreads 1 --resources "{DEVICE}=1"'
        raise UsageError(what, where=f"--dask-address {options.dask_address}", todo=todo)
    _check_server({str(worker["host"]) for worker in workers})


@contextmanager
def task_runner(options: Options) -> Iterator[DaskTaskRunner]:
    """Yields Prefect's runner on the cluster that the options name; a cluster started here ends with the block."""
    with ExitStack() as stack:
        if options.dask_address:
            runner = DaskTaskRunner(address=options.dask_address, client_kwargs={"timeout": CONNECT_SECONDS})
        else:
            runner = DaskTaskRunner(cluster=stack.enter_context(_local_cluster(options)))
        yield stack.enter_context(runner)


def most_workers_of_a_machine(client: Client) -> int:
    """Returns how many workers share the machine with the most workers."""
    return max(Counter(str(worker["host"]) for worker in _workers(client).values()).values(), default=1)


def place(options: Options) -> str:
    """Returns where the workers are, in words."""
    return options.dask_address or "this machine"


def count_workers(client: Client, options: Options) -> int:
    """Returns the number of workers; 0 while the client is trying to reach the scheduler again.

    Raises:
        WorkerLost: the scheduler, and with it the submitted work, is gone for longer than `CONNECT_SECONDS`.
    """
    try:
        return len(client.nthreads())
    except (OSError, RuntimeError) as error:
        if client.status in ("running", "connecting"):
            return 0
        what = "the Dask scheduler does not answer any more"
        todo = "start it and its workers again, then run the same command again: finished jobs are kept"
        raise WorkerLost(what, where=place(options), todo=todo) from error


def _workers(client: Client) -> dict[str, dict[str, Any]]:
    return dict(client.scheduler_info(n_workers=-1)["workers"])


def _check_server(hosts: set[str]) -> None:
    """Raises UsageError if workers on other machines cannot reach a Prefect server that listens on loopback only."""
    server = str(PREFECT_API_URL.value() or f"http://{LOOPBACK}")  # where a temporary server listens
    if urlsplit(server).hostname in (LOOPBACK, "localhost") and hosts - {LOOPBACK, get_ip()}:
        what = "workers on other machines cannot reach this Prefect server"
        raise UsageError(what, where=server, todo="start one that they can reach, and set PREFECT_API_URL to it")


@contextmanager
def _local_cluster(options: Options) -> Iterator[SpecCluster]:
    gpus = _gpus(options.device)
    workers = _specifications(_count(options, gpus), gpus)
    with dask.config.set(SETTINGS):
        # Ctrl-C is for the run; its workers end with it. The threads that start workers inherit this mask.
        with sigint_blocked():
            cluster = SpecCluster(workers, _scheduler(), silence_logs=logging.CRITICAL)
        ended_well = False
        try:
            yield cluster
            ended_well = True
        finally:
            if not ended_well:
                _kill_workers(cluster)
            cluster.close()


def _gpus(device: str) -> Sequence[str]:
    """Returns the names of this machine's GPUs as in CUDA_VISIBLE_DEVICES; none if they are not wanted."""
    count = 0 if device == "cpu" else torch.cuda.device_count()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (chosen.split(",") if chosen else [str(index) for index in range(count)])[:count]


def _count(options: Options, gpus: Sequence[str]) -> int:
    count = options.workers or len(gpus) or 1
    if gpus and count > len(gpus):
        raise UsageError(f"{count} workers, GPUs seen here: {len(gpus)}", where="--workers", todo="one per GPU at most")
    return count


def _specifications(count: int, gpus: Sequence[str]) -> dict[int, dict[str, object]]:
    """Returns the specification of each worker: a process under a nanny, with one thread and one device."""
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
    """Returns the specification of the scheduler: a chunk that loses its worker comes back to the run to be halved."""
    options = {"host": LOOPBACK, "port": 0, "dashboard": False, "dashboard_address": f"{LOOPBACK}:0"}
    return {"cls": Scheduler, "options": {**options, "allowed_failures": 0}}


def _kill_workers(cluster: SpecCluster) -> None:
    for nanny in cluster.workers.values():
        nanny.close_gracefully()  # so that it does not start another
        if nanny.pid:
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)
