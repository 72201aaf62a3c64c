"""Sends chunks to the workers of a Dask cluster; a chunk that loses its worker is split and sent again."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any

import torch
from dask.base import annotate
from distributed import Client
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_dask.task_runners import DaskTaskRunner

from stylize_core.chunk.committing import Committer
from stylize_core.chunk.context import Progress
from stylize_core.chunk.outcomes import Finished
from stylize_core.errors import JobTimeout, Stopped, StylizeError
from stylize_core.job import Chunk
from stylize_core.options import Options
from stylize_core.run.ticket import RunTicket
from stylize_core.run.work import Work
from stylize_flows import tasks
from stylize_flows.artifact import ProgressArtifact
from stylize_flows.console import show_note
from stylize_flows.dask_runner.absent_workers import AbsentWorkers
from stylize_flows.dask_runner.cluster import DEVICE, count_workers, most_workers_of_a_machine, place, task_runner
from stylize_flows.dask_runner.lost_workers import ChunkPart, committed
from stylize_flows.dask_runner.submission import Submission
from stylize_flows.dask_runner.worker import TOPIC, MachineShare, compute, kill
from stylize_flows.dask_runner.worker import stop as stop_worker
from stylize_flows.stop import StopFlag
from stylize_flows.tasks import Sealed

IN_FLIGHT = 2
"""Submitted chunks per worker: one running and one waiting."""

LOOK_SECONDS = 0.1
"""Pause between two checks for finished chunks."""

RECALL_SECONDS = 2.0
"""Time for stopped chunks to commit what they have finished."""


def fan_out(work: Work, stop: StopFlag) -> None:
    """Computes chunks on a Dask cluster.

    Raises:
        UsageError: the cluster or its workers cannot be used.
        Stopped: by a signal; what was finished is committed.
        StoreError: the store cannot be written, or the lease is lost.
        WorkerLost: there was no worker for a long time, or the scheduler is gone.
    """
    if not work.chunks:
        return
    work.context.engine.forget_networks()  # the plan's probe loaded one; the workers have their own
    with _one_server(), task_runner(work.options) as runner:
        _FanOut(work, stop, runner).go()


@contextmanager
def _one_server() -> Iterator[None]:
    """Lets the workers report to this process's Prefect server; otherwise each would start its own."""
    with get_client(sync_client=True) as client, temporary_settings({PREFECT_API_URL: str(client.api_url)}):
        yield


class _FanOut:
    def __init__(self, work: Work, stop: StopFlag, runner: DaskTaskRunner) -> None:
        self.work, self.stop, self.runner = work, stop, runner
        self.client: Client = runner.client
        self.ticket = RunTicket.of(work.context)
        self.share = _share(work.options, self.client)
        self.pieces = (ChunkPart(chunk=chunk) for chunk in work.chunks)
        self.returned: deque[ChunkPart] = deque()
        self.flights: dict[str, Submission] = {}
        self.numbers = count(1)
        self.told: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.client.subscribe_topic(TOPIC, self._hear)  # type: ignore[no-untyped-call]
        self.progress = ProgressArtifact(work)
        self.absent = AbsentWorkers(place(work.options), self._say)

    def _say(self, text: str) -> None:
        show_note(text)
        self.work.log.append(text)

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        self.told.put(event[1])

    def go(self) -> None:
        try:
            while self._send():
                if self.stop.wait(LOOK_SECONDS):
                    raise Stopped("the run was stopped")
                self._settle()
                self._end_hung()
                self.progress.show()
        finally:
            self._recall()
        self.progress.show(at_once=True)

    def _send(self) -> bool:
        """Sends pieces as long as there is room; returns whether any are in flight."""
        workers = count_workers(self.client, self.work.options)
        self.absent.look(workers)
        room = IN_FLIGHT * max(1, workers) - len(self.flights)
        for _ in range(room):
            piece = self.returned.popleft() if self.returned else next(self.pieces, None)
            if piece is None:
                break
            name = f"{self.ticket.run} {next(self.numbers)}"
            work = partial(compute, ticket=self.ticket, options=self.work.options, share=self.share, flight=name)
            with annotate(resources={DEVICE: 1}):
                future = self.runner.submit(
                    tasks.stylise_chunk, {"chunk": Sealed(piece.chunk), "compute": Sealed(work)}
                )
            self.flights[name] = Submission(piece=piece, future=future)
        return bool(self.flights)

    def _settle(self) -> None:
        """Handles finished pieces; raises the error of a chunk that failed for good."""
        back = [name for name, flight in self.flights.items() if flight.is_back]
        self._listen()  # a dead worker's last messages have arrived by now
        for name in back:
            flight = self.flights.pop(name)
            state = flight.state()
            if state is None:
                self._lost(flight)
                continue
            if state.is_cancelled():
                raise Stopped("the run was stopped")
            state.result()
            self.work.context.committed.update(job.job_id for job in flight.piece.chunk.jobs)

    def _listen(self) -> None:
        """Handles the workers' messages."""
        with suppress(Empty):
            while True:
                message = self.told.get_nowait()
                flight = self.flights.get(message["flight"])
                if flight is None:
                    continue
                flight.hear(message)
                self.work.log.extend(message.get("log", []))
                if finished := tuple(message.get("finished", ())):
                    self.work.context.on_progress(Progress(finished=finished, failed=tuple(message["failed"])))

    def _lost(self, flight: Submission) -> None:
        """Sends what is left of a piece whose worker is gone, or gives up the job at fault."""
        count_workers(self.client, self.work.options)  # raises if all went with the scheduler: no job is at fault
        flight.mark_crashed()
        done = committed(self.work.context.files, self.ticket.run)
        self.work.context.committed |= done
        for piece in flight.piece.after_loss(done, is_begun=bool(flight.worker)):
            error = _timed_out(self.work) if flight.hung and piece.deaths else piece.error
            if error:
                self._give_up(piece.chunk, error)
            else:
                self.returned.append(piece)

    def _give_up(self, chunk: Chunk, error: StylizeError) -> None:
        """Commits a job as failed."""
        context, (job,) = self.work.context, chunk.jobs
        committer = Committer.of(chunk, context, seconds=0.0)
        committer.add([Finished(job=job, result=error)])
        committer.commit()
        context.on_progress(Progress(finished=(job.job_id,), failed=(job.job_id,)))

    def _end_hung(self) -> None:
        """Kills workers that were silent for longer than their batch may take."""
        if not (limit := self.work.context.job_timeout):
            return
        for flight in self.flights.values():
            if flight.is_silent(limit):
                flight.hung = True
                self.client.run(kill, workers=[flight.worker], nanny=True, on_error="ignore")

    def _recall(self) -> None:
        """Tells busy workers to stop, and waits a moment for what they have finished."""
        for flight in self.flights.values():
            if not flight.worker:
                flight.future.wrapped_future.cancel()
        if self.flights:
            with suppress(OSError):  # the scheduler is gone; its workers end without it
                self.client.run(stop_worker, self.ticket.run, on_error="ignore")
        deadline = time.monotonic() + RECALL_SECONDS
        while time.monotonic() < deadline and not all(flight.is_back for flight in self.flights.values()):
            time.sleep(LOOK_SECONDS)


def _share(options: Options, client: Client) -> MachineShare:
    workers = most_workers_of_a_machine(client)
    return MachineShare(workers, None if options.dask_address else max(1, torch.get_num_threads() // workers))


def _timed_out(work: Work) -> JobTimeout:
    return JobTimeout(
        f"the job took longer than {work.context.job_timeout:g} s, and its worker did not answer any more"
    )
