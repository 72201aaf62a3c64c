"""Joins what a store records of one run: its plan, rows, live results and environment."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.report import wording
from stylize_core.report.record import InputRecord, JobRecord, Problem, RunRecord
from stylize_core.report.rows import read_plan, read_rows
from stylize_core.store import layout
from stylize_core.store.files import Files
from stylize_core.store.ledger import live_results
from stylize_core.store.records import TERMS

Parse = Callable[[str], dict[str, Any]]


def read_record(files: Files, run: str) -> RunRecord:
    """Returns everything but losses and pictures that the store records of a run."""
    plan = read_plan(files, run)
    rows = read_rows(files, run)
    plan = plan.assign(**{name: rows[name] for name in ("status", "error_code", "error")})
    planned = plan.dropna(subset=["job_id"])
    live = live_results(files)
    results = live.filter(pc.is_in(live["job_id"], pa.array(planned["job_id"].unique(), pa.string())))
    return RunRecord(
        run=run,
        rows=rows,
        jobs=_jobs(planned, results),
        problems=_problems(plan),
        results=results,
        environment=_json(files, layout.run(run, "environment.json")),
        forecast=_json(files, layout.run(run, "plan.json")).get("forecast") or {},
    )


def _jobs(planned: pd.DataFrame, results: pa.Table) -> tuple[JobRecord, ...]:
    numbers = planned.groupby("job_id")["row"].agg(tuple)
    lines = {line["job_id"]: line for line in results.to_pylist()}
    parse = functools.lru_cache(maxsize=None)(json.loads)  # many jobs share their settings
    return tuple(
        _job(line, numbers[line["job_id"]], lines.get(line["job_id"], {}), parse)
        for line in _lines(planned.drop_duplicates("job_id"))
    )


def _problems(plan: pd.DataFrame) -> tuple[Problem, ...]:
    return tuple(
        Problem(
            row=line["row"],
            line=line["line"],
            name=line["id"] or _pair(json.loads(line["cells"])),
            status=line["status"],
            job_id=line["job_id"] or "",
            error_code=line["error_code"] or "",
            error=line["error"] or "",
        )
        for line in _lines(plan[plan["status"].isin(["failed", "rejected"])])
    )


def _pair(cells: Mapping[str, str]) -> str:
    names = [wording.file_name(cells.get(column, "")) or "?" for column in ("content", "style")]
    return " × ".join(names)


def _lines(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows as dictionaries, None where there is no value."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


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


def _json(files: Files, path: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(files.read(path)) if files.exists(path) else {}
    return record
