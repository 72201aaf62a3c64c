"""A run's figures for trackers, read from its store: numbers over many jobs and a few pictures, no single jobs.

Trackers become slow with a few thousand series, so these figures do not grow with the run: bands by step,
distributions, counts, and some strips.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from stylize_core.files.files import Files
from stylize_core.record.bands import band
from stylize_core.record.comparable import ComparableSet, comparable_sets, plain
from stylize_core.record.read_run import read_environment, read_jobs, read_totals
from stylize_core.record.rows import RunRows
from stylize_core.record.table import LINE, run_table
from stylize_core.record.term_curves import TermCurves, read_term_curves
from stylize_core.record.variation import NAMES
from stylize_core.store.records import FIGURES, QUALITIES
from stylize_core.trackers.strips import STRIPS, draw_strips

SHOWN = 20
"""Number of groups sent to trackers, the largest ones: each adds about twenty series and seven histograms."""

NAMED = {name: name.replace("_", "/", 1) for name in FIGURES}
"""Columns of the results whose distribution is shown, with their names in trackers."""

ENVIRONMENT = ("device", "precision", "weights", "versions")

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """Jobs whose content, style and tv are comparable.

    Attributes:
        name: such as `mean-192px`.
        settings: that distinguish the group from others.
        jobs: number of done jobs.
        bands: `step`, `p10`, `p25`, `p50`, `p75` and `p90` by comparable loss; see `record.bands`.
        distributions: finite values of the jobs by `final/<term>` or `quality/<figure>`.
    """

    name: str
    settings: Mapping[str, object]
    jobs: int
    bands: Mapping[str, pd.DataFrame]
    distributions: Mapping[str, Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """A run for trackers; if it has more rows than a table lists, groups and medians cover the listed ones.

    Attributes:
        run: its name.
        store: public URI of the store.
        counts: number of rows for every status.
        totals: `jobs`, `jobs_done`, `seconds` of these, `jobs_in_groups`, `groups` and `groups_left_out`, the small
            ones of very many.
        settings: the values that all jobs share, including `preset`, and for other settings the number of values.
        environment: device, precision, weights and versions.
        groups: the largest ones first.
        medians: of each figure of quality over all done jobs that have it.
        strips: content, style and result of the first done jobs, by the row's id or the job's.
    """

    run: str
    store: str
    counts: Mapping[str, int]
    totals: Mapping[str, float]
    settings: Mapping[str, object]
    environment: Mapping[str, object]
    groups: tuple[GroupFigures, ...]
    medians: Mapping[str, float]
    strips: Mapping[str, Image.Image]


def read_figures(files: Files, run: str) -> RunFigures:
    """Returns the figures of a run.

    Raises:
        UsageError: there is no such run.
        StoreError: a file of the store is damaged.
    """
    rows = RunRows(files, run, LINE)
    table, totals = run_table(rows), read_totals(rows)
    jobs = table.jobs()
    done = jobs[jobs["status"] != "failed"].reset_index(drop=True)
    sets, curves = comparable_sets(done), read_term_curves(files, done)
    shown = sets[:SHOWN]
    recorded = read_environment(rows, table)
    return RunFigures(
        run=run,
        store=files.public_uri,
        counts=rows.counts(),
        totals={
            "jobs": sum(totals.jobs.values()),
            "jobs_done": totals.jobs["done"] + totals.jobs["skipped"],
            "seconds": totals.seconds["done"] + totals.seconds["skipped"],
            "jobs_in_groups": sum(len(one.places) for one in shown),
            "groups": len(sets),
            "groups_left_out": len(sets) - len(shown),
        },
        settings=_settings(table.asked()),
        environment=dict(_flat({name: recorded.get(name) or {} for name in ENVIRONMENT})),
        groups=tuple(_group(one, name, done, curves) for one, name in zip(shown, _names(sets), strict=False)),
        medians={name: float(np.median(values)) for name, values in _distributions(done, QUALITIES).items()},
        strips=draw_strips(files, read_jobs(rows, done["job_id"][:STRIPS])),
    )


def _group(one: ComparableSet, name: str, done: pd.DataFrame, curves: TermCurves) -> GroupFigures:
    bands = {term: band(curves, one.places, term) for term in one.terms}
    figures = [*(f"final_{term}" for term in one.terms), *QUALITIES]
    return GroupFigures(
        name=name,
        settings=one.shared,
        jobs=len(one.places),
        bands={term: lines for term, lines in bands.items() if len(lines)},
        distributions=_distributions(done.loc[one.places], figures),
    )


def _names(sets: Sequence[ComparableSet]) -> list[str]:
    """Returns a short name for each set; sets of equal form and size are numbered in the manifest's order."""
    alike = Counter[str]()
    names: dict[int, str] = {}
    for one in sorted(sets, key=_first):
        name = f"{one.shared['form']}-{one.shared['size']}px"
        alike[name] += 1
        names[_first(one)] = name if alike[name] == 1 else f"{name}-{alike[name]}"
    return [names[_first(one)] for one in sets]


def _first(one: ComparableSet) -> int:
    return int(one.places[0])


def _distributions(jobs: pd.DataFrame, columns: Sequence[str]) -> dict[str, Values]:
    """Returns the finite values of each figure that has any."""
    found = {}
    for column in columns:
        values = jobs[column].to_numpy(np.float64)  # bins of nearly equal values need its digits
        values = values[np.isfinite(values)]
        if len(values):
            found[NAMED[column]] = values
    return found


def _settings(jobs: pd.DataFrame) -> dict[str, object]:
    """Returns the value of each setting that all jobs share, and the number of values of each other setting."""
    values = {name: jobs[name].unique() for name in NAMES}
    return {name: plain(one[0]) if len(one) == 1 else f"{len(one)} values" for name, one in values.items() if len(one)}


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
