"""A run in figures, and its jobs one by one: the data for sheets and page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stylize_core.record.rows import FINISHED
from stylize_core.store import layout


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRecord:
    """An input picture.

    Attributes:
        name: of its file, without folder and extension.
        sha256: of its bytes.
    """

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job of the run, whether finished or not.

    Attributes:
        job_id: its id.
        id: the manifest's; empty if it gives none.
        rows: the manifest rows with this job; more than one if rows are equal.
        status: done, skipped, failed or stopped.
        content: the content image.
        style: the style image.
        init: sha256 of the start image; empty if there is none.
        settings: `preset` and every setting, layers as text.
        commit: name of the commit with its losses; None if stopped.
        image: path of the result in the store; also of a diverged job's best image.
        width: of the result, pixels; 0 if stopped.
        height: of the result, pixels; 0 if stopped.
        steps: updates done; 0 if stopped.
        finals: last total, content, style and tv, as far as known.
        error_code: of a failed job.
        error: of a failed job, in words.
    """

    job_id: str
    id: str
    rows: tuple[int, ...]
    status: str
    content: InputRecord
    style: InputRecord
    init: str
    settings: Mapping[str, object]
    commit: str | None
    image: str | None
    width: int
    height: int
    steps: int
    finals: Mapping[str, float]
    error_code: str
    error: str

    @property
    def label(self) -> str:
        """The manifest's id, or the names of content and style."""
        return self.id or f"{self.content.name} × {self.style.name}"

    @property
    def short_id(self) -> str:
        """The manifest's id, or the first digits of the job id."""
        return self.id or self.job_id[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow:
    """A row that failed or was rejected.

    Attributes:
        row: its number, 1 for the first.
        line: of the manifest file.
        name: its id, or the names of its content and style.
        status: failed or rejected.
        job_id: empty if rejected.
        error_code: the error's code.
        error: in words.
    """

    row: int
    line: int
    name: str
    status: str
    job_id: str
    error_code: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Totals over all jobs of a run.

    Attributes:
        jobs: distinct jobs by status.
        seconds: spent on these, by status.
        bytes: of all images.
    """

    jobs: Mapping[str, int]
    seconds: Mapping[str, float]
    bytes: int

    @property
    def finished(self) -> int:
        """Jobs that are done, skipped or failed."""
        return sum(self.jobs[status] for status in FINISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run.

    Attributes:
        run: its name.
        counts: number of rows by status, all statuses in order.
        totals: of all jobs.
        jobs: the distinct jobs that the report covers, in the manifest's order: all, or those chosen by
                `selection.draw`; rejected rows have none.
        problems: the first failed and rejected rows.
        codes: number of failed and rejected rows by error code.
        environment: contents of runs/<run>/environment.json, or the equivalent from the results.
        forecast: from plan.json; may be empty.
    """

    run: str
    counts: Mapping[str, int]
    totals: Totals
    jobs: tuple[JobRecord, ...]
    problems: tuple[FailedRow, ...]
    codes: Mapping[str, int]
    environment: Mapping[str, Any]
    forecast: Mapping[str, Any]

    @property
    def finished(self) -> tuple[JobRecord, ...]:
        """The jobs that are done, skipped or failed."""
        return tuple(job for job in self.jobs if job.status in FINISHED)


def snapshots(job: JobRecord, limit: int) -> list[tuple[int, str]]:
    """Returns step and path of a job's snapshots before its last step: at most `limit`, evenly spread."""
    every = job.settings["snapshot_every"]
    if not isinstance(every, int) or every == 0 or limit == 0:
        return []
    steps = range(every, job.steps, every)
    shown = steps[:: max(1, -(-len(steps) // limit))]
    return [(step, layout.snapshot(job.job_id, step)) for step in shown]
