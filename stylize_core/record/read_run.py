"""Joins what a store records of one run: its plan, rows, live results and environment."""

import functools
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stylize_core import wording
from stylize_core.files.files import Files
from stylize_core.record.rows import read_plan, read_rows
from stylize_core.record.run_record import FINISHED, FailedRow, InputRecord, JobRecord, RunRecord, Totals
from stylize_core.record.selection import draw
from stylize_core.settings import TOTAL_SCALE
from stylize_core.store import layout
from stylize_core.store.json_files import read_json
from stylize_core.store.live import live_lines
from stylize_core.store.records import RESULTS, STATUSES, TERMS

PROBLEMS = 200
"""Failed and rejected rows listed; failed.csv has them all."""

_FINALS = tuple(f"final_{term}" for term in TERMS)
_ENDED = ("job_id", "status", "final_total", "seconds", "error_code", "error")
_PLANNED = ("row", "id", "job_id", "preset", "content", "style", "settings", "digests")
_LINE = (
    *("job_id", "commit", "image", "bytes", "width", "height", "steps", "best_step", "seconds", "error_code", "error"),
    *("device", "precision", "versions", *_FINALS),
)

Parse = Callable[[str], dict[str, Any]]


def read_record(files: Files, run: str, wanted: Collection[str] = ()) -> RunRecord:
    """Returns what the store records of a run, losses and pictures excepted; of a large run, some of its jobs.

    Args:
        files: the store.
        run: the run's name.
        wanted: ids of jobs that have to be among them.
    """
    rows = pa.concat_tables([table.select(_ENDED) for table in read_rows(files, run)])
    jobs = _distinct(rows)
    drawn = _with(draw(jobs, functools.partial(_scales, files, run), run), jobs["job_id"], wanted)
    results, size = _results(files, jobs["job_id"], drawn)
    counts = _counts(rows["status"])
    return RunRecord(
        run=run,
        counts={status: counts.get(status, 0) for status in STATUSES},
        totals=_totals(jobs, size),
        jobs=tuple(_jobs(files, run, rows, drawn, results)),
        problems=tuple(_problems(files, run, rows)),
        codes=_counts(rows.filter(_is_failed(rows))["error_code"]),
        results=results,
        environment=read_json(files, layout.run(run, "environment.json")),
        forecast=read_json(files, layout.run(run, "plan.json")).get("forecast") or {},
    )


def _with(drawn: pa.Array, jobs: pa.ChunkedArray, wanted: Collection[str]) -> pa.Array:
    """Returns the drawn and the wanted jobs in their order."""
    either = pa.concat_arrays([drawn, pa.array(wanted, pa.string())])
    return jobs.filter(pc.is_in(jobs, value_set=either)).combine_chunks()


def _distinct(rows: pa.Table) -> pa.Table:
    """Returns the first row of each job, in the manifest's order, with its `place` among all rows."""
    placed = rows.append_column("place", pa.array(np.arange(len(rows))))
    asked = placed.select(["job_id", "place"]).filter(pc.is_valid(rows["job_id"]))
    first = asked.group_by("job_id").aggregate([("place", "min")])["place_min"]
    return placed.take(pc.take(first, pc.sort_indices(first)))


def _scales(files: Files, run: str) -> npt.NDArray[np.int64]:
    """Returns a number for each row; rows with the same one have totals that may be compared."""
    parse = functools.lru_cache(json.loads)
    numbers: dict[tuple[object, ...], int] = {}

    def number(settings: str | None, digests: str | None) -> int:
        values = parse(settings or "{}")
        key = (parse(digests or "{}").get("weights"), *(values.get(name) for name in TOTAL_SCALE))
        return numbers.setdefault(key, len(numbers))

    plan = read_plan(files, run, ["settings", "digests"])
    return np.fromiter((number(*line.values()) for planned in plan for line in planned.to_pylist()), np.int64)


def _results(files: Files, jobs: pa.ChunkedArray, drawn: pa.Array) -> tuple[pa.Table, int]:
    """Returns the lines of the drawn jobs, and the bytes of all jobs' images."""
    wanted, size = jobs.combine_chunks(), 0
    lines = [pa.schema([RESULTS.field(name) for name in _LINE]).empty_table()]
    for table in live_lines(files, _LINE):
        ours = table.filter(pc.is_in(table["job_id"], value_set=wanted))
        size += pc.sum(ours["bytes"]).as_py() or 0
        lines.append(ours.filter(pc.is_in(ours["job_id"], value_set=drawn)))
    return pa.concat_tables(lines), size


def _totals(jobs: pa.Table, size: int) -> Totals:
    counts = _counts(jobs["status"])
    made = jobs.filter(pc.equal(jobs["status"], "done"))
    return Totals(
        jobs=len(jobs),
        finished=sum(counts.get(status, 0) for status in FINISHED),
        made=len(made),
        seconds=pc.sum(made["seconds"]).as_py() or 0.0,
        bytes=size,
    )


def _jobs(files: Files, run: str, rows: pa.Table, drawn: pa.Array, results: pa.Table) -> Iterator[JobRecord]:
    first: dict[str, dict[str, Any]] = {}
    numbers: dict[str, list[int]] = defaultdict(list)
    for planned, ended in _planned(files, run, _PLANNED, rows):
        chosen = pc.is_in(planned["job_id"], value_set=drawn)
        for line in planned.append_column("status", ended["status"]).filter(chosen).to_pylist():
            first.setdefault(line["job_id"], line)
            numbers[line["job_id"]].append(line["row"])
    lines = {line["job_id"]: line for line in results.to_pylist()}
    parse = functools.lru_cache(json.loads)  # many jobs share their settings
    for job_id, line in first.items():
        yield _job(line, tuple(numbers[job_id]), lines.get(job_id, {}), parse)


def _problems(files: Files, run: str, rows: pa.Table) -> list[FailedRow]:
    """Returns the first failed and rejected rows."""
    problems: list[FailedRow] = []
    left = len(rows.filter(_is_failed(rows)))
    for planned, ended in _planned(files, run, ["row", "line", "id", "cells"], rows) if left else ():
        is_failed = _is_failed(ended)
        lines = zip(planned.filter(is_failed).to_pylist(), ended.filter(is_failed).to_pylist(), strict=True)
        problems += [_problem(*line) for line in lines]
        if len(problems) >= min(PROBLEMS, left):
            break
    return problems[:PROBLEMS]


def _planned(files: Files, run: str, columns: Sequence[str], rows: pa.Table) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yields columns of the plan beside the rows as they ended."""
    start = 0
    for planned in read_plan(files, run, columns):
        yield planned, rows.slice(start, len(planned))
        start += len(planned)


def _is_failed(rows: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(rows["status"], value_set=pa.array(["failed", "rejected"]))


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {count["values"]: count["counts"] for count in pc.value_counts(column).to_pylist()}


def _problem(planned: Mapping[str, Any], ended: Mapping[str, Any]) -> FailedRow:
    return FailedRow(
        row=planned["row"],
        line=planned["line"],
        name=planned["id"] or _pair(json.loads(planned["cells"])),
        status=ended["status"],
        job_id=ended["job_id"] or "",
        error_code=ended["error_code"] or "",
        error=ended["error"] or "",
    )


def _pair(cells: Mapping[str, str]) -> str:
    names = [wording.file_name(cells.get(column, "")) or "?" for column in ("content", "style")]
    return " × ".join(names)


def _job(planned: Mapping[str, Any], rows: tuple[int, ...], result: Mapping[str, Any], parse: Parse) -> JobRecord:
    digests = parse(planned["digests"])
    return JobRecord(
        job_id=planned["job_id"],
        id=planned["id"] or "",
        rows=rows,
        status=planned["status"],
        content=InputRecord(name=wording.file_name(planned["content"]), sha256=digests["content"]),
        style=InputRecord(name=wording.file_name(planned["style"]), sha256=digests["styles"][0][0]),
        init=digests.get("init") or "",
        network=digests.get("weights") or "",
        settings={"preset": planned["preset"], **parse(planned["settings"])},
        image=result.get("image"),
        width=result.get("width") or 0,
        height=result.get("height") or 0,
        steps=result.get("steps") or 0,
        best_step=result.get("best_step"),
        finals={term: value for term in TERMS if (value := result.get(f"final_{term}")) is not None},
        seconds=result.get("seconds"),
        bytes=result.get("bytes") or 0,
        error_code=result.get("error_code") or "",
        error=result.get("error") or "",
    )
