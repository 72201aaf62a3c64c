"""Decides the action for every row of a manifest, batch by batch, so that memory does not grow with the rows."""

import gc
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from stylize_core.engine.weights import Weights
from stylize_core.errors import RowError, StylizeError
from stylize_core.job import Job
from stylize_core.manifest.manifest import Manifest, RejectedRow
from stylize_core.manifest.row import Row
from stylize_core.plan.history import History, packed
from stylize_core.plan.input_scan import InputScan
from stylize_core.plan.jobs import Inputs, JobMaker
from stylize_core.plan.plan_table import PlannedRows, PlanRow
from stylize_core.store.fingerprints import Fingerprints

BATCH_ROWS = 5000

REMEMBER_AFTER = 100_000
"""New files after which fingerprints are saved, so that a killed plan resumes from there."""

TOLD_ROWS = 100_000

_log = logging.getLogger(__name__)

Made = tuple[Job, str]
"""A job and its compute graph."""

T = TypeVar("T")


def plan_rows(
    manifest: Manifest,
    *,
    fingerprints: Fingerprints,
    history: History,
    weights: Weights,
    precision: str,
    retry_failed: str = "transient",
    remember: Callable[[], None] = lambda: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> PlannedRows:
    """Returns every row with its action.

    Args:
        manifest: the rows.
        fingerprints: the known inputs; new ones are added.
        history: of the store.
        weights: of the network.
        precision: resolved.
        retry_failed: which failed jobs run again: none, transient or all.
        remember: called after every `REMEMBER_AFTER` new fingerprints.
        should_stop: called several times per batch.

    Raises:
        ManifestError: the manifest is damaged in its middle.
        Stopped: `should_stop` returned True.
        UsageError: there is no space for temporary files.
    """
    planned, maker = PlannedRows(weights.sha256), JobMaker(weights, precision)
    with InputScan(fingerprints, should_stop) as sources, _old_objects_left_alone():
        for rows in _batches(manifest, BATCH_ROWS):
            uris = [uri for row in rows if isinstance(row, Row) for uri in (row.content, row.style, row.init) if uri]
            found = sources.find(uris)
            made = [_made(row, maker, found) for row in rows]
            planned.add(_planned(rows, made, history, retry_failed))
            if fingerprints.unsaved >= REMEMBER_AFTER:
                remember()
            if len(planned) % TOLD_ROWS == 0:
                _log.info("planned %d of %d rows", len(planned), manifest.total)
    return planned


@contextmanager
def _old_objects_left_alone() -> Iterator[None]:
    """A block in which the garbage collector examines only new objects.

    Each batch makes so many objects that the collector would examine all of torch's every time, a fifth of the time.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _batches(items: Iterable[T], count: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, count)):
        yield batch


def _planned(
    rows: Sequence[Row | RejectedRow], made: Sequence[Made | StylizeError], history: History, retry_failed: str
) -> list[PlanRow]:
    ids = packed([one[0].job_id for one in made if not isinstance(one, StylizeError)])
    actions, attempts = history.judge(ids, retry_failed)
    judged = zip(actions, attempts.tolist(), strict=True)
    return [
        PlanRow(row, "reject", error=one) if isinstance(one, StylizeError) else PlanRow(row, *next(judged), *one)
        for row, one in zip(rows, made, strict=True)
    ]


def _made(row: Row | RejectedRow, maker: JobMaker, found: Inputs) -> Made | StylizeError:
    if isinstance(row, RejectedRow):
        return RowError("; ".join(problem.detail for problem in row.problems))
    try:
        return maker.job(row, found), maker.facts(row).graph
    except StylizeError as error:
        return error
