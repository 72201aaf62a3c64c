"""Chunks go out to the workers of a Dask cluster; what comes back without its worker is cut smaller and goes again."""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any

import httpx
import torch
from dask.base import annotate
from distributed import Client, KilledWorker
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Crashed
from prefect_dask.task_runners import DaskTaskRunner, PrefectDaskFuture

from stylize_core.chunk.committing import Committer
from stylize_core.chunk.context import Progress
from stylize_core.chunk.outcomes import Finished, Origin
from stylize_core.errors import JobTimeout, Stopped, StylizeError
from stylize_core.job import Chunk
from stylize_core.run.work import Work
from stylize_core.store.holder import newest_holder
from stylize_flows import tasks
from stylize_flows.artifact import ProgressArtifact
from stylize_flows.dask_runner.cluster import DEVICE, most_workers_of_a_machine, task_runner
from stylize_flows.dask_runner.lost_workers import ChunkPart, committed
from stylize_flows.dask_runner.worker import RunTicket, compute, kill, release
from stylize_flows.dask_runner.worker import stop as stop_worker
from stylize_flows.stop import StopFlag
from stylize_flows.tasks import Sealed

IN_FLIGHT = 2
"""Chunks per worker that are submitted: one that is computed and one that waits."""

LOOK_SECONDS = 0.1
"""Pause between two looks at what has come back."""

MARGIN_SECONDS = 60.0
"""What a chunk may do beside computing, such as reading and committing, without a sign of life."""

RECALL_SECONDS = 2.0
"""Time for chunks that are to stop to commit what they have finished."""


@dataclass(slots=True, kw_only=True)
class Submission:
    """A piece on its way.

    Attributes:
        piece: what is to be computed.
        future: of its task.
        worker: address of the worker that has begun it, empty as long as it waits.
        jobs: of its largest batch; 0 as long as the worker is not ready to compute.
        heard: when the worker last gave a sign of life, by this process's monotonic clock.
        hung: the worker gave none for too long, and was killed.
    """

    piece: ChunkPart
    future: PrefectDaskFuture[Any]
    worker: str = ""
    jobs: int = 0
    heard: float = 0.0
    hung: bool = False


def fan_out(work: Work, stop: StopFlag) -> None:
    """Computes chunks on a Dask cluster.

    Raises:
        UsageError: there is no such cluster, or its workers cannot be used.
        Stopped: by a signal; what was finished is committed.
        StoreError: the store cannot be written, or the lease is lost.
    """
    if not work.chunks:
        return
    work.context.engine.forget_networks()  # the plan's probe made one; the workers have their own
    with _one_server(), task_runner(work.options) as runner:
        _FanOut(work, stop, runner).go()


@contextmanager
def _one_server() -> Iterator[None]:
    """Has the workers report to this process's Prefect server; else each would start one of its own."""
    with get_client(sync_client=True) as client, temporary_settings({PREFECT_API_URL: str(client.api_url)}):
        yield


class _FanOut:
    def __init__(self, work: Work, stop: StopFlag, runner: DaskTaskRunner) -> None:
        self.work, self.stop, self.runner = work, stop, runner
        self.client: Client = runner.client
        self.post = _post(work, self.client)
        self.pieces = (ChunkPart(chunk=chunk) for chunk in work.chunks)
        self.returned: deque[ChunkPart] = deque()
        self.flights: dict[str, Submission] = {}
        self.numbers = count(1)
        self.told: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.client.subscribe_topic(self.post.topic, self._hear)  # type: ignore[no-untyped-call]
        self.progress = ProgressArtifact(work)

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
        """Sends pieces as long as there is room; returns whether any are on their way."""
        room = IN_FLIGHT * max(1, len(self.client.nthreads())) - len(self.flights)
        for _ in range(room):
            piece = self.returned.popleft() if self.returned else next(self.pieces, None)
            if piece is None:
                break
            name = str(next(self.numbers))
            work = partial(compute, post=self.post, flight=name)
            with annotate(resources={DEVICE: 1}):
                future = self.runner.submit(
                    tasks.stylise_chunk, {"chunk": Sealed(piece.chunk), "compute": Sealed(work)}
                )
            self.flights[name] = Submission(piece=piece, future=future)
        return bool(self.flights)

    def _settle(self) -> None:
        """Takes in what has come back; raises what made a chunk fail for good."""
        back = [name for name, flight in self.flights.items() if flight.future.wrapped_future.done()]
        self._listen()  # what a worker told before it died has arrived by now
        for name in back:
            flight = self.flights.pop(name)
            state = _state(flight.future)
            if state is None:
                self._lost(flight)
                continue
            if state.is_cancelled():
                raise Stopped("the run was stopped")
            state.result()
            self.work.context.committed.update(job.job_id for job in flight.piece.chunk.jobs)

    def _listen(self) -> None:
        """Takes in what the workers told."""
        with suppress(Empty):
            while True:
                message = self.told.get_nowait()
                flight = self.flights.get(message["flight"])
                if flight is None:
                    continue
                flight.heard = time.monotonic()
                flight.worker = message.get("worker", flight.worker)
                flight.jobs = message.get("jobs", flight.jobs)
                self.work.log.extend(message.get("log", []))
                if finished := tuple(message.get("finished", ())):
                    self.work.context.on_progress(Progress(finished=finished, failed=tuple(message["failed"])))

    def _lost(self, flight: Submission) -> None:
        """Sends what is left of a piece whose worker is gone, or gives up the job that is to blame."""
        self._mark_crashed(flight)
        done = committed(self.work.context.files, self.work.name)
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
        origin = Origin(run=context.run, attempts=chunk.attempts, engine=context.engine)
        committer = Committer(
            context.files,
            origin,
            seconds=0.0,
            before_commit=context.before_commit,
            after_commit=context.committed.update,
        )
        committer.add([Finished(job=job, result=error)])
        committer.commit()
        context.on_progress(Progress(finished=(job.job_id,), failed=(job.job_id,)))

    def _mark_crashed(self, flight: Submission) -> None:
        # The state of a task is told to the server by its worker. Of one that died there is none, neither in the
        # future (whose `state` asks the server) nor there, where the task would be Running for ever.
        with suppress(httpx.HTTPError, PrefectException), get_client(sync_client=True) as client:
            crashed: State[Any] = Crashed(
                message="its worker hung and was killed" if flight.hung else "its worker died"
            )
            client.set_task_run_state(flight.future.task_run_id, crashed, force=True)

    def _end_hung(self) -> None:
        """Kills workers that are silent for longer than their batch may take."""
        if not (limit := self.work.context.job_timeout):
            return
        for flight in self.flights.values():
            silence = time.monotonic() - flight.heard
            if flight.jobs and not flight.hung and silence > limit * flight.jobs + MARGIN_SECONDS:
                flight.hung = True
                self.client.run(kill, workers=[flight.worker], nanny=True, on_error="ignore")

    def _recall(self) -> None:
        """Tells the workers to stop, where they compute something, and waits a moment for what they have finished."""
        for flight in self.flights.values():
            if not flight.worker:
                flight.future.wrapped_future.cancel()
        if self.flights:
            self.client.run(stop_worker, self.work.name, on_error="ignore")
        deadline = time.monotonic() + RECALL_SECONDS
        while time.monotonic() < deadline and not all(f.future.wrapped_future.done() for f in self.flights.values()):
            time.sleep(LOOK_SECONDS)


def _post(work: Work, client: Client) -> RunTicket:
    options, engine, context = work.options, work.context.engine, work.context
    context.before_commit()
    holder = newest_holder(context.files)
    assert holder, "a run holds the lease"
    share = most_workers_of_a_machine(client)
    return RunTicket(
        run=work.name,
        store=context.files.uri,
        lease=holder,
        weights=options.weights,
        weights_sha256=engine.weights.sha256,
        device=options.device,
        precision=engine.precision,
        release=release(),
        threads=None if options.dask_address else max(1, torch.get_num_threads() // share),
        share=share,
        job_timeout=context.job_timeout,
    )


def _state(future: PrefectDaskFuture[Any]) -> State[Any] | None:
    """Returns the state in which a task has ended; None where its worker is gone."""
    try:
        state: State[Any] = future.wrapped_future.result()
    except (KilledWorker, CancelledError):
        return None
    return state


def _timed_out(work: Work) -> JobTimeout:
    return JobTimeout(
        f"the job took longer than {work.context.job_timeout:g} s, and its worker did not answer any more"
    )
