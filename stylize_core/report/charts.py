"""Charts as Vega-Lite specifications; the page adds the numbers and their colours.

Data sets by name: `curves` (job, label, note, colour, dashed, step, value), `bands` (step, p10 ... p90, and of parts
value, colour and shade), `bins` (low, high, jobs) and `ranges` (value, jobs, p10 ... p90).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from stylize_core.terms import LOSSES

Spec = dict[str, Any]

HEIGHT = 230

CATEGORICAL = ("#3b7dd8", "#d9822b", "#2f9e78", "#c2477f", "#8a63d2", "#a98a1f", "#4f93a5", "#8c6d5a")
"""Colours for words; legible on light and on dark paper, like the next."""

SEQUENTIAL = ("#4f64c4", "#3d7fc0", "#2f97ab", "#35a583", "#6aad58", "#a3a53c", "#cf9332", "#dc7434")
"""Colours for an order: of numbers, or of layers from shallow to deep."""

BAND = "#3b7dd8"


def sample_colours(count: int) -> list[str]:
    """Returns `count` colours spread over the sequential scale, from its first to its last."""
    last = len(SEQUENTIAL) - 1
    return [SEQUENTIAL[round(place * last / max(count - 1, 1))] for place in range(count)]


def charts() -> dict[str, Spec]:
    """Returns the charts of many jobs by name."""
    return {
        "lines": lines_chart(),
        "bands": bands_chart(),
        "split": split_chart(),
        "histogram": histogram_chart(log=True),
        "histogram-linear": histogram_chart(log=False),
        "ranges": ranges_chart(log=True),
        "ranges-linear": ranges_chart(log=False),
    }


def lines_chart() -> Spec:
    """Returns a chart with a line per job."""
    hover = alt.selection_point(name="hover", fields=["job"], on="pointerover", clear="pointerout", empty=False)
    chart = (
        alt.Chart(alt.NamedData("curves"))
        .mark_line(cursor="pointer", clip=True)
        .encode(
            x=_step(),
            y=_loss("value"),
            detail="job:N",
            color=_own_colour(),
            strokeDash=alt.condition("datum.dashed", alt.value([5, 3]), alt.value([])),
            strokeWidth=alt.condition(hover, alt.value(3.5), alt.value(1.4)),
            opacity=alt.condition(hover, alt.value(1), alt.value(0.75)),
            tooltip=[alt.Tooltip("label:N", title="job"), alt.Tooltip("note:N", title="settings")],
        )
        .add_params(hover)
    )
    return _spec(chart)


def bands_chart() -> Spec:
    """Returns a chart with quantile bands over jobs: 10 to 90 %, 25 to 75 %, median."""
    base = alt.Chart(alt.NamedData("bands")).encode(x=_step())
    outer = base.mark_area(color=BAND, opacity=0.16).encode(y=_loss("p10"), y2="p90:Q")
    inner = base.mark_area(color=BAND, opacity=0.26).encode(y=_loss("p25"), y2="p75:Q")
    median = base.mark_line(color=BAND, strokeWidth=2.5).encode(y=_loss("p50"))
    names = {"p10": "10 %", "p25": "25 %", "p50": "median", "p75": "75 %", "p90": "90 %"}
    told = [alt.Tooltip("step:Q", format=",d"), *(_figure(name, title) for name, title in names.items())]
    points = base.mark_point(size=200, opacity=0).encode(y=_loss("p50"), tooltip=told)
    return _spec(alt.layer(outer, inner, median, points))


def split_chart() -> Spec:
    """Returns a chart with a median and its 25 to 75 % for each part of the jobs."""
    base = alt.Chart(alt.NamedData("bands")).encode(x=_step(), color=_own_colour(), detail="value:N")
    shade = alt.Opacity("shade:Q", scale=None, legend=None)
    inner = base.mark_area().encode(y=_loss("p25"), y2="p75:Q", opacity=shade)
    told = [
        alt.Tooltip("value:N", title="jobs with"),
        alt.Tooltip("step:Q", format=",d"),
        _figure("p50", "median"),
        _figure("p25", "25 %"),
        _figure("p75", "75 %"),
    ]
    median = base.mark_line(strokeWidth=2).encode(y=_loss("p50"))
    points = base.mark_point(size=120, opacity=0).encode(y=_loss("p50"), tooltip=told)
    return _spec(alt.layer(inner, median, points))


def histogram_chart(*, log: bool) -> Spec:
    """Returns a chart of how many jobs have which figure.

    Args:
        log: whether the figures are losses, on a logarithmic scale.
    """
    told = [_figure("low", "from"), _figure("high", "to"), alt.Tooltip("jobs:Q", format=",d")]
    chart = (
        alt.Chart(alt.NamedData("bins"))
        .mark_bar(color=BAND, opacity=0.75, binSpacing=1)
        .encode(x=_figures("low", log=log), x2="high:Q", y=_jobs(), y2=alt.Y2Datum(0), tooltip=told)
    )
    return _spec(chart, height=150)


def ranges_chart(*, log: bool) -> Spec:
    """Returns a chart with a bar for each part of the jobs: 10 to 90 % thin, 25 to 75 % thick, the median marked.

    Its height is to be set by their number.

    Args:
        log: whether the figures are losses, on a logarithmic scale.
    """
    told = [
        alt.Tooltip("value:N", title="jobs with"),
        alt.Tooltip("jobs:Q", format=",d"),
        _figure("p50", "median"),
        _figure("p10", "10 %"),
        _figure("p90", "90 %"),
    ]
    axis = alt.Axis(title=None, labelLimit=140, domain=False, ticks=False, grid=False)
    base = alt.Chart(alt.NamedData("ranges")).encode(y=alt.Y("value:N", sort=None, axis=axis), tooltip=told)
    outer = base.mark_rule(color=BAND, strokeWidth=2, opacity=0.5).encode(x=_figures("p10", log=log), x2="p90:Q")
    inner = base.mark_bar(color=BAND, opacity=0.5, height=9).encode(x=_figures("p25", log=log), x2="p75:Q")
    median = base.mark_tick(color="currentColor", thickness=2.5, size=13).encode(x=_figures("p50", log=log))
    return _spec(alt.layer(outer, inner, median)) | {"padding": {"left": 14, "right": 8, "top": 5, "bottom": 5}}


def terms_chart() -> Spec:
    """Returns the chart of one job's total, content, style and tv."""
    return _series_chart(dict(zip(LOSSES, CATEGORICAL, strict=False)))


def layers_chart(layers: Sequence[str]) -> Spec:
    """Returns the chart of one job's layers, given from shallow to deep."""
    return _series_chart(dict(zip(layers, sample_colours(len(layers)), strict=True)))


def _series_chart(colours: Mapping[str, str]) -> Spec:
    """A chart of one job with a line per series, to be picked in the legend."""
    picked = alt.selection_point(name="picked", fields=["series"], bind="legend")
    legend = alt.Legend(
        orient="bottom", title=None, columns=4 if len(colours) <= 4 else 3, symbolType="stroke", symbolStrokeWidth=3
    )
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    chart = (
        alt.Chart(alt.NamedData("curves"))
        .mark_line(strokeWidth=1.8)
        .encode(
            x=_step(),
            y=_loss("value"),
            color=alt.Color("series:N", scale=scale, legend=legend),
            opacity=alt.condition(picked, alt.value(1), alt.value(0.12)),
            tooltip=[alt.Tooltip("series:N", title="loss")],
        )
        .add_params(picked)
    )
    return _spec(chart)


def _own_colour() -> alt.Color:
    return alt.Color("colour:N", scale=None, legend=None)


def _step() -> alt.X:
    return alt.X("step:Q", title="step", axis=_axis(",d", grid=False), scale=alt.Scale(nice=False))


def _loss(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title=None, axis=_axis("~e"), scale=alt.Scale(type="log", nice=False, padding=4))


def _figures(field: str, *, log: bool) -> alt.X:
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False)
    return alt.X(f"{field}:Q", title=None, axis=_axis("~e" if log else "~g", grid=not log), scale=scale)


def _jobs() -> alt.Y:
    axis = alt.Axis(format=",d", tickCount=4, tickMinStep=1)
    return alt.Y("jobs:Q", title=None, axis=axis, scale=alt.Scale(zero=True))


def _figure(name: str, title: str) -> alt.Tooltip:
    return alt.Tooltip(f"{name}:Q", title=title, format=".4~g")


def _axis(format: str, *, grid: bool = True) -> alt.Axis:
    return alt.Axis(format=format, tickCount=5, grid=grid)


def _spec(chart: alt.Chart | alt.LayerChart, height: int = HEIGHT) -> Spec:
    """Returns the chart without colours of its own: the page's ink, on light and dark and on paper."""
    quiet = {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 11, "titleFontSize": 11}
    axis = {**quiet, "titleFontWeight": "normal", "domainColor": "currentColor", "tickColor": "currentColor"}
    grid = {"gridColor": "currentColor", "gridOpacity": 0.1, "domainOpacity": 0.4, "tickOpacity": 0.4}
    spec: Spec = chart.properties(width="container", height=height, background="transparent").to_dict()
    spec["config"] = {"axis": {**axis, **grid}, "legend": quiet, "view": {"stroke": None}, "font": "inherit"}
    return spec
