"""Follows a run through its store by repeated looks; each results file is read once."""

import statistics
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from stylize_core.files.files import Entry, Files
from stylize_core.store import layout
from stylize_core.store.holder import Holder, newest_holder
from stylize_core.store.json_files import read_json
from stylize_core.store.ledger import results_paths
from stylize_core.store.records import RESULTS
from stylize_core.store.runs import latest_run
from stylize_core.store.status import rows_by_status
from stylize_core.store.tables import list_tables, map_tables, read_table
from stylize_core.terms import LOSSES

_LINE = pa.schema(
    [RESULTS.field(name) for name in ("run", "status", "error_code", *(f"final_{term}" for term in LOSSES))]
)

_COMMITTED = pa.schema([RESULTS.field(name) for name in ("job_id", "status")])


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The state of a run at one moment.

    Attributes:
        run: its name; empty if the store has no run yet.
        has_begun: whether it was seen before its end; if it was over at the first look, another run may follow.
        planned: number of manifest rows by action: run, skip, keep_failed, reject.
        jobs: number of jobs to compute.
        done: jobs committed as done.
        failed: jobs committed as failed.
        errors: number of failed jobs by error code, the most frequent first.
        seconds: from the plan to the last commit, by the store's clock; 0 if there is none.
        last_commit: its time in seconds since 1970; 0 if there is none.
        medians: of the final terms of the done jobs of the last commit.
        rows: number of rows by status, once the run has ended.
        holder: the current writer; None if none is visible from here.
        silent_seconds: since the last sign of life of the holder, while it has been watched.
    """

    run: str = ""
    has_begun: bool = False
    planned: Mapping[str, int] = field(default_factory=dict)
    jobs: int = 0
    done: int = 0
    failed: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    last_commit: float = 0.0
    medians: Mapping[str, float] = field(default_factory=dict)
    rows: Mapping[str, int] | None = None
    holder: Holder | None = None
    silent_seconds: float = 0.0

    @property
    def committed(self) -> int:
        """Jobs done or failed, at most all: two workers may have committed the same one."""
        return min(self.done + self.failed, self.jobs)

    @property
    def rate(self) -> float:
        """Jobs per second; 0 if unknown."""
        return self.committed / self.seconds if self.seconds > 0 else 0.0

    def seconds_left(self, now: float) -> float | None:
        """Returns how long the remaining jobs take at this rate; None if unknown.

        Args:
            now: seconds since 1970.
        """
        if not self.rate:
            return None
        return max(0.0, (self.jobs - self.committed) / self.rate - max(0.0, now - self.last_commit))


@dataclass(frozen=True, slots=True)
class _Commit:
    """What is kept of a results file."""

    modified: float
    statuses: Counter[str]
    errors: Counter[str]
    medians: Mapping[str, float]


class RunFollower:
    """Follows the newest run of a store.

    A look costs two listings of one folder each, the lease, and the new results. It lists all runs only while the run
    is unknown or was over at the first look.

    Args:
        files: of the store.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._run = ""
        self._began = False  # the run was seen before it ended
        self._plan: Mapping[str, object] = {}
        self._commits: dict[str, _Commit] = {}
        self._holder: Holder | None = None
        self._shown_at = time.monotonic()

    def look(self) -> View:
        """Returns the current state of the run.

        Raises:
            StoreError: the store cannot be read, or a file is damaged.
        """
        holder = self._look_at_holder()
        if not self._began:
            self._find_run()
        listed = self._files.list(f"{layout.RUNS}/{self._run}", recursive=False) if self._run else []
        entries = {entry.path: entry for entry in listed}
        is_over = layout.run(self._run, "results.parquet") in entries
        self._began |= bool(self._run) and not is_over
        self._read_commits()
        return self._view(entries, is_over, holder)

    def _look_at_holder(self) -> Holder | None:
        holder = newest_holder(self._files)
        if holder != self._holder:
            self._holder, self._shown_at = holder, time.monotonic()
        return holder if holder and holder.may_be_alive() else None

    def _find_run(self) -> None:
        run = latest_run(self._files)
        if run != self._run:
            self._run, self._commits = run, {}
            self._plan = read_json(self._files, layout.run(run, "plan.json"))

    def _read_commits(self) -> None:
        ours = f"{layout.RESULTS}/{self._run}-"
        tables = list_tables(self._files, layout.RESULTS) if self._run else []
        listed = [entry for entry in tables if entry.path.startswith(ours)]
        known = {entry.path: self._commits.get(entry.path) or self._read(entry) for entry in listed}
        self._commits = {path: commit for path, commit in known.items() if commit}

    def _read(self, entry: Entry) -> _Commit | None:
        try:
            lines = read_table(self._files, entry.path, _LINE)
        except FileNotFoundError:  # compacted since it was listed
            return None
        ours = [line for line in lines.to_pylist() if line["run"] == self._run]
        done = [line for line in ours if line["status"] == "done"]
        finals = {
            term: [line[f"final_{term}"] for line in done if line[f"final_{term}"] is not None] for term in LOSSES
        }
        return _Commit(
            entry.modified,
            Counter(line["status"] for line in ours),
            Counter(line["error_code"] for line in ours if line["error_code"]),
            {term: statistics.median(values) for term, values in finals.items() if values},
        )

    def _view(self, entries: Mapping[str, Entry], is_over: bool, holder: Holder | None) -> View:
        commits = sorted(self._commits.values(), key=lambda commit: commit.modified)
        statuses = sum((commit.statuses for commit in commits), Counter[str]())
        errors = sum((commit.errors for commit in commits), Counter[str]())
        planned = entries.get(layout.run(self._run, "plan.parquet"))
        last = commits[-1].modified if commits else 0.0
        actions, forecast = self._plan.get("actions"), self._plan.get("forecast")
        return View(
            run=self._run,
            has_begun=self._began,
            planned=actions if isinstance(actions, dict) else {},
            jobs=forecast.get("jobs", 0) if isinstance(forecast, dict) else 0,
            done=statuses["done"],
            failed=statuses["failed"],
            errors=dict(errors.most_common()),
            seconds=max(0.0, last - planned.modified) if planned and planned.modified else 0.0,
            last_commit=last,
            medians=commits[-1].medians if commits else {},
            rows=rows_by_status(self._files, self._run) if is_over else None,
            holder=holder,
            silent_seconds=time.monotonic() - self._shown_at,
        )


class CommitFollower:
    """Reads each commit of a run once.

    Args:
        files: of the store.
        run: name of the run.
    """

    def __init__(self, files: Files, run: str) -> None:
        self._files, self._run = files, run
        self._read: set[str] = set()

    def look(self) -> dict[str, str]:
        """Returns the status by job id of the jobs committed since the last look.

        Raises:
            StoreError: the store cannot be read.
        """
        own = f"{layout.RESULTS}/{self._run}-"
        paths = [path for path in results_paths(self._files) if path.startswith(own) and path not in self._read]
        found: dict[str, str] = {}
        for table in map_tables(lambda table: table, self._files, paths, _COMMITTED):
            found.update(zip(table["job_id"].to_pylist(), table["status"].to_pylist(), strict=True))
        self._read.update(paths)
        return found
