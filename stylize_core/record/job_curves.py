"""Whole loss curves of a few jobs, with their layers, thinned."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from stylize_core.files.files import Files
from stylize_core.record.run_record import JobRecord
from stylize_core.store.ledger import read_metrics
from stylize_core.store.records import METRICS

POINTS = 120
"""Most points of a curve, besides the last one."""

CURVES = tuple(name for name in METRICS.names if name not in ("job_id", "step", "evaluation", "size_px", "seconds"))
"""The terms and the layers."""

Steps = npt.NDArray[np.int64]


def read_curves(files: Files, jobs: Sequence[JobRecord]) -> dict[str, pd.DataFrame]:
    """Returns the curves of finished jobs by job id: frames with `step`, `size_px` and `CURVES`.

    Terms and layers are NaN if unused or not finite.

    Args:
        files: the store.
        jobs: a few hundred at most, because their full losses are in memory.
    """
    found = [job for job in jobs if job.commit]
    lines = pa.table({"job_id": [job.job_id for job in found], "commit": [job.commit for job in found]})
    steps = kept_steps(max((job.steps for job in found), default=0))
    thinned = thin(read_metrics(files, lines), steps)
    return {str(job_id): curve for job_id, curve in thinned.groupby("job_id")}


def kept_steps(last: int, points: int = POINTS) -> Steps:
    """Returns the steps of a thinned curve, from 0 to `last` inclusive, at most about `points`.

    Half of them are spaced evenly, half geometrically, so that neither the steep start nor the long end is lost.
    """
    if last < points:
        return np.arange(last + 1)
    even = np.linspace(0, last, points // 2)
    early = np.geomspace(1, last, points // 2)
    return np.unique(np.rint(np.concatenate([even, early])).astype(int))


def thin(metrics: pa.Table, steps: Steps) -> pd.DataFrame:
    """Keeps the given steps, each job's last and the first of each size; logarithms need positive, finite values."""
    index = metrics.select(["job_id", "step", "size_px"]).to_pandas()
    is_last = index["step"] == index.groupby("job_id")["step"].transform("max")
    is_first = index["step"] == index.groupby(["job_id", "size_px"])["step"].transform("min")
    kept = metrics.filter(pa.array(index["step"].isin(steps) | is_last | is_first))
    frame: pd.DataFrame = kept.select(["job_id", "step", "size_px", *CURVES]).to_pandas()
    values = frame[list(CURVES)]
    frame[list(CURVES)] = values.where(np.isfinite(values) & (values > 0))
    return frame.sort_values(["job_id", "step"])
