"""Publishes finished jobs: first the files of a job, last the line that makes it count."""

import hashlib
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pyarrow as pa

from stylize_core.errors import OutputRefused
from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.records import METRICS, Outcome, results_table
from stylize_core.store.tables import publish_table

_THREADS = 8  # waiting for disk syncs dominates: 8 threads write five times as many files per second as one


def commit_name(run: str) -> str:
    """Returns a new name: sorts by time within a run, and is unique among all workers."""
    return f"{run}-{time.time_ns():019d}-{secrets.token_hex(4)}"


def publish_commit(
    files: Files, commit: str, outcomes: list[Outcome], check: Callable[[], None] = lambda: None
) -> None:
    """Publishes finished jobs together: none of them counts until the results file exists.

    An interruption leaves only files without a mark, which `sweep` deletes.

    Args:
        files: of the store.
        commit: a name from `commit_name`.
        outcomes: the jobs; their results' `commit`, `image`, `image_sha256` and `bytes` are filled in.
        check: raises if the lease is lost; called right before the mark, because publishing may have stalled.

    Raises:
        StoreLocked: by `check`.
        StoreFull: there is no space left.
        StoreUnusable: the store cannot be written.
    """
    publish_pictures(files, outcomes)
    for outcome in outcomes:
        _describe(outcome, commit)
    metrics = [outcome.metrics for outcome in outcomes if outcome.metrics is not None]
    if metrics:  # joined with an empty table, so that a different schema is refused
        publish_table(files, layout.metrics(commit), pa.concat_tables([METRICS.empty_table(), *metrics]))
    check()
    publish_table(files, layout.results(commit), results_table([outcome.result for outcome in outcomes]))
    files.delete(path for outcome in outcomes for path in _superseded(outcome))


def publish_pictures(files: Files, outcomes: list[Outcome]) -> None:
    """Publishes images and snapshots; raises as `publish_commit` does."""
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(partial(_publish_pictures, files), outcomes))


def _publish_pictures(files: Files, outcome: Outcome) -> None:
    """Publishes the pictures of a job; the job fails if the store refuses one.

    A store that accepts nothing at all also refuses the mark, which ends the commit.
    """
    job_id = outcome.result.job_id
    try:
        for step, snapshot in outcome.snapshots.items():
            files.publish(layout.snapshot(job_id, step), snapshot)
        if outcome.image is not None:
            files.publish(_image_path(outcome), outcome.image)
    except OutputRefused as error:
        outcome.refuse(error)


def _image_path(outcome: Outcome) -> str:
    result = outcome.result
    failed_attempt = result.attempt if result.status == "failed" else None
    return layout.image(result.job_id, outcome.format, failed_attempt=failed_attempt)


def _superseded(outcome: Outcome) -> list[str]:
    """Returns where earlier attempts may have left an image; these no longer count."""
    job_id, attempt = outcome.result.job_id, outcome.result.attempt
    return [layout.image(job_id, outcome.format, failed_attempt=earlier) for earlier in range(1, attempt)]


def _describe(outcome: Outcome, commit: str) -> None:
    result = outcome.result
    result.commit = commit
    if outcome.image is not None:
        result.image = _image_path(outcome)
        result.image_sha256 = hashlib.sha256(outcome.image).hexdigest()
        result.bytes = len(outcome.image)
