"""Commits finished jobs: encodes them batch by batch, publishes those of some seconds together."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from stylize_core.chunk.context import RunContext
from stylize_core.chunk.outcomes import Finished, Origin, as_expected, outcome
from stylize_core.chunk.overlap import THREADS
from stylize_core.files.files import Files
from stylize_core.job import Chunk
from stylize_core.store.commits import commit_name, publish_commit
from stylize_core.store.records import Outcome


class Committer:
    """Takes a chunk's finished batches, one call at a time.

    Args:
        files: the store.
        origin: what computed them.
        seconds: how long finished batches may wait for a commit.
        before_commit: raises if the run may no longer write; called before a commit and right before its mark.
        after_commit: called with the ids of the jobs of each commit.

    Attributes:
        count: number of jobs committed.
    """

    def __init__(
        self,
        files: Files,
        origin: Origin,
        *,
        seconds: float,
        before_commit: Callable[[], None],
        after_commit: Callable[[Iterable[str]], None],
    ) -> None:
        self.count = 0
        self._files, self._origin, self._seconds = files, origin, seconds
        self._before_commit, self._after_commit = before_commit, after_commit
        self._pending: list[Outcome] = []
        self._since = time.monotonic()

    @classmethod
    def of(cls, chunk: Chunk, context: RunContext, *, seconds: float) -> "Committer":
        """Returns the committer for a chunk of a run."""
        origin = Origin(run=context.run, attempts=chunk.attempts, engine=context.engine)
        return cls(
            context.files,
            origin,
            seconds=seconds,
            before_commit=context.before_commit,
            after_commit=context.committed.update,
        )

    def add(self, finished: list[Finished]) -> None:
        """Encodes a batch, many images at a time; commits what is pending when it is time.

        Raises:
            StoreError: the store cannot be written, or the lease is lost.
        """
        with ThreadPoolExecutor(THREADS) as pool:
            self._pending += pool.map(partial(_encoded, origin=self._origin), finished)
        if time.monotonic() - self._since >= self._seconds:
            self.commit()
            self._since = time.monotonic()

    def commit(self) -> None:
        """Commits what is pending, if anything; raises as `add` does."""
        if not self._pending:
            return
        self._before_commit()
        publish_commit(self._files, commit_name(self._origin.run), self._pending, self._before_commit)
        self._after_commit([outcome.result.job_id for outcome in self._pending])
        self.count += len(self._pending)
        self._pending = []


def _encoded(finished: Finished, origin: Origin) -> Outcome:
    """Returns what the store keeps of a job; a job that cannot be encoded fails."""
    try:
        return outcome(finished, origin)
    except Exception as problem:  # noqa: BLE001  # a job's unexpected failure becomes its record
        return outcome(replace(finished, result=as_expected(finished.job, problem)), origin)
