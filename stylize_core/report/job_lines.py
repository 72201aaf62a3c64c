"""A line for each job of a small run: what tells it from the others, and its colour."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stylize_core import wording
from stylize_core.record import variation
from stylize_core.record.job_curves import CURVES
from stylize_core.record.run_record import JobRecord
from stylize_core.report import charts
from stylize_core.settings import TERM_SCALE

HUES = 8
"""Values that colours can tell apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """What the colours of a chart mean.

    Attributes:
        title: empty where there is one colour for all.
        colours: by value.
    """

    title: str
    colours: Mapping[str, str]


def job_lines(jobs: Sequence[JobRecord], sound: Collection[str]) -> dict[str, Any] | None:
    """Returns the legend, and the lines of the jobs that compare with the given ones; None where there are none.

    Args:
        jobs: those whose curves are on the page.
        sound: ids of a set of comparable jobs; failed ones that compare with them get a dashed line.
    """
    scales = {variation.scale(job, TERM_SCALE) for job in jobs if job.job_id in sound}
    ours = [job for job in jobs if variation.scale(job, TERM_SCALE) in scales]
    if not ours:
        return None
    names, colours = variation.axes(ours), legend(ours)
    return {
        "legend": {"title": colours.title, "colours": colours.colours},
        "lines": [
            {
                "job": job.job_id,
                "label": job.label,
                "note": variation.describe(job, names),
                "colour": colours.colours[hue(job, colours)],
                "dashed": job.status == "failed",
            }
            for job in ours
        ],
    }


def hue(job: JobRecord, colours: Legend) -> str:
    """Returns the value that colours a job's line."""
    if colours.title in ("style", "content"):
        return job.style.name if colours.title == "style" else job.content.name
    return wording.setting(job.settings[colours.title]) if colours.title else ""


def legend(jobs: Sequence[JobRecord]) -> Legend:
    """Returns colours by the first swept setting that has few values, or else by style, or by content."""
    for name in variation.axes(jobs):
        values = list(dict.fromkeys(job.settings[name] for job in jobs))
        if len(values) <= HUES:
            return _setting_legend(name, values)
    for title, names in (("style", [job.style.name for job in jobs]), ("content", [job.content.name for job in jobs])):
        if 1 < len(set(names)) <= HUES:
            return Legend(title=title, colours=dict(zip(dict.fromkeys(names), charts.CATEGORICAL, strict=False)))
    return Legend(title="", colours={"": charts.CATEGORICAL[0]})


def curve_data(frame: pd.DataFrame) -> dict[str, Any]:
    """Returns a job's curve as lists to be put into the page: `step`, and `values` by term and layer."""
    used = [name for name in CURVES if frame[name].notna().any()]
    return {"step": frame["step"].tolist(), "values": {name: _digits(frame[name]) for name in used}}


def _setting_legend(name: str, values: Sequence[Any]) -> Legend:
    if all(isinstance(value, int | float) for value in values):
        colours = charts.sample_colours(len(values))
        return Legend(title=name, colours=dict(zip(map(wording.setting, sorted(values)), colours, strict=True)))
    return Legend(title=name, colours=dict(zip(map(wording.setting, values), charts.CATEGORICAL, strict=False)))


def _digits(column: "pd.Series[Any]") -> list[float | None]:
    """Four significant digits: finer than a screen, a third of the bytes."""
    return [None if pd.isna(value) else float(f"{value:.4g}") for value in column]
