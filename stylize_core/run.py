"""A run from the outside: options in; engine, lease, plan and chunks ready; rows, sheets and report at the end.

`flows` decides where the chunks run; everything else about a run is here, so that every runner leaves the same store.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from stylize_core.chunk import Bench, Chunk, Progress
from stylize_core.engine.device import resolve_device, resolve_precision
from stylize_core.engine.engine import Engine
from stylize_core.engine.weights import load_weights
from stylize_core.environment import environment, logged
from stylize_core.errors import InputError, ManifestError
from stylize_core.forecast import probe
from stylize_core.history import History
from stylize_core.job import public_uri
from stylize_core.manifest.manifest import Manifest, load_manifest
from stylize_core.options import Options
from stylize_core.plan import Plan, make_plan
from stylize_core.report.page import write_report
from stylize_core.report.rows import publish_rows
from stylize_core.store import layout
from stylize_core.store.files import Files
from stylize_core.store.fingerprints import Fingerprints
from stylize_core.store.inputs import read_input
from stylize_core.store.lease import Lease
from stylize_core.store.ledger import read_results
from stylize_core.store.records import STATUSES
from stylize_core.store.store import open_store
from stylize_core.store.sweep import sweep
from stylize_core.store.tables import publish_table


@dataclass(slots=True, kw_only=True)
class Run:
    """A run that holds the lease of its store: `prepare`, then the plan's chunks on the bench, then `finish`.

    Attributes:
        name: sorts by time.
        options: as asked.
        manifest: as read.
        bench: where chunks of this process are computed.
        started: when.
        plan: what is to be done, once the run is prepared.
        log: lines logged so far.
        outcome: number of rows by status, once the run is finished.
    """

    name: str
    options: Options
    manifest: bytes
    bench: Bench
    started: str
    log: list[str] = field(default_factory=list)
    plan: Plan | None = None
    outcome: dict[str, int] = field(default_factory=dict)

    @property
    def chunks(self) -> list[Chunk]:
        """The work of a prepared run."""
        return self.plan.chunks if self.plan else []

    @property
    def report_uri(self) -> str:
        """Where the report lies, without credentials."""
        return f"{self.bench.files.public_uri}/{layout.run(self.name, 'report.html')}"

    @property
    def summary(self) -> str:
        """The outcome in a line."""
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
            StoreError: the store cannot be read or written.
        """
        files = self.bench.files
        manifest = load_manifest(self.manifest, self.options.manifest)
        known, history = Fingerprints.load(files), History.of(read_results(files))
        plan = _plan(manifest, self.options, self.bench.engine, known, history)
        _check_startable(plan, self.options)
        sweep(files)
        self.plan = plan
        known.save(files)
        files.publish(layout.run(self.name, "manifest.csv"), self.manifest)
        files.publish(layout.run(self.name, "plan.json"), _json(plan.summary))
        self._publish_environment()
        publish_table(files, layout.run(self.name, "plan.parquet"), plan.to_table())

    def finish(self, *, with_report: bool = True) -> None:
        """Publishes what became of every row, the log and the report.

        Args:
            with_report: also draw sheets and the page; left out where a run has to end at once.
        """
        files = self.bench.files
        rows = publish_rows(files, self.name)
        self.outcome = {status: int((rows["status"] == status).sum()) for status in STATUSES}
        self._publish_environment()
        files.publish(layout.run(self.name, "log.txt"), "".join(f"{line}\n" for line in self.log).encode())
        if with_report:
            write_report(files, self.name)

    def _publish_environment(self) -> None:
        times = {
            "run": self.name,
            "started": self.started,
            "finished": datetime.now(UTC).isoformat(timespec="seconds") if self.outcome else None,
            "rows": self.outcome,
        }
        record = {**times, **environment(self.options, self.bench.engine)}
        self.bench.files.publish(layout.run(self.name, "environment.json"), _json(record))


def read_manifest_file(uri: str) -> bytes:
    """Returns a manifest's bytes.

    Raises:
        ManifestError: there is no such file, or it cannot be read.
    """
    try:
        return read_input(uri)
    except InputError as error:
        what = f"the manifest cannot be read: {error.what}"
        raise ManifestError(what, where=public_uri(uri), todo="name a CSV file that you may read") from error


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
    manifest = load_manifest(read_manifest_file(options.manifest), options.manifest)
    engine = load_engine(options)
    if not Files(options.store).exists(layout.STORE):  # no store yet: everything is to be done
        return _plan(manifest, options, engine, Fingerprints(), History())
    files = open_store(options.store, create=False)
    return _plan(manifest, options, engine, Fingerprints.load(files), History.of(read_results(files)))


def _plan(manifest: Manifest, options: Options, engine: Engine, fingerprints: Fingerprints, history: History) -> Plan:
    return make_plan(
        manifest,
        fingerprints=fingerprints,
        history=history,
        weights=engine.weights,
        precision=engine.precision,
        measure=partial(probe, engine),
        retry_failed=options.retry_failed,
        rows_per_task=options.rows_per_task,
    )


def _check_startable(plan: Plan, options: Options) -> None:
    """Raises what keeps a plan from being started: every row is rejected, or any with `strict`."""
    rejected = [row for row in plan.rows if row.error]
    if len(rejected) < len(plan.rows) and not (rejected and options.strict):
        return
    only = rejected[0].error
    if len(plan.rows) == 1 and only and only.where:
        raise only  # of a single pair the image says it all; its manifest was never seen
    strict = "; --strict allows none" if len(rejected) < len(plan.rows) else ""
    listed = "\n".join(f"  line {row.line}: {row.error}" for row in rejected[:20])
    more = f"\n  … and {len(rejected) - 20} more" if len(rejected) > 20 else ""
    raise ManifestError(
        f"{len(rejected)} of {len(plan.rows)} rows are rejected{strict}",
        where=public_uri(options.manifest),
        todo=f"mend these rows:\n{listed}{more}",
    )


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
    manifest = read_manifest_file(options.manifest)
    engine = load_engine(options)
    files = open_store(options.store, create=True)
    with Lease.acquire(files, wait=options.wait, stop=should_stop) as lease, logged() as log:
        started = datetime.now(UTC)
        name = f"{started:%Y%m%dT%H%M%S}.{started.microsecond // 1000:03d}-{secrets.token_hex(2)}"
        bench = Bench(
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
            bench=bench,
            started=started.isoformat(timespec="seconds"),
            log=log,
        )
        yield run


def _json(value: Mapping[str, object]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
