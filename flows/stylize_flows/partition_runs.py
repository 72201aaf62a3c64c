"""Partitions, for more chunks than one flow run can take: each is a flow run of its own under the run's lease.

If a deployment made the run and has room for more flow runs, it also makes those of the partitions, each in its own
process, on the machine of whichever worker takes it. Otherwise, and if an input's URL contains credentials, which must
not be in the store, partitions are flow runs in this process, one after another. The store records what is done.
"""

import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State

from stylize_core.chunk.context import Progress
from stylize_core.errors import PartitionLost, Stopped, StoreError
from stylize_core.plan.chunks import Chunks
from stylize_core.run.partition import publish_partition
from stylize_core.run.run import Run
from stylize_core.store import layout
from stylize_core.store.following import CommitFollower
from stylize_flows.artifact import ProgressArtifact
from stylize_flows.deployment import Deployment, cancel, state_of
from stylize_flows.local_partition import compute_partition
from stylize_flows.runners import Compute, FanOut
from stylize_flows.stop import StopFlag

ATTEMPTS = 3
"""Most flow runs for one partition: if one is killed, another is made."""

START_SECONDS = 90.0
"""Time for a worker to take a flow run; after that, this process computes the rest."""

END_SECONDS = 30.0
"""Time for a flow run to end after the last of its jobs is committed."""

LOOK_SECONDS = 2.0
"""Pause between two checks of the flow runs and of what they committed."""

OUTAGE_SECONDS = 60.0
"""Longest outage of the store while partitions are out; they also retry by themselves."""

RECALL_SECONDS = 2.0
"""Time for stopped partitions to commit what they have finished."""


@dataclass(slots=True, kw_only=True)
class Part:
    """A partition and its progress.

    Attributes:
        number: from 1.
        chunks: of the partition.
        attempts: flow runs made for it.
        flow_run: the last of them.
        asked: when it was requested, by this process's monotonic clock.
        done: number of chunks, from the first one, that are known to be committed.
        seen_done: when all of them were, by the same clock.
    """

    number: int
    chunks: Chunks
    attempts: int = 0
    flow_run: UUID | None = None
    asked: float = 0.0
    done: int = 0
    seen_done: float = 0.0


def in_partitions(fan_out: FanOut) -> Compute:
    """Returns a function that computes the chunks of a run, in partitions if there are too many for one flow run."""

    def compute(run: Run, stop: StopFlag) -> None:
        if len(run.chunks) <= run.options.chunks_per_flow_run:
            fan_out(run.work, stop)
        else:
            _Partitions(run, stop, fan_out).go()

    return compute


class _Partitions:
    def __init__(self, run: Run, stop: StopFlag, fan_out: FanOut) -> None:
        self.run, self.stop, self.fan_out = run, stop, fan_out
        parts = run.chunks.parts(run.options.chunks_per_flow_run)
        self.count = len(parts)
        self.waiting = deque(Part(number=number, chunks=part) for number, part in enumerate(parts, 1))
        self.out: list[Part] = []
        self.lost: list[str] = []
        self.committed = run.context.committed
        self.follower = CommitFollower(run.context.files, run.name)
        self.progress = ProgressArtifact(run.work)
        self.looked = time.monotonic()

    def go(self) -> None:
        """Computes all partitions.

        Raises:
            Stopped: by a signal; what was finished is committed.
            PartitionLost: some partitions are not done because their flow runs ended; all others are done.
            StoreError: the store cannot be written, or the lease is lost.
        """
        deployment = self._deployment()
        if deployment:
            try:
                self._go_out(deployment)
            finally:
                self._recall()
        while self.waiting:
            part = self.waiting.popleft()
            compute_partition(self.run, part.chunks, part.number, self.count, self.fan_out, self.stop)
            self.progress.show()
        self.progress.show(at_once=True)
        if self.lost:
            raise PartitionLost("; ".join(self.lost))

    def _deployment(self) -> Deployment | None:
        """Returns the deployment that will make the partitions' flow runs; None if there is none that can."""
        assert self.run.plan, "a prepared run has a plan"
        if self.run.plan.rows.has_secrets:
            return None
        deployment = Deployment.of_this_flow_run()
        return None if deployment is None or deployment.room == 0 else deployment

    def _go_out(self, deployment: Deployment) -> None:
        """Starts partitions until all have ended, or until no worker takes them any more."""
        self.run.context.engine.forget_networks()  # the plan's probe loaded one; the partitions have their own
        at_once = min(self.run.options.partitions_at_once, deployment.room or self.count)
        has_place = True
        while self.out or (self.waiting and has_place):
            if self.stop.wait(LOOK_SECONDS):
                raise Stopped("the run was stopped")
            try:
                if self.waiting and has_place and len(self.out) < at_once:
                    self._send(self.waiting[0], deployment)
                self.run.context.before_commit()
                has_place &= self._look()
                self.looked = time.monotonic()
            except StoreError as error:
                if not error.retryable or time.monotonic() - self.looked > OUTAGE_SECONDS:
                    raise

    def _send(self, part: Part, deployment: Deployment) -> None:
        """Requests a flow run for the first waiting partition; if no server answers, the partition keeps waiting."""
        ticket = publish_partition(self.run.context, part.number, part.chunks.without(self.committed))
        partition = {"number": part.number, **asdict(ticket)}
        part.flow_run = deployment.start({**asdict(self.run.work.options), "partition": partition})
        if part.flow_run:
            part.attempts, part.asked = part.attempts + 1, time.monotonic()
            self.out.append(self.waiting.popleft())

    def _look(self) -> bool:
        """Handles flow runs that have ended; returns whether workers still take flow runs."""
        states = {part.number: state_of(part.flow_run) for part in self.out if part.flow_run}
        self._follow()  # reads what was committed before these states
        for part in list(self.out):
            state, now = states[part.number], time.monotonic()
            is_final = state is not None and state.is_final()
            if self._is_done(part):
                part.seen_done = part.seen_done or now
                if is_final or now - part.seen_done > END_SECONDS:
                    self._take_back(part)
            elif state is not None and is_final:
                self._take_back(part)
                self._again(part, state)
            elif state is not None and state.is_scheduled() and now - part.asked > START_SECONDS:
                self._take_back(part)
                self.waiting.appendleft(part)
                return False
        return True

    def _again(self, part: Part, state: State[Any]) -> None:
        """Queues a partition again after its flow run ended too early."""
        if part.attempts < ATTEMPTS and not state.is_cancelled():
            self.waiting.append(part)
        else:
            self.lost.append(f"partition {part.number} is not done, its flow run is {state.name}: {state.message}")

    def _take_back(self, part: Part) -> None:
        """Takes a partition from its flow run, which is cancelled if it has not ended."""
        self.out.remove(part)
        assert part.flow_run, "it was started"
        state = state_of(part.flow_run)
        if state is None or not state.is_final():
            cancel(part.flow_run)
        self.run.context.files.delete([layout.partition(self.run.name, part.number)])

    def _recall(self) -> None:
        """Cancels all running partitions, and waits a moment for what they have finished."""
        for part in self.out:
            if part.flow_run:
                cancel(part.flow_run)
        deadline = time.monotonic() + RECALL_SECONDS
        while self.out and time.monotonic() < deadline:
            time.sleep(RECALL_SECONDS / 10)
            states = [state_of(part.flow_run) for part in self.out if part.flow_run]
            if all(state is not None and state.is_final() for state in states):
                break

    def _follow(self) -> None:
        """Reads what the partitions have committed."""
        news = self.follower.look()
        self.committed.update(news)
        if news:
            failed = tuple(job_id for job_id, status in news.items() if status == "failed")
            self.run.context.on_progress(Progress(finished=tuple(news), failed=failed))
        self.progress.show()

    def _is_done(self, part: Part) -> bool:
        """Returns whether all of a partition is committed; checks no chunk again once it is."""
        while part.done < len(part.chunks):
            if not self.committed.issuperset(part.chunks.job_ids(part.done)):
                return False
            part.done += 1
        return True
