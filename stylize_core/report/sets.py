"""The chart data of a set of comparable jobs: bands by step and final figures, over all jobs and by part."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stylize_core.files.files import Files
from stylize_core.record.bands import BANDS, band
from stylize_core.record.comparable import ComparableSet, Places, comparable_sets, parts, splits
from stylize_core.record.term_curves import TermCurves, read_term_curves
from stylize_core.report.comparison import Comparison
from stylize_core.report.packing import digits
from stylize_core.store.records import QUALITIES

MIDDLE = ("p25", "p50", "p75")
"""Quantiles in the band of a part."""

LINES = 8
"""Most parts in one chart of curves: as many as colours can distinguish, those with the most jobs."""

RANGES = 40
"""Most parts in one chart of final figures."""

COMPARED = 6
"""Most sets to draw for two runs, the largest first."""

RUNS = ("A, before", "B, after")
"""Names of the earlier and the later run in the charts of a comparison."""

SIZES = 8
"""Most starts of sizes to mark in one chart: those of the most jobs."""

BINS = 32
"""Bins of a histogram."""

Values = npt.NDArray[np.float64]
Bands = dict[str, list[float | None]]


def compared_sets(files: Files, comparison: Comparison) -> list[dict[str, Any]]:
    """Returns the chart data of two runs: sets of comparable jobs, split by run.

    Args:
        files: the store.
        comparison: of the runs.

    Raises:
        StoreError: the store cannot be read.
    """
    sides = [comparison.others.assign(run=RUNS[0]), comparison.rows.assign(run=RUNS[1])]
    is_sound = np.logical_and.reduce([side["status"] != "failed" for side in sides])
    both = pd.concat([side[is_sound] for side in sides], ignore_index=True, join="inner")
    distinct = both.drop_duplicates("job_id").reset_index(drop=True)
    found = read_term_curves(files, distinct)
    places = pd.Index(distinct["job_id"]).get_indexer(both["job_id"])
    curves = replace(found, values=found.values[places], falling=found.falling[places])
    sets = [one for one in comparable_sets(both) if both["run"].iloc[one.places].nunique() == len(sides)]
    found_sets = [set_data(one, both, curves, ["run"]) for one in sets[:COMPARED]]
    for one in found_sets:
        one["splits"]["run"]["parts"].sort(key=lambda part: part["value"])  # A first, even with fewer jobs
    return [{**one, "lines": None} for one in found_sets]


def set_data(
    one: ComparableSet, jobs: pd.DataFrame, curves: TermCurves, by: Sequence[str] | None = None
) -> dict[str, Any]:
    """Returns the chart data of a set of comparable jobs.

    Args:
        one: the set.
        jobs: all finished jobs.
        curves: of them.
        by: columns by which the set is split; see `splits` for the usual ones.

    Returns:
        `sizes`: first step and long edge in pixels of each size of coarse to fine, by step; `bands` by term;
        `histograms` by figure; `splits` by column, with its parts: of each the number of jobs,
        `bands` of the first `LINES`, and `finals` by figure.
    """
    ours = jobs.loc[one.places].reset_index(drop=True)
    bands = {term: lines for term, lines in _bands(curves, one.places, one.terms, BANDS).items() if lines["step"]}
    figures = {name: ours[name].to_numpy(np.float64) for name in _figures(bands, ours)}
    return {
        "title": one.title,
        "jobs": len(ours),
        "sizes": _sizes(curves.begins[curves.begins["job_id"].isin(ours["job_id"])]),
        "bands": bands,
        "histograms": {name: histogram(column, log=name not in QUALITIES) for name, column in figures.items()},
        "splits": {
            name: _split(list(parts(ours, name)), one.places, bands, curves, figures) for name in by or splits(ours)
        },
    }


def _sizes(begins: pd.DataFrame) -> list[list[int]]:
    frequent = begins[["step", "size_px"]].value_counts().head(SIZES)
    return sorted([step, px] for step, px in frequent.index.tolist())


def histogram(values: Values, *, log: bool) -> dict[str, list[Any]]:
    """Returns `edges` and `counts` of equal bins; a logarithmic scale leaves out what is not positive."""
    sound = values[np.isfinite(values)]
    sound = sound[sound > 0] if log else sound
    if not len(sound):
        return {"edges": [], "counts": []}
    scaled = np.log10(sound) if log else sound
    counts, edges = np.histogram(scaled, bins=min(BINS, max(4, len(sound) // 4)))
    edges = 10**edges if log else edges
    return {"edges": digits(edges), "counts": counts.tolist()}


def _figures(terms: Iterable[str], jobs: pd.DataFrame) -> list[str]:
    names = [*(f"final_{term}" for term in terms), *QUALITIES]
    return [name for name in names if jobs[name].notna().any()]


def _split(
    found: Sequence[tuple[str, Places]],
    places: Places,
    terms: Iterable[str],
    curves: TermCurves,
    figures: Mapping[str, Values],
) -> dict[str, Any]:
    """Returns the largest parts of a set, whose jobs have the given places among all."""
    largest = sorted(range(len(found)), key=lambda number: -len(found[number][1]))[:RANGES]
    lines = set(largest[:LINES])
    return {
        "values": len(found),
        "parts": [
            {
                "value": value,
                "jobs": len(ours),
                "bands": _bands(curves, places[ours], terms, MIDDLE) if number in lines else None,
                "finals": {name: _five(column[ours]) for name, column in figures.items()},
            }
            for number, (value, ours) in enumerate(found)
            if number in largest
        ],
    }


def _bands(curves: TermCurves, places: Places, terms: Iterable[str], names: Iterable[str]) -> dict[str, Bands]:
    return {term: _packed(band(curves, places, term), names) for term in terms}


def _packed(lines: pd.DataFrame, names: Iterable[str]) -> Bands:
    return {"step": lines["step"].tolist(), **{name: digits(lines[name]) for name in names}}


def _five(values: Values) -> list[float | None] | None:
    sound = values[np.isfinite(values)]
    return digits(np.quantile(sound, list(BANDS.values()))) if len(sound) else None
