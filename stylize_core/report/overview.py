"""Jobs whose losses may stand in one chart, and what the page draws of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stylize_core.report import curves, variation, wording
from stylize_core.report.grids import group_by
from stylize_core.report.losses import CURVES, Losses, bands
from stylize_core.report.record import JobRecord
from stylize_core.store.records import TERMS

GROUPS = 24
"""Groups drawn, the largest first."""

HUES = 8
"""Values that colours can tell apart."""

WHY = {"best": "#2f9e78", "worst": "#d9822b", "failed": "#d1495b", "sample": "#8d8d88"}
"""Colours of the jobs picked out of a large run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """What the colours of a group mean.

    Attributes:
        title: empty where there is one colour for all.
        colours: by value.
    """

    title: str
    colours: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveGroup:
    """Jobs with comparable losses.

    Attributes:
        title: what they share and other groups do not.
        jobs: all of them.
        legend: of the lines.
        charts: by term: `spec`, and `bands` where there are more jobs than lines; no total where the jobs weigh
            the terms differently. Failed jobs count neither for the scale nor for the bands: one that diverged
            would flatten all others.
    """

    title: str
    jobs: tuple[JobRecord, ...]
    legend: Legend
    charts: Mapping[str, Mapping[str, Any]]


def curve_groups(jobs: Sequence[JobRecord], losses: Losses, why: Mapping[str, str]) -> list[CurveGroup]:
    """Returns the groups of comparable jobs, the largest first.

    Args:
        jobs: the finished jobs.
        losses: of them.
        why: the shown jobs with the reason, from `selection.select`.
    """
    groups = group_by(jobs, lambda job: variation.scale(job, variation.TERM_SCALE)).values()
    names = ("form", "size", *(name for name in variation.varying(jobs) if name in variation.TERM_SCALE[2:]))
    drawn = [_group(group, losses, why, names) for group in sorted(groups, key=len, reverse=True)]
    return [group for group in drawn if group.charts][:GROUPS]


def _group(jobs: Sequence[JobRecord], losses: Losses, why: Mapping[str, str], names: Sequence[str]) -> CurveGroup:
    one_total = len({variation.scale(job) for job in jobs}) == 1
    lines = losses.terms[losses.terms["job_id"].isin([job.job_id for job in jobs])]
    sound = lines[lines["job_id"].isin([job.job_id for job in jobs if job.status != "failed"])]
    legend = _legend(jobs, why)
    terms = [term for term in TERMS if lines[term].notna().any() and (one_total or term != "total")]
    chart = _bands_chart if any(why.values()) else _curves_chart
    judged = lines if sound.empty else sound
    return CurveGroup(
        title=variation.describe(jobs[0], names),
        jobs=tuple(jobs),
        legend=legend,
        charts={term: chart(judged, term, legend.colours) for term in terms},
    )


def _curves_chart(lines: pd.DataFrame, term: str, colours: Mapping[str, str]) -> dict[str, Any]:
    return {"spec": curves.curves_chart(colours, _span(lines, term))}


def _bands_chart(lines: pd.DataFrame, term: str, colours: Mapping[str, str]) -> dict[str, Any]:
    quantiles = {name: _digits(column) for name, column in bands(lines, term).items()}
    return {"spec": curves.bands_chart(colours, _span(lines, term)), "bands": quantiles}


def _span(lines: pd.DataFrame, term: str) -> curves.Span | None:
    """The least and the greatest loss, with some air; None where there is none."""
    low, high = lines[term].min(), lines[term].max()
    return None if pd.isna(low) else (float(low) / 1.1, float(high) * 1.1)


def hue(job: JobRecord, legend: Legend, why: Mapping[str, str]) -> str:
    """Returns the value that colours a job's line."""
    if legend.title in ("style", "content"):
        return job.style.name if legend.title == "style" else job.content.name
    if legend.title in job.settings:
        return wording.setting(job.settings[legend.title])
    return why.get(job.job_id, "")


def _legend(jobs: Sequence[JobRecord], why: Mapping[str, str]) -> Legend:
    """Colours by the first swept setting that has few values, or else by style, or by content."""
    if any(why.values()):
        return Legend(title="lines", colours=WHY)
    for name in variation.axes(jobs):
        values = list(dict.fromkeys(job.settings[name] for job in jobs))
        if len(values) <= HUES:
            return _setting_legend(name, values)
    for title, names in (("style", [job.style.name for job in jobs]), ("content", [job.content.name for job in jobs])):
        if 1 < len(set(names)) <= HUES:
            return Legend(title=title, colours=dict(zip(dict.fromkeys(names), curves.CATEGORICAL, strict=False)))
    return Legend(title="", colours={"": curves.CATEGORICAL[0]})


def _setting_legend(name: str, values: Sequence[Any]) -> Legend:
    if all(isinstance(value, int | float) for value in values):
        colours = curves.sample_colours(len(values))
        return Legend(title=name, colours=dict(zip(map(wording.setting, sorted(values)), colours, strict=True)))
    return Legend(title=name, colours=dict(zip(map(wording.setting, values), curves.CATEGORICAL, strict=False)))


def curve_data(frame: pd.DataFrame) -> dict[str, Any]:
    """Returns a job's curve as lists to be put into the page: `step`, and `values` by term and layer."""
    used = [name for name in CURVES if frame[name].notna().any()]
    return {"step": frame["step"].tolist(), "values": {name: _digits(frame[name]) for name in used}}


def _digits(column: "pd.Series[Any]") -> list[float | None]:
    """Four significant digits: finer than a screen, a third of the bytes."""
    return [None if pd.isna(value) else float(f"{value:.4g}") for value in column]
