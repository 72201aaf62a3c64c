"""What a run will do: rows and what becomes of them, chunks of jobs and what they will cost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stylize_core.plan.chunks import Chunks, share_out
from stylize_core.plan.forecast import NOTHING, Forecast, forecast
from stylize_core.plan.plan_table import CostGroup, PlannedRows
from stylize_core.plan.rates import Rate


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


def make_plan(rows: PlannedRows, *, measure: Callable[[CostGroup], Rate], rows_per_task: int | None = None) -> Plan:
    """Makes the plan of a run.

    Args:
        rows: what becomes of every row.
        measure: tells how fast the device is on such jobs; asked about the largest ones that are to run.
        rows_per_task: jobs of a chunk, None to choose.
    """
    if not rows.kinds:
        nowhere = np.zeros(len(rows), np.int32)
        return Plan(rows=rows, chunks=Chunks(rows.jobs), groups=0, forecast=NOTHING, chunk_of=nowhere)
    rate = measure(max(rows.kinds, key=lambda kind: kind.height * kind.width))
    share = share_out(rows, rate, rows_per_task)
    cost = forecast(share.kinds, rate)
    return Plan(rows=rows, chunks=share.chunks, groups=share.groups, forecast=cost, chunk_of=share.chunk_of)
