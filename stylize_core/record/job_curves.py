"""Loss curves out of the store, thinned: whole curves of the shown jobs, quantiles over all."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from stylize_core.files.files import Files
from stylize_core.record.run_record import RunRecord
from stylize_core.store.ledger import read_metrics
from stylize_core.store.records import METRICS, TERMS

POINTS = 120
"""Points of a curve at most, and a last one."""

JOBS_AT_ONCE = 1000
"""Jobs whose losses are in memory unthinned."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BANDS = ("p5", "p25", "p50", "p75", "p95")

CURVES = tuple(name for name in METRICS.names if name not in ("job_id", "step", "evaluation", "size_px", "seconds"))
"""The terms and the layers."""


Steps = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Thinned losses of a run.

    Attributes:
        curves: by job id, a frame with `step` and `CURVES`; NaN where unused or not finite.
        terms: `job_id`, `step` and the terms of all jobs.
    """

    curves: dict[str, pd.DataFrame]
    terms: pd.DataFrame


def read_losses(files: Files, record: RunRecord, shown: Collection[str]) -> Losses:
    """Returns the losses of a run, read a thousand jobs at a time.

    Args:
        files: the store.
        record: the run.
        shown: ids of the jobs whose whole curves are wanted, with their layers.
    """
    steps = kept_steps(max((job.steps for job in record.finished), default=0))
    curves: dict[str, pd.DataFrame] = {}
    terms = [_thin(METRICS.empty_table(), steps)]
    for results in _slices(record.results):
        frame = _thin(read_metrics(files, results), steps)
        wanted = frame[frame["job_id"].isin(list(shown))]
        curves |= {str(job_id): lines for job_id, lines in wanted.groupby("job_id")}
        terms.append(frame[["job_id", "step", *TERMS]])
    return Losses(curves=curves, terms=pd.concat(terms))


def kept_steps(last: int, points: int = POINTS) -> Steps:
    """Returns the steps of a thinned curve, from 0 to `last`, both among them, and about `points` at most.

    Half of them lie evenly, half geometrically, so that neither the steep start nor the long end is lost.
    """
    if last < points:
        return np.arange(last + 1)
    even = np.linspace(0, last, points // 2)
    early = np.geomspace(1, last, points // 2)
    return np.unique(np.rint(np.concatenate([even, early])).astype(int))


def bands(lines: pd.DataFrame, term: str) -> pd.DataFrame:
    """Returns `step`, `p5`, `p25`, `p50`, `p75`, `p95` of a term over jobs.

    Only steps that at least half of the jobs reached: the quantiles of a few long ones would look like progress.

    Args:
        lines: of `Losses.terms`.
        term: its column.
    """
    by_step = lines.dropna(subset=[term]).groupby("step")[term]
    table = by_step.quantile(np.array(QUANTILES)).unstack()
    table.columns = pd.Index(BANDS)
    return table[by_step.size() >= lines["job_id"].nunique() / 2].reset_index()


def _slices(results: pa.Table) -> Iterator[pa.Table]:
    ordered = results.sort_by("commit")  # a commit's file is read once
    for start in range(0, len(ordered), JOBS_AT_ONCE):
        yield ordered.slice(start, JOBS_AT_ONCE)


def _thin(metrics: pa.Table, steps: Steps) -> pd.DataFrame:
    """Keeps the given steps and each job's last; logarithms need positive, finite values."""
    index = metrics.select(["job_id", "step"]).to_pandas()
    is_last = index["step"] == index.groupby("job_id")["step"].transform("max")
    kept = metrics.filter(pa.array(index["step"].isin(steps) | is_last))
    frame: pd.DataFrame = kept.select(["job_id", "step", *CURVES]).to_pandas()
    values = frame[list(CURVES)]
    frame[list(CURVES)] = values.where(np.isfinite(values) & (values > 0))
    return frame.sort_values(["job_id", "step"])
