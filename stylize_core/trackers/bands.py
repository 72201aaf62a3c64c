"""Quantiles of losses by step, over the jobs of a group."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from stylize_core.files.files import Files
from stylize_core.store.ledger import read_metrics

POINTS = 60
"""Steps of a curve at most, and step 0: trackers thin out longer ones by themselves, and not evenly."""

SAMPLE = 5_000
"""Jobs whose curves count; ids are hashes, so that the first ones are a fair sample."""

JOBS_AT_ONCE = 500
"""Jobs whose losses are in memory with every step and layer."""

QUANTILES = {"p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9}


def read_bands(files: Files, lines: pa.Table, terms: Sequence[str]) -> tuple[dict[str, pd.DataFrame], int]:
    """Returns quantiles of each term by step, and how many jobs they are of.

    Only steps that at least half of these jobs reached: the quantiles of a few long ones would look like progress.

    Args:
        files: the store.
        lines: live lines of the jobs: `job_id`, `commit` and `steps`.
        terms: columns of the losses.

    Returns:
        By term, a frame with `step` and `QUANTILES`; terms without a finite value are left out.
    """
    sample = lines.sort_by("job_id").slice(0, SAMPLE)
    steps = kept_steps(pc.max(sample["steps"]).as_py() or 0)
    columns = ["job_id", "step", *terms]
    curves = pd.concat([part.select(columns).to_pandas() for part in _thinned(files, sample, steps)])
    bands = {term: _bands(curves, term, len(sample)) for term in terms}
    return {term: table for term, table in bands.items() if len(table)}, len(sample)


def kept_steps(last: int) -> npt.NDArray[np.int64]:
    """Returns at most `POINTS` + 1 steps from 0 to `last`, evenly spread, both among them."""
    return np.unique(np.linspace(0, last, POINTS + 1).round().astype(np.int64))


def _thinned(files: Files, sample: pa.Table, steps: npt.NDArray[np.int64]) -> Iterator[pa.Table]:
    ordered = sample.sort_by("commit")  # a commit's file is read once
    for start in range(0, max(len(ordered), 1), JOBS_AT_ONCE):
        losses = read_metrics(files, ordered.slice(start, JOBS_AT_ONCE))
        yield losses.filter(pc.is_in(losses["step"], value_set=pa.array(steps, pa.int32())))


def _bands(curves: pd.DataFrame, term: str, jobs: int) -> pd.DataFrame:
    values = curves[np.isfinite(curves[term])].groupby("step")[term]
    table: pd.DataFrame = values.quantile(np.array(list(QUANTILES.values()))).unstack()
    if table.empty:
        return table
    table.columns = pd.Index(list(QUANTILES))
    reached: pd.DataFrame = table[values.size() >= jobs / 2].reset_index()
    return reached
