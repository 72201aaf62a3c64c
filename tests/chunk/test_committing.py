"""Finished jobs on their way into the store: when they are published, and what is reported."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

import stylize_core.chunk.committing
from stylize_core.chunk.committing import Committer
from stylize_core.chunk.outcomes import Finished, Origin, outcome
from stylize_core.chunk.overlap import THREADS
from stylize_core.errors import InputMissing, StoreLocked


@pytest.fixture
def finished(plan: Callable[..., Any], manifests: Any) -> list[Finished]:
    """Failed jobs, which need no engine; tests of outcomes and commits cover other jobs."""
    jobs = plan(manifests.rows(THREADS)).chunks[0].jobs
    return [Finished(job=job, result=InputMissing("gone")) for job in jobs]


@pytest.fixture
def told() -> list[str]:
    """Ids of jobs that are reported as committed."""
    return []


@pytest.fixture
def committer(finished: list[Finished], engine: Any, files: Any, told: list[str]) -> Callable[..., Committer]:
    """Makes a committer."""

    def make(seconds: float, before_commit: Callable[[], None] = lambda: None) -> Committer:
        origin = Origin(run="run", attempts={one.job.job_id: 1 for one in finished}, engine=engine)
        return Committer(files, origin, seconds=seconds, before_commit=before_commit, after_commit=told.extend)

    return make


def _seeds(store: Any) -> list[str]:
    seeds: list[str] = store.seeds("failed")
    return seeds


def test_batches_wait_for_their_time(
    committer: Callable[..., Committer], finished: list[Finished], store: Any, told: list[str]
) -> None:
    """Batches are collected for one commit until it is time, in order; nothing is reported before."""
    patient = committer(1000.0)
    patient.add(finished[:2])
    patient.add(finished[2:3])
    assert (_seeds(store), told, patient.count) == ([], [], 0)
    patient.commit()
    patient.commit()  # of nothing
    assert _seeds(store) == ["0", "1", "2"]
    assert store.lines["commit"].nunique() == 1
    assert told == [one.job.job_id for one in finished[:3]]
    assert patient.count == 3


def test_a_batch_after_its_time_is_committed_at_once(
    committer: Callable[..., Committer], finished: list[Finished], store: Any
) -> None:
    """If the last commit was long ago, a batch is committed at once."""
    at_once = committer(0.0)
    at_once.add(finished[:1])
    assert _seeds(store) == ["0"]
    at_once.add(finished[1:2])
    assert _seeds(store) == ["0", "1"]
    assert store.lines["commit"].nunique() == at_once.count == 2


def test_a_lost_lease(
    committer: Callable[..., Committer], finished: list[Finished], store: Any, told: list[str]
) -> None:
    """A writer without the lease publishes nothing, and says so."""

    def refuse() -> None:
        raise StoreLocked("lost")

    refused = committer(0.0, refuse)
    with pytest.raises(StoreLocked):
        refused.add(finished)
    assert (_seeds(store), told, refused.count) == ([], [], 0)


def test_a_lease_lost_in_mid_commit(
    committer: Callable[..., Committer], finished: list[Finished], store: Any, told: list[str]
) -> None:
    """The lease is checked again right before the mark: work of a writer that stalled meanwhile does not count."""
    looks = iter([None, StoreLocked("lost")])

    def look() -> None:
        if problem := next(looks):
            raise problem

    stalled = committer(0.0, look)
    with pytest.raises(StoreLocked):
        stalled.add(finished)
    assert (_seeds(store), told, stalled.count) == ([], [], 0)


def test_the_jobs_of_a_batch_are_encoded_at_once(
    committer: Callable[..., Committer], finished: list[Finished], store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several threads encode the images of a batch, which stay in order."""
    together = threading.Barrier(THREADS)

    def encode_together(one: Finished, origin: Origin) -> Any:
        together.wait(timeout=30)
        return outcome(one, origin)

    monkeypatch.setattr(stylize_core.chunk.committing, "outcome", encode_together)
    committer(0.0).add(finished)
    assert _seeds(store) == [str(seed) for seed in range(THREADS)]


def test_a_job_that_cannot_be_encoded_fails_alone(
    committer: Callable[..., Committer], finished: list[Finished], store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error while an image is encoded is its job's, not the run's."""

    def encode(one: Finished, origin: Origin) -> Any:
        if one.job is finished[1].job and isinstance(one.result, InputMissing):
            raise ZeroDivisionError("nobody foresaw it")
        return outcome(one, origin)

    monkeypatch.setattr(stylize_core.chunk.committing, "outcome", encode)
    committer(0.0).add(finished)
    errors = store.lines["error"]
    assert errors[1].startswith("ZeroDivisionError: nobody foresaw it")
    assert set(errors.drop(1)) == {str(finished[0].result)}
