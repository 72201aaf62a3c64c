"""What a run will do: rows with their actions, chunks of jobs and their cost."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stylize_core.engine.engine import Engine
from stylize_core.errors import ManifestError
from stylize_core.files.files import Files
from stylize_core.job import public_uri
from stylize_core.manifest.manifest import Manifest
from stylize_core.options import Options
from stylize_core.plan.chunks import Chunks, share_out
from stylize_core.plan.forecast import NOTHING, Forecast, forecast
from stylize_core.plan.history import History
from stylize_core.plan.plan_table import CostGroup, PlannedRows
from stylize_core.plan.rates import Rate, rate_of
from stylize_core.plan.rows import plan_rows
from stylize_core.store.fingerprints import Fingerprints


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will do; it takes about 40 bytes of memory per row, the rest is in temporary files.

    Attributes:
        rows: the manifest's rows with their actions.
        chunks: the work, in order.
        groups: number of groups among the jobs to run.
        forecast: of the jobs to run.
        chunk_of: number of each row's chunk, 0 if it has none.
    """

    rows: PlannedRows
    chunks: Chunks
    groups: int
    forecast: Forecast
    chunk_of: npt.NDArray[np.int32]

    @classmethod
    def of(cls, rows: PlannedRows, measure: Callable[[CostGroup], Rate], rows_per_task: int | None = None) -> "Plan":
        """Returns the plan of rows.

        Args:
            rows: with their actions.
            measure: returns the device's speed for such jobs; called for the largest jobs to run.
            rows_per_task: jobs of a chunk, None to choose.
        """
        if not rows.kinds:
            nowhere = np.zeros(len(rows), np.int32)
            return cls(rows=rows, chunks=Chunks(rows.jobs), groups=0, forecast=NOTHING, chunk_of=nowhere)
        rate = measure(max(rows.kinds, key=lambda kind: kind.height * kind.width))
        share = share_out(rows, rate, rows_per_task)
        cost = forecast(share.kinds, rate)
        return cls(rows=rows, chunks=share.chunks, groups=share.groups, forecast=cost, chunk_of=share.chunk_of)

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows by action."""
        return self.rows.counts

    @property
    def summary(self) -> dict[str, object]:
        """The plan in numbers, as plain JSON values."""
        return {
            "rows": len(self.rows),
            "actions": self.counts,
            "groups": self.groups,
            "chunks": len(self.chunks),
            "forecast": self.forecast.to_dict(),
        }

    def lines(self) -> Iterator[pa.RecordBatch]:
        """Yields a line per row with schema `PLAN`, in the manifest's order, batch by batch."""
        return self.rows.lines(self.chunk_of)


def make_plan(
    manifest: Manifest,
    options: Options,
    engine: Engine,
    files: Files | None,
    lost: Sequence[str] = (),
    *,
    remember: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> Plan:
    """Makes the plan of a run.

    Args:
        manifest: its rows.
        options: of the run.
        engine: the device; it is measured if its speed does not follow from the store.
        files: the store; None if there is none yet, so that everything is new.
        lost: see `History`.
        remember: save the fingerprints of new inputs in the store.
        should_stop: called several times per batch of rows.

    Raises:
        ManifestError: the manifest is damaged in its middle.
        Stopped: `should_stop` returned True.
        StoreError: the store cannot be read or, with `remember`, written.
        UsageError: there is no space for temporary files.
    """
    rows = _rows(manifest, options, engine, files, lost, remember, should_stop)
    return Plan.of(rows, partial(rate_of, engine, files), options.rows_per_task)


def _rows(
    manifest: Manifest,
    options: Options,
    engine: Engine,
    files: Files | None,
    lost: Sequence[str],
    remember: bool,
    should_stop: Callable[[], bool],
) -> PlannedRows:
    """Returns every row with its action; the knowledge about the store is released afterwards."""
    known, history = (Fingerprints.load(files), History.read(files, lost)) if files else (Fingerprints(), History())
    keep = partial(known.save, files) if files and remember else known.settle
    rows = plan_rows(
        manifest,
        fingerprints=known,
        history=history,
        weights=engine.weights,
        precision=engine.precision,
        retry_failed=options.retry_failed,
        remember=keep,
        should_stop=should_stop,
    )
    keep()
    return rows


def check_startable(rows: PlannedRows, options: Options) -> None:
    """Checks whether a run may start.

    Raises:
        ManifestError: every row is rejected, or with `strict` any row.
        StylizeError: the only row is rejected; this is its error.
    """
    count = rows.counts["reject"]
    if count < len(rows) and not (count and options.strict):
        return
    only = rows.rejected[0].error
    if len(rows) == 1 and only and only.where:
        raise only  # for a single pair this is enough: the user never saw a manifest
    strict = "; --strict allows none" if count < len(rows) else ""
    listed = "\n".join(f"  line {one.row.line}: {one.error}" for one in rows.rejected)
    more = f"\n  … and {count - len(rows.rejected)} more" if count > len(rows.rejected) else ""
    raise ManifestError(
        f"{count} of {len(rows)} rows are rejected{strict}",
        where=public_uri(options.manifest),
        todo=f"correct these rows:\n{listed}{more}",
    )
