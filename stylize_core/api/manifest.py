"""Runs a manifest into a store with images, losses, sheets and a report, as `stylize run --runner loop` does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stylize_core.chunk.context import Progress
from stylize_core.options import Options
from stylize_core.run.accounting import accounted
from stylize_core.run.loop import compute_chunks
from stylize_core.run.run import open_run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """The outcome of a manifest.

    Attributes:
        run: name of the run.
        counts: rows by status: done, skipped, failed, rejected, stopped; together they are all rows.
        folder: URI of the run's files, without credentials.
        report: URI of the report; empty if none was drawn.
        store: path or URL of the store.
    """

    run: str
    counts: Mapping[str, int]
    folder: str
    report: str
    store: str

    def table(self) -> pd.DataFrame:
        """Returns the rows in the manifest's order.

        Columns are those of `results.csv` (status, image, final losses, quality, error …), of the plan (preset,
        content, style, every setting) and of the result (width, height, device …). Of more than 100,000 rows, returns
        100,000 that are evenly spread.

        Raises:
            StoreError: the store cannot be read.
        """
        from stylize_core.record.rows import RunRows  # imported here: pandas takes a second
        from stylize_core.record.table import LINE, run_table
        from stylize_core.store.store import open_store

        return run_table(RunRows(open_store(self.store, create=False), self.run, LINE)).rows


def run_manifest(
    manifest: str | os.PathLike[str],
    store: str | os.PathLike[str],
    *,
    weights: str = "imagenet",
    device: str = "auto",
    precision: str = "auto",
    retry_failed: Literal["none", "transient", "all"] = "transient",
    strict: bool = False,
    wait: bool = False,
    verify: bool = False,
    job_timeout: float | None = None,
    report: bool = True,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> RunOutcome:
    """Runs a manifest in this process, on one device; skips what the store has.

    Rows that fail are counted and recorded; they raise nothing. After any kind of stop, the same call resumes.

    Args:
        manifest: path or URL of a CSV or Parquet file.
        store: folder or URL.
        weights: of the network: `imagenet`, `builtin` or a file.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, float32 or bfloat16.
        retry_failed: which jobs that failed before run again.
        strict: do nothing if any row is rejected.
        wait: wait for another run to release the store.
        verify: read the whole store, and compute again what is damaged or missing.
        job_timeout: most seconds to compute a job, None for no limit.
        report: draw contact sheets and the report.
        should_stop: called between evaluations; the program handles signals itself.
        on_progress: called for steps, at most twice a second, and for finished batches.

    Raises:
        Stopped: `should_stop` returned True; every row is accounted for in the store.
        KeyboardInterrupt: Ctrl-C; the same, and the store is free for the next run.
        StylizeError: nothing could be started, or the store failed for good; what was committed is kept.
    """
    options = Options(
        manifest=os.fspath(manifest),
        store=os.fspath(store),
        weights=weights,
        device=device,
        precision=precision,
        runner="loop",
        retry_failed=retry_failed,
        strict=strict,
        wait=wait,
        verify=verify,
        job_timeout=job_timeout,
        no_report=not report,
    )
    with open_run(options, should_stop=should_stop, on_progress=on_progress) as run:
        with accounted(run):
            run.prepare()
            compute_chunks(run)
            run.finish()
        outcome = RunOutcome(
            run=run.name, counts=run.outcome, folder=run.folder_uri, report=run.report_uri, store=options.store
        )
    return outcome
