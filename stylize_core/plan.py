"""Manifest + store -> what is to be done: jobs, groups, chunks and a forecast. Reads only; writes nothing."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from stylize_core.chunk import Chunk
from stylize_core.engine.weights import Weights
from stylize_core.errors import RowError, StylizeError
from stylize_core.forecast import NOTHING, Forecast, Rate, forecast, job_seconds
from stylize_core.history import History
from stylize_core.job import Job, public_uri
from stylize_core.jobs import Sources, fingerprint, job_of
from stylize_core.manifest.manifest import Manifest, RejectedRow
from stylize_core.manifest.row import Row
from stylize_core.settings import Settings
from stylize_core.store.fingerprints import Fingerprints
from stylize_core.store.records import PLAN

MAX_CHUNKS = 2000
"""Upper bound of chunks of one run: an orchestrator pays some 20 ms and 20 kB for each."""

CHUNK_SECONDS = 30.0
"""Chunks are made at least this long where the rows allow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """A manifest row and what becomes of it.

    Attributes:
        row: 1 for the first data row.
        line: of the manifest file.
        id: as written, or None.
        cells: as read, column -> text.
        inputs: images, absolute, by column.
        preset: name, empty where the row is rejected before it is known.
        action: `run`, `skip` (done before), `keep_failed` (failed before, not retried) or `reject`.
        job: None where rejected.
        error: why it is rejected.
    """

    row: int
    line: int
    id: str | None
    cells: Mapping[str, str]
    inputs: Mapping[str, str]
    preset: str = ""
    action: str
    job: Job | None = None
    error: StylizeError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will do.

    Attributes:
        rows: one a manifest row, in its order.
        chunks: the work, in order.
        groups: number of groups among the jobs to run.
        fingerprints: of all inputs, to be saved by the run.
        forecast: of the jobs to run.
        weights_sha256: of the network's weights.
    """

    rows: list[PlannedRow]
    chunks: list[Chunk]
    groups: int
    fingerprints: Fingerprints
    forecast: Forecast
    weights_sha256: str

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows by action."""
        actions = [row.action for row in self.rows]
        return {action: actions.count(action) for action in ("run", "skip", "keep_failed", "reject")}

    @property
    def summary(self) -> dict[str, object]:
        """The plan in numbers, as plain JSON values."""
        return {
            "rows": len(self.rows),
            "actions": self.counts,
            "groups": self.groups,
            "chunks": len(self.chunks),
            "forecast": self.forecast.to_dict(),
        }

    def to_table(self) -> pa.Table:
        """Returns a line a row with schema `PLAN`."""
        chunk_of = {job.job_id: chunk.number for chunk in self.chunks for job in chunk.jobs}
        return pa.Table.from_pylist([self._line(row, chunk_of) for row in self.rows], schema=PLAN)

    def _line(self, row: PlannedRow, chunk_of: Mapping[str, int]) -> dict[str, object]:
        job, error = row.job, row.error
        line: dict[str, object] = {
            "row": row.row,
            "line": row.line,
            "id": row.id,
            "action": row.action,
            "preset": row.preset,
            "cells": json.dumps(row.cells),
            "error_code": error.code if error else None,
            "error": str(error) if error else None,
            **{column: public_uri(uri) for column, uri in row.inputs.items()},
        }
        if job:
            line |= {
                "job_id": job.job_id,
                "settings": json.dumps(job.settings.to_dict(), sort_keys=True),
                "digests": json.dumps({**job.digests, "weights": self.weights_sha256}),
                "chunk": chunk_of.get(job.job_id),
            }
        return line


def make_plan(
    manifest: Manifest,
    *,
    fingerprints: Fingerprints,
    history: History,
    weights: Weights,
    precision: str,
    measure: Callable[[Settings], Rate],
    retry_failed: str = "transient",
    rows_per_task: int | None = None,
) -> Plan:
    """Plans a run.

    Args:
        manifest: rows and problems.
        fingerprints: what is known of inputs; completed here.
        history: what the store has.
        weights: of the network.
        precision: resolved.
        measure: tells how fast the device is on jobs of such settings; asked where there is something to run.
        retry_failed: which failed jobs run again: none, transient or all.
        rows_per_task: jobs of a chunk, None to choose.
    """
    uris = {uri for row in manifest.rows for uri in (row.content, row.style, row.init) if uri}
    sources = fingerprint(uris, fingerprints)
    rows = [_planned(row, sources, history, weights, precision, retry_failed) for row in manifest.rows]
    rows += [_rejected(line) for line in manifest.rejected]
    rows.sort(key=lambda row: row.row)
    jobs = {row.job.job_id: row.job for row in rows if row.job and row.action == "run"}
    plan = partial(Plan, rows=rows, fingerprints=fingerprints, weights_sha256=weights.sha256)
    if not jobs:
        return plan(chunks=[], groups=0, forecast=NOTHING)
    groups = _groups(jobs.values())
    rate = measure(groups[0][0].settings)
    chunks = _chunks(groups, history, rate, rows_per_task)
    return plan(chunks=chunks, groups=len(groups), forecast=forecast(jobs.values(), rate))


def _planned(
    row: Row,
    sources: Sources,
    history: History,
    weights: Weights,
    precision: str,
    retry_failed: str,
) -> PlannedRow:
    job, error, action = None, None, "reject"
    try:
        job = job_of(row, sources, weights, precision)
        action = history.action(job.job_id, retry_failed)
    except StylizeError as problem:
        error = problem
    inputs = {"content": row.content, "style": row.style} | ({"init": row.init} if row.init else {})
    return PlannedRow(
        row=row.row,
        line=row.line,
        id=row.id,
        cells=row.cells,
        inputs=inputs,
        preset=row.preset,
        action=action,
        job=job,
        error=error,
    )


def _rejected(row: RejectedRow) -> PlannedRow:
    return PlannedRow(
        row=row.row,
        line=row.line,
        id=row.cells.get("id") or None,
        cells=row.cells,
        inputs=row.inputs,
        action="reject",
        error=RowError("; ".join(problem.detail for problem in row.problems)),
    )


def _groups(jobs: Iterable[Job]) -> list[list[Job]]:
    """Returns jobs by what fixes the compute graph, in order of first appearance."""
    groups: dict[object, list[Job]] = {}
    for job in jobs:
        s = job.settings
        layers = tuple(tuple(name for name, _ in pairs) for pairs in (s.content_layers, s.style_layers))
        key = (job.height, job.width, layers, s.pooling, s.form, s.optimiser, s.steps, s.snapshot_every)
        groups.setdefault(key, []).append(job)
    return list(groups.values())


def _chunks(groups: list[list[Job]], history: History, rate: Rate, rows_per_task: int | None) -> list[Chunk]:
    total = sum(len(group) for group in groups)
    chunks: list[Chunk] = []
    for group in groups:
        long_enough = math.ceil(CHUNK_SECONDS / max(job_seconds(group[0], rate), 1e-9))
        count = rows_per_task or max(long_enough, math.ceil(total / MAX_CHUNKS))
        for start in range(0, len(group), count):
            jobs = tuple(group[start : start + count])
            attempts = {job.job_id: history.attempts.get(job.job_id, 0) + 1 for job in jobs}
            chunks.append(Chunk(number=len(chunks) + 1, jobs=jobs, attempts=attempts))
    return chunks
