"""A run's record, read from its rows: counts, totals, problems, some of its jobs, its environment."""

import functools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stylize_core import wording
from stylize_core.record.failed import BAD, failed_rows
from stylize_core.record.rows import RunRows
from stylize_core.record.run_record import FailedRow, InputRecord, JobRecord, RunRecord, Totals
from stylize_core.record.selection import draw
from stylize_core.record.table import RunTable
from stylize_core.settings import with_neutral
from stylize_core.store import layout
from stylize_core.store.json_files import read_json
from stylize_core.store.records import FINALS, STATUSES
from stylize_core.terms import LOSSES

PROBLEMS = 200
"""Most failed and rejected rows to list; failed.csv has all."""

_PROBLEM = ("row", "line", "id", "job_id", "cells", "status", "error_code", "error")
_JOB = (
    *("row", "id", "job_id", "preset", "content", "style", "settings", "digests"),
    *("status", "commit", "image", "width", "height", "steps", *FINALS, "error_code", "error"),
)

SettingsOf = Callable[[str, str], Mapping[str, object]]
InputOf = Callable[[str, str], InputRecord]


def read_record(rows: RunRows, table: RunTable, wanted: Collection[str] = ()) -> RunRecord:
    """Returns the store's record of a run, without losses and pictures; for a large run, with some of its jobs.

    Args:
        rows: of the run, with columns `table.LINE`.
        table: of these rows.
        wanted: ids of jobs that must be included.

    Raises:
        StoreError: a file of the store is damaged.
    """
    counts = rows.counts()
    return RunRecord(
        run=rows.run,
        counts=counts,
        totals=read_totals(rows),
        jobs=tuple(read_jobs(rows, [*draw(table.asked(), rows.run), *wanted])),
        problems=tuple(_problems(rows, min(PROBLEMS, sum(counts[status] for status in BAD)))),
        codes=_codes(rows),
        environment=read_environment(rows, table),
        forecast=read_json(rows.files, layout.run(rows.run, "plan.json")).get("forecast") or {},
    )


def read_totals(rows: RunRows) -> Totals:
    """Returns totals over all jobs of a run; `rows` have columns `table.LINE`."""
    parts = (table.filter(table["is_first"]) for table in rows.tables("status", "seconds", "bytes", "is_first"))
    jobs = pa.concat_tables(list(parts)).to_pandas(strings_to_categorical=True)
    by_status = jobs.groupby("status", observed=True)
    return Totals(
        jobs=by_status.size().reindex(STATUSES, fill_value=0).to_dict(),
        seconds=by_status["seconds"].sum().reindex(STATUSES, fill_value=0.0).to_dict(),
        bytes=int(jobs["bytes"].sum()),
    )


def read_jobs(rows: RunRows, wanted: Collection[str] | pa.StringArray) -> Iterator[JobRecord]:
    """Yields the wanted jobs of a run, in the manifest's order; each takes up to 2 kB of memory.

    Args:
        rows: of the run, with columns `table.LINE`.
        wanted: ids of the jobs.
    """
    ids = pa.array(wanted, pa.string()).unique()
    numbers = _row_numbers(rows, ids)
    settings_of, input_of = functools.cache(_settings), functools.cache(_input)  # many jobs share them
    for table in rows.tables(*_JOB, "is_first"):
        ours = table.filter(pc.and_(table["is_first"], pc.is_in(table["job_id"], value_set=ids)))
        for line in ours.to_pylist():
            yield _job(line, tuple(numbers.pop(line["job_id"])), settings_of, input_of)
        if not numbers:
            return


def _row_numbers(rows: RunRows, ids: pa.StringArray) -> dict[str, list[int]]:
    """Returns the row numbers of some jobs."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for table in rows.tables("job_id", "row"):
        ours = table.filter(pc.is_in(table["job_id"], value_set=ids))
        for job_id, row in zip(ours["job_id"].to_pylist(), ours["row"].to_pylist(), strict=True):
            numbers[job_id].append(row)
    return numbers


def read_environment(rows: RunRows, table: RunTable) -> dict[str, Any]:
    """Returns the environment of a run: as it recorded it, otherwise as its results show."""
    jobs = table.jobs()
    told: dict[str, Any] = {name: ", ".join(sorted(jobs[name].dropna().unique())) for name in ("device", "precision")}
    told["versions"] = json.loads(next(iter(jobs["versions"].dropna()), "{}"))
    told["weights"] = {"sha256": ", ".join(sorted(table.rows["network"].dropna().unique()))}
    recorded = read_json(rows.files, layout.run(rows.run, "environment.json"))
    return told | {name: value for name, value in recorded.items() if value}


def _codes(rows: RunRows) -> dict[str, int]:
    """Returns the number of failed and rejected rows by error code."""
    codes = Counter[str]()
    for failed in failed_rows(rows.tables("status", "error_code")):
        codes.update(failed["error_code"].drop_null().to_pylist())
    return dict(codes)


def _problems(rows: RunRows, count: int) -> Iterator[FailedRow]:
    """Yields the first failed and rejected rows."""
    lines = (line for failed in failed_rows(rows.tables(*_PROBLEM)) for line in failed.to_pylist())
    return map(_problem, islice(lines, count))


def _problem(row: Mapping[str, Any]) -> FailedRow:
    return FailedRow(
        row=row["row"],
        line=row["line"],
        name=row["id"] or _pair(json.loads(row["cells"])),
        status=row["status"],
        job_id=row["job_id"] or "",
        error_code=row["error_code"] or "",
        error=row["error"] or "",
    )


def _pair(cells: Mapping[str, str]) -> str:
    names = [wording.file_name(cells.get(column, "")) or "?" for column in ("content", "style")]
    return " × ".join(names)


def _job(line: Mapping[str, Any], rows: tuple[int, ...], settings_of: SettingsOf, input_of: InputOf) -> JobRecord:
    digests = json.loads(line["digests"])
    return JobRecord(
        job_id=line["job_id"],
        id=line["id"] or "",
        rows=rows,
        status=line["status"],
        content=input_of(line["content"], digests["content"]),
        style=input_of(line["style"], digests["styles"][0][0]),
        init=digests.get("init") or "",
        settings=settings_of(line["preset"], line["settings"]),
        commit=line["commit"],
        image=line["image"],
        width=line["width"] or 0,
        height=line["height"] or 0,
        steps=line["steps"] or 0,
        finals={loss: value for loss in LOSSES if (value := line[f"final_{loss}"]) is not None},
        error_code=line["error_code"] or "",
        error=line["error"] or "",
    )


def _settings(preset: str, settings: str) -> dict[str, object]:
    return {"preset": preset, **with_neutral(json.loads(settings))}


def _input(uri: str, sha256: str) -> InputRecord:
    return InputRecord(name=wording.file_name(uri), sha256=sha256)
