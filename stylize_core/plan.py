"""Manifest + store -> what is to be done: jobs, groups, chunks and a forecast. Reads only; writes nothing."""

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa

from stylize_core.chunk import Chunk
from stylize_core.engine.decode import shape_of
from stylize_core.engine.network import least_edge
from stylize_core.engine.objective import layers_in_use
from stylize_core.engine.resize import output_shape, style_shape
from stylize_core.engine.weights import Weights, require_layers
from stylize_core.errors import ImageTooSmall, InputError, RowError, StylizeError
from stylize_core.forecast import Forecast, Rate, forecast, job_seconds
from stylize_core.job import Job, Source, job_id, public_uri
from stylize_core.manifest.manifest import Manifest, RejectedRow
from stylize_core.manifest.row import Row
from stylize_core.store.inputs import Fingerprint, Fingerprints, read_input, stat_input
from stylize_core.store.ledger import attempts, live
from stylize_core.store.records import PLAN

MAX_CHUNKS = 2000
"""Upper bound of chunks of one run: an orchestrator pays some 20 ms and 20 kB for each."""

CHUNK_SECONDS = 30.0
"""Chunks are made at least this long where the rows allow it."""

READERS = 8
"""Threads that read inputs never seen before."""


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


@dataclass(slots=True, kw_only=True)
class History:
    """What the store knows of jobs before a run.

    Attributes:
        status: `done` or `failed`, by job id.
        retryable: ids of failed jobs whose error may pass.
        attempts: highest attempt so far, by job id.
    """

    status: dict[str, str] = field(default_factory=dict)
    retryable: set[str] = field(default_factory=set)
    attempts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, results: pa.Table) -> "History":
        """Reads every committed line of a store."""
        lines = live(results)
        ids = lines["job_id"].to_pylist()
        return cls(
            status=dict(zip(ids, lines["status"].to_pylist(), strict=True)),
            retryable={i for i, again in zip(ids, lines["retryable"].to_pylist(), strict=True) if again},
            attempts=attempts(results),
        )

    def action(self, job: str, retry_failed: str) -> str:
        """Returns `run`, `skip` or `keep_failed` for a job; `retry_failed` is none, transient or all."""
        status = self.status.get(job)
        if status == "failed":
            again = retry_failed == "all" or (retry_failed == "transient" and job in self.retryable)
            return "run" if again else "keep_failed"
        return "skip" if status == "done" else "run"


def make_plan(
    manifest: Manifest,
    *,
    fingerprints: Fingerprints,
    history: History,
    weights: Weights,
    precision: str,
    rate: Rate,
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
        rate: how fast the device is.
        retry_failed: which failed jobs run again: none, transient or all.
        rows_per_task: jobs of a chunk, None to choose.
    """
    uris = {uri for row in manifest.rows for uri in (row.content, row.style, row.init) if uri}
    sources = _fingerprint(uris, fingerprints)
    rows = [_planned(row, sources, history, weights, precision, retry_failed) for row in manifest.rows]
    rows += [_rejected(line) for line in manifest.rejected]
    rows.sort(key=lambda row: row.row)
    jobs = {row.job.job_id: row.job for row in rows if row.job and row.action == "run"}
    groups = _groups(jobs.values())
    chunks = _chunks(groups, history, rate, rows_per_task)
    return Plan(
        rows=rows,
        chunks=chunks,
        groups=len(groups),
        fingerprints=fingerprints,
        forecast=forecast(jobs.values(), rate),
        weights_sha256=weights.sha256,
    )


def _fingerprint(uris: Collection[str], known: Fingerprints) -> dict[str, Source | StylizeError]:
    """Returns each input as it is now, or why it cannot be used; only files never seen before are read."""
    with ThreadPoolExecutor(READERS) as pool:
        return dict(zip(uris, pool.map(lambda uri: _source(uri, known), uris), strict=True))


def _source(uri: str, known: Fingerprints) -> Source | StylizeError:
    try:
        size, stamp = stat_input(uri)
        entry = known.get(uri, size, stamp)
        if entry is None:
            data = read_input(uri)
            width, height = shape_of(data, uri)
            entry = Fingerprint(hashlib.sha256(data).hexdigest(), width, height)
            known.add(uri, size, stamp, entry)
        return Source(uri=uri, sha256=entry.sha256, width=entry.width, height=entry.height)
    except InputError as error:
        return error


def _planned(
    row: Row,
    sources: Mapping[str, Source | StylizeError],
    history: History,
    weights: Weights,
    precision: str,
    retry_failed: str,
) -> PlannedRow:
    job, error, action = None, None, "reject"
    try:
        job = _job(row, sources, weights, precision)
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
        error=RowError("; ".join(problem.detail for problem in row.problems), where=f"line {row.line}"),
    )


def _job(row: Row, sources: Mapping[str, Source | StylizeError], weights: Weights, precision: str) -> Job:
    settings = row.settings
    content, style = _usable(sources[row.content]), _usable(sources[row.style])
    init = _usable(sources[row.init]) if row.init else None
    layers = layers_in_use(settings)
    require_layers(weights, layers)
    height, width = output_shape(content.width, content.height, settings.size, settings.fit)
    style_edges = style_shape(
        style.width, style.height, settings.style_size or settings.size, settings.style_fit, height, width
    )
    least = least_edge(layers)
    for name, edges in (("target", (height, width)), ("style", style_edges)):
        if min(edges) < least:
            what = f"the {name} would be {edges[1]} x {edges[0]} px, but {layers[-1]} needs {least} px"
            raise ImageTooSmall(what, where=f"line {row.line}")
    styles = ((style, 1.0),)
    identity = job_id(
        content=content,
        styles=styles,
        init=init,
        settings=settings,
        weights_sha256=weights.sha256,
        precision=precision,
    )
    return Job(
        job_id=identity, content=content, styles=styles, init=init, settings=settings, height=height, width=width
    )


def _usable(source: Source | StylizeError) -> Source:
    if isinstance(source, StylizeError):
        raise source
    return source


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
