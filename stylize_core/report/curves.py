"""Charts of losses as Vega-Lite specifications; the page adds the numbers.

Data sets by name: `curves` (job, label, note, hue, dashed, step, value) and `bands` (step, p5 ... p95).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from stylize_core.store.records import TERMS

Spec = dict[str, Any]
Span = tuple[float, float]

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


def curves_chart(colours: Mapping[str, str], span: Span | None) -> Spec:
    """Returns a chart with a line per job.

    Args:
        colours: by value of `hue`.
        span: the least and greatest loss to show; what exceeds it leaves the chart; None shows all.
    """
    return _spec(_job_lines(colours, span, width=1.4, opacity=0.75))


def bands_chart(colours: Mapping[str, str], span: Span | None) -> Spec:
    """Returns a chart with quantile bands over all jobs, under the lines of some of them; see `curves_chart`."""
    bands = alt.Chart(alt.NamedData("bands")).encode(x=_step())
    outer = bands.mark_area(color=BAND, opacity=0.16, clip=True).encode(y=_loss("p5", span), y2="p95:Q")
    inner = bands.mark_area(color=BAND, opacity=0.26, clip=True).encode(y=_loss("p25", span), y2="p75:Q")
    median = bands.mark_line(color=BAND, strokeWidth=2.5, clip=True).encode(y=_loss("p50", span))
    return _spec(alt.layer(outer, inner, _job_lines(colours, span, width=1, opacity=0.5), median))


def terms_chart() -> Spec:
    """Returns the chart of one job's total, content, style and tv."""
    return _series_chart(dict(zip(TERMS, CATEGORICAL, strict=False)))


def layers_chart(layers: Sequence[str]) -> Spec:
    """Returns the chart of one job's layers, given from shallow to deep."""
    return _series_chart(dict(zip(layers, sample_colours(len(layers)), strict=True)))


def _series_chart(colours: Mapping[str, str]) -> Spec:
    """A chart of one job with a line per series, to be picked in the legend."""
    picked = alt.selection_point(name="picked", fields=["series"], bind="legend")
    legend = alt.Legend(orient="bottom", title=None, columns=4, symbolType="stroke", symbolStrokeWidth=3)
    chart = (
        alt.Chart(alt.NamedData("curves"))
        .mark_line(strokeWidth=1.8)
        .encode(
            x=_step(),
            y=_loss("value"),
            color=alt.Color("series:N", scale=_scale(colours), legend=legend),
            opacity=alt.condition(picked, alt.value(1), alt.value(0.12)),
            tooltip=[alt.Tooltip("series:N", title="loss")],
        )
        .add_params(picked)
    )
    return _spec(chart)


def _job_lines(colours: Mapping[str, str], span: Span | None, *, width: float, opacity: float) -> alt.Chart:
    hover = alt.selection_point(name="hover", fields=["job"], on="pointerover", clear="pointerout", empty=False)
    return (
        alt.Chart(alt.NamedData("curves"))
        .mark_line(cursor="pointer", clip=True)
        .encode(
            x=_step(),
            y=_loss("value", span),
            detail="job:N",
            color=alt.Color("hue:N", scale=_scale(colours), legend=None),
            strokeDash=alt.condition("datum.dashed", alt.value([5, 3]), alt.value([])),
            strokeWidth=alt.condition(hover, alt.value(3.5), alt.value(width)),
            opacity=alt.condition(hover, alt.value(1), alt.value(opacity)),
            tooltip=[alt.Tooltip("label:N", title="job"), alt.Tooltip("note:N", title="settings")],
        )
        .add_params(hover)
    )


def _step() -> alt.X:
    axis = alt.Axis(grid=False, tickCount=5, format=",d")
    return alt.X("step:Q", title="step", axis=axis, scale=alt.Scale(nice=False))


def _loss(field: str, span: Span | None = None) -> alt.Y:
    axis = alt.Axis(format="~e", tickCount=5)
    domain = list(span) if span else alt.Undefined
    return alt.Y(f"{field}:Q", title=None, axis=axis, scale=alt.Scale(type="log", nice=False, domain=domain))


def _scale(colours: Mapping[str, str]) -> alt.Scale:
    return alt.Scale(domain=list(colours), range=list(colours.values()))


def _spec(chart: alt.Chart | alt.LayerChart) -> Spec:
    """Returns the chart without colours of its own: the page's ink, on light and dark and on paper."""
    quiet = {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 11, "titleFontSize": 11}
    axis = {**quiet, "titleFontWeight": "normal", "domainColor": "currentColor", "tickColor": "currentColor"}
    grid = {"gridColor": "currentColor", "gridOpacity": 0.1, "domainOpacity": 0.4, "tickOpacity": 0.4}
    spec: Spec = chart.properties(width="container", height=HEIGHT, background="transparent").to_dict()
    spec["config"] = {"axis": {**axis, **grid}, "legend": quiet, "view": {"stroke": None}, "font": "inherit"}
    return spec
