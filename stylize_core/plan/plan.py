"""What a run will do: rows and what becomes of them, chunks of jobs and what they will cost."""

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
    """What a run will do; memory for it is some 40 bytes a row, the rest lies in temporary files.

    Attributes:
        rows: the manifest's, and what becomes of them.
        chunks: the work, in order.
        groups: number of groups among the jobs to run.
        forecast: of the jobs to run.
        chunk_of: number of each row's chunk, 0 where it has none.
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
            rows: what becomes of every row.
            measure: tells how fast the device is on such jobs; asked about the largest ones that are to run.
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
        """Yields a line a row with schema `PLAN`, in the manifest's order, batch by batch."""
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
        engine: the device; it is measured where the store does not tell how fast it is.
        files: the store; None where there is none yet, so that everything is to be done.
        lost: as of `History`.
        remember: have the store keep the fingerprints of inputs that it does not know yet.
        should_stop: asked several times a batch of rows.

    Raises:
        ManifestError: the manifest is damaged in its middle.
        Stopped: `should_stop` returned True.
        StoreError: the store cannot be read or, to remember, written.
        UsageError: there is no room for temporary files.
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
    """Returns what becomes of every row; what is known of the store takes memory no longer than that."""
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
        ManifestError: every row is rejected, or any with `strict`.
        StylizeError: the only row is rejected; its own error.
    """
    count = rows.counts["reject"]
    if count < len(rows) and not (count and options.strict):
        return
    only = rows.rejected[0].error
    if len(rows) == 1 and only and only.where:
        raise only  # of a single pair the image says it all; its manifest was never seen
    strict = "; --strict allows none" if count < len(rows) else ""
    listed = "\n".join(f"  line {one.row.line}: {one.error}" for one in rows.rejected)
    more = f"\n  … and {count - len(rows.rejected)} more" if count > len(rows.rejected) else ""
    raise ManifestError(
        f"{count} of {len(rows)} rows are rejected{strict}",
        where=public_uri(options.manifest),
        todo=f"mend these rows:\n{listed}{more}",
    )
