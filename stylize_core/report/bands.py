"""Quantiles of losses over jobs: by step, and of the final figures; for a whole set, and for its parts."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stylize_core.record.comparable import ComparableSet, Places, parts, splits
from stylize_core.record.table import QUALITY
from stylize_core.record.term_curves import TermCurves
from stylize_core.store.records import TERMS

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
BANDS = ("p10", "p25", "p50", "p75", "p90")

LINES = 8
"""Parts in one chart of curves: as many as colours can tell apart, those with the most jobs."""

RANGES = 40
"""Parts in one chart of final figures."""

BINS = 32
"""Of a histogram."""

Floats = npt.NDArray[np.float32]
Bands = dict[str, list[float | None]]


def spread(one: ComparableSet, jobs: pd.DataFrame, curves: TermCurves) -> dict[str, Any]:
    """Returns what the page draws of a set of comparable jobs.

    Args:
        one: the set.
        jobs: all finished jobs.
        curves: of them.

    Returns:
        `bands` by term; `histograms` by figure; `splits` by column, with its parts: of each the number of jobs,
        `bands` of the first `LINES`, and `finals` by figure.
    """
    ours = jobs.loc[one.places].reset_index(drop=True)
    values = curves.values[one.places]
    terms = [place for place, term in enumerate(TERMS) if (one.has_total or term != "total") and _has(values[:, place])]
    figures = {name: ours[name].to_numpy(np.float64) for name in _figures(terms, ours)}
    return {
        "title": one.title,
        "jobs": len(ours),
        "bands": _bands(values, terms, curves, BANDS),
        "histograms": {name: histogram(column, log=name not in QUALITY) for name, column in figures.items()},
        "splits": {name: _split(parts(ours, name), values, terms, curves, figures) for name in splits(ours)},
    }


def quantiles(values: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Returns `QUANTILES` of each column by linear interpolation, NaN left out, and how many values it has.

    Args:
        values: jobs x steps.
    """
    ordered = np.sort(values, axis=0)  # NaN comes last
    counts = np.count_nonzero(~np.isnan(ordered), axis=0)
    rank = np.outer(QUANTILES, np.maximum(counts - 1, 0))
    low = np.floor(rank).astype(np.int64)
    below = np.take_along_axis(ordered, low, axis=0)
    above = np.take_along_axis(ordered, np.ceil(rank).astype(np.int64), axis=0)
    return (below + (above - below) * (rank - low)).astype(np.float32), counts


def histogram(values: npt.NDArray[np.float64], *, log: bool) -> dict[str, list[float]]:
    """Returns `edges` and `counts` of equal bins; on a logarithmic scale what is not positive is left out."""
    sound = values[np.isfinite(values)]
    sound = sound[sound > 0] if log else sound
    if not len(sound):
        return {"edges": [], "counts": []}
    scaled = np.log10(sound) if log else sound
    counts, edges = np.histogram(scaled, bins=min(BINS, max(4, len(sound) // 4)))
    edges = 10**edges if log else edges
    return {"edges": [_short(edge) for edge in edges], "counts": counts.tolist()}


def _figures(terms: Iterable[int], jobs: pd.DataFrame) -> list[str]:
    names = [*(f"final_{TERMS[place]}" for place in terms), *QUALITY]
    return [name for name in names if jobs[name].notna().any()]


def _split(
    found: Iterable[tuple[str, Places]],
    values: Floats,
    terms: list[int],
    curves: TermCurves,
    figures: Mapping[str, npt.NDArray[np.float64]],
) -> dict[str, Any]:
    every = list(found)
    largest = sorted(range(len(every)), key=lambda place: -len(every[place][1]))[:RANGES]
    lines = set(largest[:LINES])
    return {
        "values": len(every),
        "parts": [
            {
                "value": every[place][0],
                "jobs": len(every[place][1]),
                "bands": _bands(values[every[place][1]], terms, curves, BANDS[1:4]) if place in lines else None,
                "finals": {name: _five(column[every[place][1]]) for name, column in figures.items()},
            }
            for place in sorted(largest)
        ],
    }


def _bands(values: Floats, terms: Iterable[int], curves: TermCurves, names: tuple[str, ...]) -> dict[str, Bands]:
    return {TERMS[place]: _band(values[:, place], curves.steps, names) for place in terms}


def _band(values: Floats, steps: npt.NDArray[np.int64], names: tuple[str, ...]) -> Bands:
    found, counts = quantiles(values)
    kept = counts > 0
    lines: Bands = {"step": steps[kept].tolist()}
    return lines | {name: [_short(value) for value in found[BANDS.index(name), kept]] for name in names}


def _has(values: Floats) -> bool:
    return not bool(np.isnan(values).all())


def _five(values: npt.NDArray[np.float64]) -> list[float] | None:
    sound = values[np.isfinite(values)]
    return [_short(value) for value in np.quantile(sound, QUANTILES)] if len(sound) else None


def _short(value: float) -> float:
    """Four significant digits: finer than a screen, a third of the bytes."""
    return float(f"{value:.4g}")
