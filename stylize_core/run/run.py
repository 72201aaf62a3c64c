"""A run as a whole: from options to engine, lease, plan and chunks, and then to rows, sheets and report.

`stylize_flows` decides where chunks run. Everything else about a run is here, so all runners leave the same store.
"""

import json
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import BinaryIO

import pyarrow as pa

from stylize_core.chunk.context import Progress, RunContext
from stylize_core.engine.engine import Engine
from stylize_core.errors import StoreError, StylizeError
from stylize_core.manifest.manifest import Manifest
from stylize_core.manifest.private_copy import manifest_file
from stylize_core.manifest.public import public_copy
from stylize_core.options import Options
from stylize_core.plan.chunks import Chunks
from stylize_core.plan.plan import Plan, check_startable, make_plan
from stylize_core.run.environment import environment, logged
from stylize_core.run.work import Work
from stylize_core.store import layout
from stylize_core.store.compact import compact
from stylize_core.store.lease import Lease
from stylize_core.store.records import PLAN, ROWS
from stylize_core.store.store import open_store
from stylize_core.store.survey import survey
from stylize_core.store.sweep import sweep
from stylize_core.store.tables import publish_batches, read_table
from stylize_core.store.verify import lost_jobs

_log = logging.getLogger(__name__)

_IMAGE = pa.schema([ROWS.field("image")])


@dataclass(slots=True, kw_only=True)
class Run:
    """A run that holds the lease of its store: call `prepare`, compute the plan's chunks, then call `finish`.

    Attributes:
        options: as requested.
        manifest: its file, as read; the store gets it without credentials.
        context: in which this process computes chunks.
        lease: of the store.
        started: time of the start.
        plan: once the run is prepared.
        lost: ids of jobs of earlier runs whose result does not match its line.
        log: lines logged so far.
        outcome: number of rows by status, once the run is finished.
        has_report: whether sheets and page are drawn.
    """

    options: Options
    manifest: BinaryIO
    context: RunContext
    lease: Lease
    started: str
    log: list[str] = field(default_factory=list)
    plan: Plan | None = None
    lost: list[str] = field(default_factory=list)
    outcome: dict[str, int] = field(default_factory=dict)
    has_report: bool = False

    @property
    def name(self) -> str:
        """The name of the run; names sort by time."""
        return self.context.run

    @property
    def chunks(self) -> Chunks:
        """The chunks of a prepared run."""
        assert self.plan is not None, "a prepared run has a plan"
        return self.plan.chunks

    @property
    def work(self) -> Work:
        """The chunks with everything needed to compute them."""
        options = replace(self.options, precision=self.context.engine.precision)
        return Work(options=options, context=self.context, chunks=self.chunks, log=self.log)

    @property
    def folder_uri(self) -> str:
        """URI of the run's folder, without credentials."""
        return f"{self.context.files.public_uri}/{layout.RUNS}/{self.name}"

    @property
    def report_uri(self) -> str:
        """URI of the report, without credentials; empty if none is drawn."""
        return f"{self.folder_uri}/report.html" if self.has_report else ""

    @property
    def image_uri(self) -> str:
        """URI of the image of a finished run of a single row, without credentials; empty if there is none."""
        if sum(self.outcome.values()) != 1:
            return ""
        files = self.context.files
        (image,) = read_table(files, layout.run(self.name, "results.parquet"), _IMAGE)["image"].to_pylist()
        return f"{files.public_uri}/{image}" if image else ""

    @property
    def summary(self) -> str:
        """The outcome as a line."""
        if not self.outcome:
            return "nothing was begun"
        counts = ", ".join(f"{count} {status}" for status, count in self.outcome.items())
        rows = sum(self.outcome.values())
        return f"{rows} {'row' if rows == 1 else 'rows'}: {counts}"

    @property
    def failed(self) -> int:
        """Number of rows that failed or were rejected, once the run is finished."""
        return self.outcome["failed"] + self.outcome["rejected"]

    @property
    def too_many_failed(self) -> bool:
        """Whether more rows failed or were rejected than `max_failed` allows."""
        return self.failed > self.options.allowed(sum(self.outcome.values()))

    def prepare(self) -> None:
        """Plans, sweeps what a killed run left, and publishes the plan.

        Raises:
            ManifestError: the manifest cannot be read, or none of it may be started.
            Stopped: the run was asked to stop.
            StoreError: the store cannot be read or written.
        """
        context, files, options = self.context, self.context.files, self.options
        manifest, found = Manifest(self.manifest, options.manifest), survey(files)
        self.lost = lost_jobs(files, found, read_all=options.verify)
        plan = make_plan(
            manifest, options, context.engine, files, self.lost, remember=True, should_stop=context.should_stop
        )
        check_startable(plan.rows, options)
        self.plan = plan
        sweep(files, found, context.before_commit)
        self.manifest.seek(0)
        data = public_copy(self.manifest.read(), manifest.format)
        files.publish(layout.run(self.name, f"manifest.{manifest.format}"), data)
        files.publish(layout.run(self.name, "plan.json"), _json(self.plan.summary))
        self._publish_environment()
        publish_batches(files, layout.run(self.name, "plan.parquet"), PLAN, self.plan.lines())
        self.lease.name_run(self.name)

    def finish(self, *, at_once: bool = False) -> None:
        """Publishes the outcome of every row, the log and, if it is wanted and can be drawn, the report.

        Args:
            at_once: skip what can be done later: the report, and joining the commits into few files.
        """
        if self.plan is None:
            return  # stopped while planning: no row was begun
        from stylize_core.record.publish import publish_rows  # here: pandas takes a second, a plan does not need it

        files = self.context.files
        self.outcome = publish_rows(files, self.name, self.lost)
        if not at_once:
            compact(files, self.context.before_commit)
        self._publish_environment()
        self._publish_log()
        if not (at_once or self.options.no_report):
            self._draw_report()

    def _draw_report(self) -> None:
        """Draws sheets and report. If this fails, the run still has its images and its record."""
        told = len(self.log)
        try:
            from stylize_core.report.page import write_report  # here: its packages take 70 MB and workers do not

            write_report(self.context.files, self.name)
            self.has_report = True
        except Exception as error:  # noqa: BLE001  # logging it also shows it
            why = str(error) if isinstance(error, StylizeError) else f"{type(error).__name__}: {error}".strip(" :")
            _log.warning("the report cannot be drawn: %s", why, exc_info=True)
        if len(self.log) > told:
            with suppress(StoreError):
                self._publish_log()

    def _publish_log(self) -> None:
        lines = "".join(f"{line}\n" for line in self.log)
        self.context.files.publish(layout.run(self.name, "log.txt"), lines.encode())

    def _publish_environment(self) -> None:
        times = {
            "run": self.name,
            "started": self.started,
            "finished": datetime.now(UTC).isoformat(timespec="seconds") if self.outcome else None,
            "rows": self.outcome,
        }
        record = {**times, **environment(self.options, self.context.engine)}
        self.context.files.publish(layout.run(self.name, "environment.json"), _json(record))


def _nobody(progress: Progress) -> None:
    """The default: ignores progress."""


@contextmanager
def open_run(
    options: Options,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[Progress], None] = _nobody,
) -> Iterator[Run]:
    """Opens a run: engine, manifest, store and lease; releases the lease at the end.

    Raises:
        StylizeError: nothing could be started.
    """
    with manifest_file(options.manifest) as manifest:
        engine = Engine.load(options.weights, options.device, options.precision)
        files = open_store(options.store, create=True)
        with Lease.acquire(files, wait=options.wait, stop=should_stop) as lease, logged() as log:
            started = datetime.now(UTC)
            name = f"{started:%Y%m%dT%H%M%S}.{started.microsecond // 1000:03d}-{secrets.token_hex(2)}"
            context = RunContext(
                engine=engine,
                files=files,
                run=name,
                before_commit=lease.check,
                should_stop=should_stop,
                on_progress=on_progress,
                job_timeout=options.job_timeout,
            )
            try:
                yield Run(
                    options=options,
                    manifest=manifest,
                    context=context,
                    lease=lease,
                    started=started.isoformat(timespec="seconds"),
                    log=log,
                )
            finally:
                context.on_progress = _nobody  # avoids a cycle through a watcher that holds the run


def _json(value: Mapping[str, object]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
