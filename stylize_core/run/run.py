"""A run from the outside: options in; engine, lease, plan and chunks ready; rows, sheets and report at the end.

`stylize_flows` decides where the chunks run. Everything else about a run is here: every runner leaves the same store.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO

from stylize_core.chunk.context import Progress, RunContext
from stylize_core.engine.device import resolve_device, resolve_precision
from stylize_core.engine.engine import Engine
from stylize_core.engine.weights import load_weights
from stylize_core.files.files import Files
from stylize_core.manifest.manifest import Manifest
from stylize_core.manifest.private_copy import manifest_file
from stylize_core.manifest.public import public_copy
from stylize_core.options import Options
from stylize_core.plan.chunks import Chunks
from stylize_core.plan.history import History
from stylize_core.plan.plan import Plan, make_plan
from stylize_core.plan.preparing import check_startable, rows_of
from stylize_core.plan.rates import Rate, known_rate, probe
from stylize_core.record.publish import publish_rows
from stylize_core.run.environment import environment, logged
from stylize_core.run.work import Work
from stylize_core.settings import Settings
from stylize_core.store import layout
from stylize_core.store.compact import compact
from stylize_core.store.fingerprints import Fingerprints
from stylize_core.store.lease import Lease
from stylize_core.store.records import PLAN
from stylize_core.store.store import open_store
from stylize_core.store.survey import survey
from stylize_core.store.sweep import check_sweepable, sweep
from stylize_core.store.tables import publish_batches
from stylize_core.store.verify import lost_jobs


@dataclass(slots=True, kw_only=True)
class Run:
    """A run that holds the lease of its store: `prepare`, then the plan's chunks on the context, then `finish`.

    Attributes:
        name: sorts by time.
        options: as asked.
        manifest: its file, as read; the store gets it without credentials.
        context: where chunks of this process are computed.
        lease: of the store.
        started: when.
        plan: what is to be done, once the run is prepared.
        lost: ids of jobs that earlier runs did and whose result is not what their line says.
        log: lines logged so far.
        outcome: number of rows by status, once the run is finished.
    """

    name: str
    options: Options
    manifest: BinaryIO
    context: RunContext
    lease: Lease
    started: str
    log: list[str] = field(default_factory=list)
    plan: Plan | None = None
    lost: list[str] = field(default_factory=list)
    outcome: dict[str, int] = field(default_factory=dict)

    @property
    def chunks(self) -> Chunks:
        """The work of a prepared run."""
        assert self.plan is not None, "a prepared run has a plan"
        return self.plan.chunks

    @property
    def work(self) -> Work:
        """The same with what is needed for it."""
        chunks = self.chunks
        return Work(
            name=self.name, options=self.options, context=self.context, chunks=chunks, jobs=chunks.jobs, log=self.log
        )

    @property
    def report_uri(self) -> str:
        """Where the report lies, without credentials."""
        return f"{self.context.files.public_uri}/{layout.run(self.name, 'report.html')}"

    @property
    def summary(self) -> str:
        """The outcome in a line."""
        if not self.outcome:
            return "nothing was begun"
        counts = ", ".join(f"{count} {status}" for status, count in self.outcome.items())
        rows = sum(self.outcome.values())
        return f"{rows} {'row' if rows == 1 else 'rows'}: {counts}"

    @property
    def too_many_failed(self) -> bool:
        """Whether more rows failed or were rejected than `max_failed` allows."""
        return self.outcome["failed"] + self.outcome["rejected"] > self.options.allowed(sum(self.outcome.values()))

    def prepare(self) -> None:
        """Plans, sweeps what a killed run left, and publishes the plan.

        Raises:
            ManifestError: the manifest cannot be read, or nothing of it may be started.
            Stopped: the run is to stop.
            StoreError: the store cannot be read or written.
        """
        files, engine = self.context.files, self.context.engine
        manifest, known = Manifest(self.manifest, self.options.manifest), Fingerprints.load(files)
        found = survey(files)
        self.lost = lost_jobs(files, found, read_all=self.options.verify)
        rows = rows_of(
            manifest,
            self.options,
            engine,
            fingerprints=known,
            history=History.read(files, self.lost),
            remember=partial(known.save, files),
            should_stop=self.context.should_stop,
        )
        check_startable(rows, self.options)
        sweep(files, found, self.context.before_commit)
        known.save(files)
        del known  # the device is measured next, and both take memory
        rate = known_rate(files, engine)
        self.plan = make_plan(rows, measure=partial(_measured, engine, rate), rows_per_task=self.options.rows_per_task)
        self.manifest.seek(0)
        files.publish(
            layout.run(self.name, f"manifest.{manifest.format}"), public_copy(self.manifest.read(), manifest.format)
        )
        files.publish(layout.run(self.name, "plan.json"), _json(self.plan.summary))
        self._publish_environment()
        publish_batches(files, layout.run(self.name, "plan.parquet"), PLAN, self.plan.lines())
        self.lease.name_run(self.name)

    def finish(self, *, with_report: bool = True) -> None:
        """Publishes what became of every row, the log and the report.

        Args:
            with_report: also draw sheets and the page; left out where a run has to end at once.
        """
        if self.plan is None:
            return  # stopped while it was planned: no row was begun
        files = self.context.files
        self.outcome = publish_rows(files, self.name, self.lost)
        if with_report:  # there is time
            compact(files, self.context.before_commit)
        self._publish_environment()
        self._publish_log()
        if with_report:
            from stylize_core.report.page import write_report  # here: its packages take 70 MB, which no worker needs

            told = len(self.log)
            write_report(files, self.name)
            if len(self.log) > told:
                self._publish_log()

    def _publish_log(self) -> None:
        log = "".join(f"{line}\n" for line in self.log)
        self.context.files.publish(layout.run(self.name, "log.txt"), log.encode())

    def _publish_environment(self) -> None:
        times = {
            "run": self.name,
            "started": self.started,
            "finished": datetime.now(UTC).isoformat(timespec="seconds") if self.outcome else None,
            "rows": self.outcome,
        }
        record = {**times, **environment(self.options, self.context.engine)}
        self.context.files.publish(layout.run(self.name, "environment.json"), _json(record))


def load_engine(options: Options) -> Engine:
    """Returns the engine that options ask for.

    Raises:
        UsageError: device or precision.
        WeightsError: the weights.
    """
    device = resolve_device(options.device)
    precision = resolve_precision(options.precision, device)
    return Engine(load_weights(options.weights, progress=True), device=device, precision=precision)


def look_ahead(options: Options) -> Plan:
    """Returns the plan of a run that is not made: all that can be known before; writes nothing."""
    with manifest_file(options.manifest) as file:
        manifest, engine = Manifest(file, options.manifest), load_engine(options)
        known, history, rate = Fingerprints(), History(), None
        if Files(options.store).exists(layout.STORE):  # where there is no store yet, everything is to be done
            files = open_store(options.store, create=False)
            found = survey(files)
            check_sweepable(files, found)
            history = History.read(files, lost_jobs(files, found, read_all=options.verify))
            known, rate = Fingerprints.load(files), known_rate(files, engine)
        rows = rows_of(manifest, options, engine, fingerprints=known, history=history, remember=known.settle)
    del known, history  # the device is measured next, and all of them take memory
    return make_plan(rows, measure=partial(_measured, engine, rate), rows_per_task=options.rows_per_task)


@contextmanager
def open_run(
    options: Options,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Iterator[Run]:
    """Opens a run: engine, manifest, store and lease, which is given back at the end.

    Raises:
        StylizeError: nothing could be started.
    """
    with manifest_file(options.manifest) as manifest:
        engine = load_engine(options)
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
            run = Run(
                name=name,
                options=options,
                manifest=manifest,
                context=context,
                lease=lease,
                started=started.isoformat(timespec="seconds"),
                log=log,
            )
            yield run


def _measured(engine: Engine, known: Rate | None, settings: Settings) -> Rate:
    return known or probe(engine, settings)


def _json(value: Mapping[str, object]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
