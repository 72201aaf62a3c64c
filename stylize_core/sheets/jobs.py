"""The jobs that contact sheets lay out: of a small run the report's own, of a large one all of them up to a bound."""

import functools
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from stylize_core import wording
from stylize_core.files.files import Files
from stylize_core.record.rows import read_plan, read_rows
from stylize_core.record.run_record import InputRecord, RunRecord

JOBS = 50_000
"""Distinct jobs that sheets are about, at most: the first ones. Each takes up to 2 kB of memory."""

_PLANNED = ("id", "job_id", "preset", "content", "style", "settings", "digests")
_ENDED = ("status", "image", "error_code")


class Laid(Protocol):
    """What a sheet needs to know of a job; see `record.JobRecord`."""

    @property
    def job_id(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def content(self) -> InputRecord: ...  # noqa: D102
    @property
    def style(self) -> InputRecord: ...  # noqa: D102
    @property
    def init(self) -> str: ...  # noqa: D102
    @property
    def settings(self) -> Mapping[str, object]: ...  # noqa: D102
    @property
    def image(self) -> str | None: ...  # noqa: D102
    @property
    def error_code(self) -> str: ...  # noqa: D102
    @property
    def short_id(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetJob:
    """A job of a large run; the attributes are those of `record.JobRecord`."""

    job_id: str
    id: str
    status: str
    content: InputRecord
    style: InputRecord
    init: str
    settings: Mapping[str, object]
    image: str | None
    error_code: str

    @property
    def short_id(self) -> str:
        """The manifest's id, or the first digits of the job id."""
        return self.id or self.job_id[:8]


def sheet_jobs(files: Files, record: RunRecord) -> Sequence[Laid]:
    """Returns a run's distinct jobs in the manifest's order, the first `JOBS` of them."""
    if len(record.jobs) == record.totals.jobs:
        return record.jobs
    return tuple(itertools.islice(_distinct(files, record.run), JOBS))


def _distinct(files: Files, run: str) -> Iterator[SheetJob]:
    seen: set[str] = set()
    input_of = functools.cache(lambda name, sha256: InputRecord(name=name, sha256=sha256))
    settings_of = functools.lru_cache(4096)(lambda preset, settings: {"preset": preset, **json.loads(settings)})
    for planned, ended in zip(_planned(files, run), _ended(files, run), strict=True):
        job_id = planned["job_id"]
        if job_id is None or job_id in seen:
            continue
        seen.add(job_id)
        digests = json.loads(planned["digests"])
        yield SheetJob(
            job_id=job_id,
            id=planned["id"] or "",
            status=ended["status"],
            content=input_of(wording.file_name(planned["content"]), digests["content"]),
            style=input_of(wording.file_name(planned["style"]), digests["styles"][0][0]),
            init=digests.get("init") or "",
            settings=settings_of(planned["preset"], planned["settings"]),
            image=ended["image"],
            error_code=ended["error_code"] or "",
        )


def _planned(files: Files, run: str) -> Iterator[dict[str, Any]]:
    return (line for table in read_plan(files, run, _PLANNED) for line in table.to_pylist())


def _ended(files: Files, run: str) -> Iterator[dict[str, Any]]:
    return (line for table in read_rows(files, run) for line in table.select(_ENDED).to_pylist())
