"""A run from the outside: options in; engine, lease, plan and chunks ready; rows, sheets and report at the end.

`flows` decides where the chunks run; everything else about a run is here, so that every runner leaves the same store.
"""

import json
import logging
import platform
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

import torch

from stylize_core.chunk import Bench, Chunk, Progress
from stylize_core.engine.device import describe, resolve_device, resolve_precision
from stylize_core.engine.engine import Engine
from stylize_core.engine.weights import load_weights
from stylize_core.errors import InputError, ManifestError, UsageError
from stylize_core.forecast import probe, unprobed
from stylize_core.job import public_uri
from stylize_core.manifest.manifest import Manifest, load_manifest
from stylize_core.outcomes import versions
from stylize_core.plan import History, Plan, make_plan
from stylize_core.report.page import write_report
from stylize_core.report.rows import publish_rows
from stylize_core.store import layout
from stylize_core.store.files import Files
from stylize_core.store.inputs import Fingerprints, read_input
from stylize_core.store.lease import Lease
from stylize_core.store.ledger import read_results
from stylize_core.store.records import STATUSES
from stylize_core.store.store import open_store
from stylize_core.store.sweep import sweep
from stylize_core.store.tables import publish_table

RETRY_FAILED = ("none", "transient", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is asked to do; plain values, so that they travel as the parameters of a flow.

    Attributes:
        manifest: path or URL of a CSV manifest.
        store: folder or URL of the store.
        weights: `imagenet`, `builtin` or a path.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, float32 or bfloat16.
        rows_per_task: jobs of a chunk, None to choose.
        max_failed: failed and rejected rows that a good run may have: a number, or a share such as `5%`.
        retry_failed: which jobs that failed before run again.
        strict: do nothing where any row is rejected.
        wait: for another run to give the store free.
    """

    manifest: str
    store: str
    weights: str = "imagenet"
    device: str = "auto"
    precision: str = "auto"
    rows_per_task: int | None = None
    max_failed: str = "0"
    retry_failed: str = "transient"
    strict: bool = False
    wait: bool = False

    def __post_init__(self) -> None:
        """Checks what can be checked without looking at anything.

        Raises:
            UsageError: an option cannot be used.
        """
        self.allowed(100)
        if self.retry_failed not in RETRY_FAILED:
            what = f"unknown choice {self.retry_failed!r}"
            raise UsageError(what, where="--retry-failed", todo=f"use {', '.join(RETRY_FAILED)}")
        if self.rows_per_task is not None and self.rows_per_task < 1:
            raise UsageError(
                f"{self.rows_per_task} rows make no task", where="--rows-per-task", todo="use auto or 1, 2 …"
            )

    def allowed(self, rows: int) -> int:
        """Returns how many of so many rows may fail."""
        number, percent, rest = self.max_failed.partition("%")
        try:
            value = float(number) if percent else int(number)
        except ValueError:
            value = -1
        if rest or value < 0 or (percent and value > 100):
            what = f"{self.max_failed!r} is no number of rows and no share"
            raise UsageError(what, where="--max-failed", todo="write for instance 10 or 5%")
        return int(rows * value / 100) if percent else int(value)


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
        outcome: number of rows by status, once the run is finished.
    """

    name: str
    options: Options
    manifest: bytes
    bench: Bench
    started: str
    plan: Plan | None = None
    outcome: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

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
        return f"{sum(self.outcome.values())} rows: {counts}"

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
        files.publish(layout.run(self.name, "environment.json"), _json(_environment(self)))
        publish_table(files, layout.run(self.name, "plan.parquet"), plan.to_table())

    def finish(self, *, with_report: bool = True) -> None:
        """Publishes what became of every row, the log and the report.

        Args:
            with_report: also draw sheets and the page; left out where a run has to end at once.
        """
        files = self.bench.files
        rows = publish_rows(files, self.name)
        self.outcome = {status: int((rows["status"] == status).sum()) for status in STATUSES}
        files.publish(layout.run(self.name, "environment.json"), _json(_environment(self)))
        files.publish(layout.run(self.name, "log.txt"), "".join(f"{line}\n" for line in self.log).encode())
        if with_report:
            write_report(files, self.name)


def read_manifest_file(uri: str) -> bytes:
    """Returns a manifest's bytes.

    Raises:
        ManifestError: there is no such file, or it cannot be read.
    """
    try:
        return read_input(uri)
    except InputError as error:
        raise ManifestError(f"the manifest cannot be read: {error.what}", where=public_uri(uri)) from error


def load_engine(options: Options) -> Engine:
    """Returns the engine that options ask for.

    Raises:
        UsageError: device or precision.
        WeightsError: the weights.
    """
    device = resolve_device(options.device)
    precision = resolve_precision(options.precision, device)
    return Engine(load_weights(options.weights), device=device, precision=precision)


def look_ahead(options: Options) -> Plan:
    """Returns the plan of a run that is not made: all that can be known before; writes nothing."""
    engine = load_engine(options)
    manifest = load_manifest(read_manifest_file(options.manifest), options.manifest)
    if not Files(options.store).exists(layout.STORE):  # no store yet: everything is to be done
        return _plan(manifest, options, engine, Fingerprints(), History())
    files = open_store(options.store, create=False)
    return _plan(manifest, options, engine, Fingerprints.load(files), History.of(read_results(files)))


def _plan(manifest: Manifest, options: Options, engine: Engine, fingerprints: Fingerprints, history: History) -> Plan:
    rate = probe(engine, manifest.rows[0].settings) if manifest.rows else unprobed(engine.device, engine.precision)
    return make_plan(
        manifest,
        fingerprints=fingerprints,
        history=history,
        weights=engine.weights,
        precision=engine.precision,
        rate=rate,
        retry_failed=options.retry_failed,
        rows_per_task=options.rows_per_task,
    )


def _check_startable(plan: Plan, options: Options) -> None:
    """Raises ManifestError where nothing may be started: every row rejected, or any with `strict`."""
    rejected = plan.counts["reject"]
    if rejected == len(plan.rows) or (rejected and options.strict):
        strict = "; --strict allows none" if rejected < len(plan.rows) else ""
        errors = [row for row in plan.rows if row.error]
        listed = "\n".join(f"  line {row.line}: {row.error}" for row in errors[:20])
        more = f"\n  … and {len(errors) - 20} more" if len(errors) > 20 else ""
        raise ManifestError(
            f"{rejected} of {len(plan.rows)} rows are rejected{strict}",
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
    engine = load_engine(options)
    manifest = read_manifest_file(options.manifest)
    files = open_store(options.store, create=True)
    with Lease.acquire(files, wait=options.wait, stop=should_stop) as lease:
        started = datetime.now(UTC)
        name = f"{started:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        bench = Bench(
            engine=engine,
            files=files,
            run=name,
            before_commit=lease.check,
            should_stop=should_stop,
            on_progress=on_progress,
        )
        run = Run(
            name=name,
            options=options,
            manifest=manifest,
            bench=bench,
            started=started.isoformat(timespec="seconds"),
        )
        with _logged(run.log):
            yield run


def _environment(run: Run) -> dict[str, object]:
    engine = run.bench.engine
    options = asdict(run.options) | {name: public_uri(getattr(run.options, name)) for name in ("manifest", "store")}
    return {
        "run": run.name,
        "started": run.started,
        "finished": datetime.now(UTC).isoformat(timespec="seconds") if run.outcome else None,
        "command": " ".join(public_uri(word) for word in sys.argv),
        "options": options,
        "rows": run.outcome,
        "device": describe(engine.device),
        "precision": engine.precision,
        "weights": {"name": engine.weights.name, "sha256": engine.weights.sha256},
        "versions": versions(),
        "host": platform.node(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
    }


def _json(value: Mapping[str, object]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


@contextmanager
def _logged(lines: list[str]) -> Iterator[None]:
    """Collects what the package logs, for the run's record."""
    handler = _Lines(lines)
    logger = logging.getLogger("stylize_core")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
