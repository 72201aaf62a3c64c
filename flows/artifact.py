"""The share of committed jobs, as a progress bar in Prefect's interface."""

import time
from contextlib import suppress
from functools import partial
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from stylize_core.work import Work

PROGRESS_SECONDS = 5.0
"""Pause between two updates."""


class ProgressArtifact:
    """The progress bar of work that has jobs.

    Args:
        work: whose committed jobs are counted.
    """

    def __init__(self, work: Work) -> None:
        self._committed, self._jobs = work.bench.committed, work.jobs
        self._shown, self._looked = 0.0, time.monotonic()
        artifact = create_progress_artifact(progress=0.0, key="stylize-progress", description=f"Run {work.name}")
        self._update = partial(
            update_progress_artifact, artifact if isinstance(artifact, UUID) else UUID(str(artifact))
        )

    def show(self, *, at_once: bool = False) -> None:
        """Sends the share now and then, where it has changed.

        Args:
            at_once: however short a time ago it was sent.
        """
        if not at_once and time.monotonic() - self._looked < PROGRESS_SECONDS:
            return
        self._looked = time.monotonic()
        share = 100.0 * len(self._committed) / max(self._jobs, 1)
        if share != self._shown:
            with suppress(httpx.HTTPError):  # a server that is away for a while does not end the run
                self._update(progress=share)
                self._shown = share
