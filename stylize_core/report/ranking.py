"""The jobs of a run that deserve a look: lists of the worst by several measures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stylize_core import wording
from stylize_core.record.comparable import scales
from stylize_core.record.term_curves import TAIL, TermCurves
from stylize_core.settings import TERM_SCALE

LENGTH = 8
"""Most jobs in a list."""

FEW = 12
"""A run with at most this many jobs needs no lists."""

FALLING = 0.01
"""A job has not converged if its total fell by more than this share over the last tenth of its steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A list of jobs.

    Attributes:
        title: of the list.
        note: its order.
        jobs: the ids, the most remarkable first, each with its measure as text.
        total: number of jobs to which the title applies; None if it applies to all.
    """

    title: str
    note: str
    jobs: dict[str, str]
    total: int | None = None


def rank(jobs: pd.DataFrame, curves: TermCurves) -> list[Ranked]:
    """Returns the lists that are not empty; none for a run with few jobs.

    Args:
        jobs: all finished jobs.
        curves: of them.
    """
    if len(jobs) <= FEW:
        return []
    sound = jobs[jobs["status"] != "failed"]
    lists = [_style(sound), _diverged(jobs), _falling(sound, curves), _slowest(jobs)]
    return [one for one in lists if one.jobs]


def _style(sound: pd.DataFrame) -> Ranked:
    """Returns a loss relative to the median of its comparable set, so that one list can mix forms and sizes."""
    judged = sound[sound["final_style"].notna()]
    losses = judged["final_style"].astype(float)
    medians = losses.groupby(scales(judged, TERM_SCALE)).transform("median")
    ratio = (losses / medians.where(medians > 0)).dropna()
    return Ranked(
        title="Highest style loss",
        note="final style term against the median of the jobs it compares with",
        jobs=_top(judged, ratio, lambda value: f"{value:.3g} × median"),
    )


def _diverged(jobs: pd.DataFrame) -> Ranked:
    found = jobs[(jobs["error_code"] == "diverged").to_numpy(bool)]
    return Ranked(
        title="Diverged",
        note="the loss was no longer finite; in the manifest's order",
        jobs=dict(zip(found["job_id"][:LENGTH], map(_step, found["best_step"][:LENGTH]), strict=True)),
        total=len(found),
    )


def _falling(sound: pd.DataFrame, curves: TermCurves) -> Ranked:
    falling = pd.Series(curves.falling[sound.index], sound.index).dropna()
    falling = falling[falling > FALLING]
    return Ranked(
        title="Not converged",
        note=f"the total fell by more than {FALLING:.0%} over the last {TAIL:.0%} of the steps",
        jobs=_top(sound, falling, lambda value: f"fell {value:.1%}"),
        total=len(falling),
    )


def _slowest(jobs: pd.DataFrame) -> Ranked:
    """The jobs of a batch share its time evenly, to the last digit: the first one represents all."""
    seconds = jobs["seconds"].astype(float).dropna()
    sizes = seconds.value_counts()
    return Ranked(
        title="Slowest",
        note="device time of a job; one job of each batch",
        jobs=_top(jobs, seconds.drop_duplicates(), lambda value: _each(wording.duration(value), sizes[value])),
    )


def _each(time: str, jobs: int) -> str:
    return time if jobs == 1 else f"{time} each of {jobs:,}"


def _top(jobs: pd.DataFrame, measure: "pd.Series[float]", words: Callable[[float], str]) -> dict[str, str]:
    ordered = measure.sort_values(ascending=False, kind="stable")[:LENGTH]
    return dict(zip(jobs["job_id"].loc[ordered.index], map(words, ordered), strict=True))


def _step(best: float) -> str:
    return "" if np.isnan(best) else f"best step {best:,.0f}"
