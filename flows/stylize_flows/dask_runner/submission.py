"""A piece of work that was sent to a worker, as the run sees it."""

import time
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
from distributed import KilledWorker
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.states import Crashed
from prefect_dask.task_runners import PrefectDaskFuture

from stylize_flows.dask_runner.lost_workers import ChunkPart

MARGIN_SECONDS = 60.0
"""Time that a chunk may spend on reading, committing and the like without a sign of life."""


@dataclass(slots=True, kw_only=True)
class Submission:
    """A submitted piece.

    Attributes:
        piece: what to compute.
        future: of its task.
        worker: address of the worker that has begun it; empty while it waits.
        jobs: of its largest batch; 0 until the worker is ready to compute.
        heard: when the worker last gave a sign of life, by this process's monotonic clock.
        hung: whether the worker gave none for too long and was killed.
    """

    piece: ChunkPart
    future: PrefectDaskFuture[Any]
    worker: str = ""
    jobs: int = 0
    heard: float = 0.0
    hung: bool = False

    @property
    def is_back(self) -> bool:
        """Whether it has ended, or its worker is gone."""
        return bool(self.future.wrapped_future.done())

    def hear(self, message: dict[str, Any]) -> None:
        """Handles a message of its worker."""
        self.heard = time.monotonic()
        self.worker = message.get("worker", self.worker)
        self.jobs = message.get("jobs", self.jobs)

    def is_silent(self, job_timeout: float) -> bool:
        """Returns whether its worker gives no sign of life for longer than a batch may take.

        Args:
            job_timeout: seconds that a job may be computed.
        """
        limit = job_timeout * self.jobs + MARGIN_SECONDS
        return bool(self.jobs) and not self.hung and time.monotonic() - self.heard > limit

    def state(self) -> State[Any] | None:
        """Returns the final state of its task; None if its worker is gone."""
        try:
            state: State[Any] = self.future.wrapped_future.result()
        except KilledWorker:
            return None
        except CancelledError:  # the connection to the scheduler was lost for a moment: no worker is at fault
            self.worker = ""
            return None
        return state

    def mark_crashed(self) -> None:
        """Gives its task a final state: a worker that died did not report one to the server."""
        # Neither the server nor the future (whose `state` asks the server) has one: the task would be Running for ever.
        state: State[Any] = Crashed(message="its worker hung and was killed" if self.hung else "its worker died")
        with suppress(httpx.HTTPError, PrefectException), get_client(sync_client=True) as client:
            client.set_task_run_state(self.future.task_run_id, state, force=True)
