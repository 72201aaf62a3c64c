"""A line for each job of a small run: its label and colour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stylize_core import wording
from stylize_core.record.job_curves import CURVES
from stylize_core.record.run_record import JobRecord
from stylize_core.record.variation import axes_of_jobs, describe
from stylize_core.report.colours import CATEGORICAL, sample_colours
from stylize_core.report.packing import digits

HUES = 8
"""Most values that colours can distinguish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """What the colours of a chart mean.

    Attributes:
        title: empty if all have one colour.
        colours: by value.
    """

    title: str
    colours: Mapping[str, str]


def job_lines(jobs: Sequence[JobRecord]) -> dict[str, Any] | None:
    """Returns the legend, and a line for each job; None if there are none.

    Args:
        jobs: comparable jobs whose curves are on the page; failed ones get a dashed line.
    """
    if not jobs:
        return None
    names, colours = axes_of_jobs(jobs), legend(jobs)
    return {
        "legend": {"title": colours.title, "colours": colours.colours},
        "lines": [
            {
                "job": job.job_id,
                "label": job.label,
                "note": describe(job, names),
                "colour": colours.colours[hue(job, colours)],
                "dashed": job.status == "failed",
            }
            for job in jobs
        ],
    }


def hue(job: JobRecord, colours: Legend) -> str:
    """Returns the value that colours a job's line."""
    if colours.title in ("style", "content"):
        return job.style.name if colours.title == "style" else job.content.name
    return wording.setting(colours.title, job.settings[colours.title]) if colours.title else ""


def legend(jobs: Sequence[JobRecord]) -> Legend:
    """Returns colours by the first swept setting with few values, otherwise by style or by content."""
    for name in axes_of_jobs(jobs):
        values = list(dict.fromkeys(job.settings[name] for job in jobs))
        if len(values) <= HUES:
            return _setting_legend(name, values)
    for title, names in (("style", [job.style.name for job in jobs]), ("content", [job.content.name for job in jobs])):
        if 1 < len(set(names)) <= HUES:
            return Legend(title=title, colours=dict(zip(dict.fromkeys(names), CATEGORICAL, strict=False)))
    return Legend(title="", colours={"": CATEGORICAL[0]})


def curve_data(frame: pd.DataFrame) -> dict[str, Any]:
    """Returns a job's curve as lists to be put into the page: `step`, `values` by term and layer, and `sizes`.

    A size is its first step with the long edge in pixels; of a job with a single one there is none.
    """
    used = [name for name in CURVES if frame[name].notna().any()]
    sizes = frame.groupby("size_px")["step"].min().sort_values()
    begins = [list(one) for one in zip(sizes.tolist(), sizes.index.tolist(), strict=True)]
    return {
        "step": frame["step"].tolist(),
        "values": {name: digits(frame[name]) for name in used},
        "sizes": begins if len(begins) > 1 else [],
    }


def _setting_legend(name: str, values: Sequence[Any]) -> Legend:
    if all(isinstance(value, int | float) for value in values):
        words = [wording.setting(name, value) for value in sorted(values)]
        return Legend(title=name, colours=dict(zip(words, sample_colours(len(values)), strict=True)))
    words = [wording.setting(name, value) for value in values]
    return Legend(title=name, colours=dict(zip(words, CATEGORICAL, strict=False)))
