"""Bands: quantiles of a loss by step, over comparable jobs."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from stylize_core.record.comparable import Places
from stylize_core.record.term_curves import TermCurves
from stylize_core.terms import LOSSES

BANDS = {"p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9}

Floats = npt.NDArray[np.float32]


def band(curves: TermCurves, places: Places, loss: str) -> pd.DataFrame:
    """Returns `step` and the quantiles `BANDS` of a loss over jobs, without steps at which no job has a value.

    A job that has ended keeps its last loss, so that every step covers the same jobs.

    Args:
        curves: of all jobs.
        places: of the jobs that count.
        loss: one of `terms.LOSSES`.
    """
    found, counts = quantiles(curves.values[places, LOSSES.index(loss)])
    is_known = counts > 0
    lines = zip(BANDS, found[:, is_known], strict=True)
    return pd.DataFrame({"step": curves.steps[is_known], **dict(lines)})


def quantiles(values: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Returns the quantiles `BANDS` of each column by linear interpolation, and its number of values.

    Args:
        values: jobs x steps; NaN is left out.
    """
    ordered = np.sort(values, axis=0)  # NaN is sorted last
    counts = np.count_nonzero(~np.isnan(ordered), axis=0)
    rank = np.outer(list(BANDS.values()), np.maximum(counts - 1, 0))
    low = np.floor(rank).astype(np.int64)
    below = np.take_along_axis(ordered, low, axis=0)
    above = np.take_along_axis(ordered, np.ceil(rank).astype(np.int64), axis=0)
    return (below + (above - below) * (rank - low)).astype(np.float32), counts
