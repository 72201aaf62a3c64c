"""The Dask cluster of a run: workers on this machine that end with it, or a cluster that is there already."""

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
"""The resource of which every worker has one and every chunk takes one: a chunk at a time."""

LOOPBACK = "127.0.0.1"

CONNECT_SECONDS = 15.0

SETTINGS = {
    # What a batch takes is forecast; a worker that Dask paused for its size would wait for ever.
    **{f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause", "terminate")},
    # A worker that died is started again however long a busy machine takes.
    "distributed.deploy.lost-worker-timeout": "1 hour",
}


def check(options: Options) -> None:
    """Looks whether the options name a cluster that can be used; starts nothing.

    Raises:
        UsageError: there are not as many GPUs as workers, no scheduler answers, or it has no workers of use.
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
    """Gives Prefect's runner on the cluster that the options name; one that is made here ends with the block."""
    with ExitStack() as stack:
        if options.dask_address:
            runner = DaskTaskRunner(address=options.dask_address, client_kwargs={"timeout": CONNECT_SECONDS})
        else:
            runner = DaskTaskRunner(cluster=stack.enter_context(_local_cluster(options)))
        yield stack.enter_context(runner)


def most_workers_of_a_machine(client: Client) -> int:
    """Returns how many workers share the machine that has most of them."""
    return max(Counter(str(worker["host"]) for worker in _workers(client).values()).values(), default=1)


def place(options: Options) -> str:
    """Returns where the workers are, in words."""
    return options.dask_address or "this machine"


def count_workers(client: Client, options: Options) -> int:
    """Returns how many workers are there; none while the client tries to reach the scheduler again.

    Raises:
        WorkerLost: the scheduler is gone for longer than `CONNECT_SECONDS`, and what was sent there with it.
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
    """Raises UsageError where workers of other machines are to report to a Prefect server that listens to this one."""
    server = str(PREFECT_API_URL.value() or f"http://{LOOPBACK}")  # the temporary one listens there
    if urlsplit(server).hostname in (LOOPBACK, "localhost") and hosts - {LOOPBACK, get_ip()}:
        what = "workers on other machines cannot reach this Prefect server"
        raise UsageError(what, where=server, todo="start one that they can reach, and set PREFECT_API_URL to it")


@contextmanager
def _local_cluster(options: Options) -> Iterator[SpecCluster]:
    gpus = _gpus(options.device)
    workers = _specifications(_count(options, gpus), gpus)
    with dask.config.set(SETTINGS):
        # Ctrl-C is for the run, and its workers end with it: the threads that start them, now and later, inherit this.
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
    """Returns the names of this machine's GPUs as CUDA_VISIBLE_DEVICES has them; none where they are not wanted."""
    count = 0 if device == "cpu" else torch.cuda.device_count()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (chosen.split(",") if chosen else [str(index) for index in range(count)])[:count]


def _count(options: Options, gpus: Sequence[str]) -> int:
    count = options.workers or len(gpus) or 1
    if gpus and count > len(gpus):
        raise UsageError(f"{count} workers, GPUs seen here: {len(gpus)}", where="--workers", todo="one per GPU at most")
    return count


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
