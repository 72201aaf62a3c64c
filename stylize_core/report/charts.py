"""Charts as Vega-Lite specifications; the page adds the numbers and their colours.

Data sets by name: `curves` (job, label, note, colour, dashed, step, value), `sizes` (step, label), `bands` (step, p10
... p90, and of parts value, colour and shade), `bins` (low, high, jobs) and `ranges` (value, jobs, p10 ... p90).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from stylize_core.report.colours import BAND, CATEGORICAL, sample_colours
from stylize_core.terms import LOSSES

Spec = dict[str, Any]

HEIGHT = 230

LABELS: Mapping[str, Any] = {"labelOverlap": "greedy", "labelSeparation": 6}
"""Labels of an axis that would touch each other are left out."""

LOG_AXIS: Mapping[str, Any] = {
    "format": "~e",
    "labelExpr": "datum.label && inrange(datum.value, [1e-3, 1e4]) ? format(datum.value, '~f') : datum.label",
    "tickCount": 5,
    **LABELS,
    "grid": True,
}
"""Axis labels of losses: 0.02, but 2e-5."""


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
    pointed = "datum.job === hovered"
    encoding = {
        "x": _step(),
        "y": _loss("value"),
        "detail": _nominal("job"),
        "color": _own_colour(),
        "strokeDash": {"condition": {"test": "datum.dashed", "value": [5, 3]}, "value": []},
        "strokeWidth": {"condition": {"test": pointed, "value": 3.5}, "value": 1.4},
        "opacity": {"condition": {"test": pointed, "value": 1}, "value": 0.75},
    }
    line = _layer("line", encoding, cursor="pointer", clip=True)
    return _with_sizes(_chart("curves", {"layer": [line]}, params=[{"name": "hovered", "value": ""}]))


def bands_chart() -> Spec:
    """Returns a chart with quantile bands over jobs: 10 to 90 %, 25 to 75 %, median."""
    layers = (
        _layer("area", _between(_loss, "y", "p10", "p90"), color=BAND, opacity=0.16),
        _layer("area", _between(_loss, "y", "p25", "p75"), color=BAND, opacity=0.26),
        _layer("line", {"y": _loss("p50")}, color=BAND, strokeWidth=2.5),
    )
    return _with_sizes(_layered("bands", {"x": _step()}, *layers))


def split_chart() -> Spec:
    """Returns a chart with a median and its 25 to 75 % for each part of the jobs."""
    shade = _quantitative("shade", scale=None, legend=None)
    shared = {"x": _step(), "color": _own_colour(), "detail": _nominal("value")}
    area = _layer("area", {**_between(_loss, "y", "p25", "p75"), "opacity": shade})
    return _with_sizes(_layered("bands", shared, area, _layer("line", {"y": _loss("p50")}, strokeWidth=2)))


def histogram_chart(*, log: bool) -> Spec:
    """Returns a histogram of a figure over jobs.

    Args:
        log: whether the figures are losses, on a logarithmic scale.
    """
    axis = {"format": ",d", "tickCount": 4, "tickMinStep": 1}
    encoding = {
        **_between(partial(_figures, log=log), "x", "low", "high"),
        "y": _quantitative("jobs", title=None, axis=axis, scale={"zero": True}),
        "y2": {"datum": 0},
        "tooltip": [_figure("low", "from"), _figure("high", "to"), _count("jobs")],
    }
    return _chart("bins", _layer("bar", encoding, color=BAND, opacity=0.75, binSpacing=1), height=150)


def ranges_chart(*, log: bool) -> Spec:
    """Returns a chart with a bar for each part of the jobs: 10 to 90 % thin, 25 to 75 % thick, the median marked.

    The caller sets its height by their number.

    Args:
        log: whether the figures are losses, on a logarithmic scale.
    """
    axis = {"title": None, "labelLimit": 140, "domain": False, "ticks": False, "grid": False}
    figures = (_figure("p50", "median"), _figure("p10", "10 %"), _figure("p90", "90 %"))
    told = [_nominal("value", title="jobs with"), _count("jobs"), *figures]
    x = partial(_figures, log=log)
    chart = _layered(
        "ranges",
        {"y": _nominal("value", sort=None, axis=axis), "tooltip": told},
        _layer("rule", _between(x, "x", "p10", "p90"), color=BAND, strokeWidth=2, opacity=0.5),
        _layer("bar", _between(x, "x", "p25", "p75"), color=BAND, opacity=0.5, height=9),
        _layer("tick", {"x": x("p50")}, color="currentColor", thickness=2.5, size=13),
    )
    return chart | {"padding": {"left": 14, "right": 8, "top": 5, "bottom": 5}}


def terms_chart() -> Spec:
    """Returns the chart of one job's total, content, style and tv."""
    return _series_chart(dict(zip(LOSSES, CATEGORICAL, strict=False)))


def layers_chart(layers: Sequence[str]) -> Spec:
    """Returns the chart of one job's layers, given from shallow to deep."""
    return _series_chart(dict(zip(layers, sample_colours(len(layers)), strict=True)))


def _series_chart(colours: Mapping[str, str]) -> Spec:
    """Returns a chart of one job with a line per series, selectable in the legend."""
    columns = 4 if len(colours) <= 4 else 3
    legend = {"orient": "bottom", "title": None, "columns": columns, "symbolType": "stroke", "symbolStrokeWidth": 3}
    scale = {"domain": list(colours), "range": list(colours.values())}
    encoding = {
        "x": _step(),
        "y": _loss("value"),
        "color": _nominal("series", scale=scale, legend=legend),
        "opacity": {"condition": {"param": "picked", "value": 1}, "value": 0.12},
    }
    picked = {"name": "picked", "select": {"type": "point", "fields": ["series"]}, "bind": "legend"}
    lines = {**_layer("line", encoding, strokeWidth=1.8), "params": [picked]}
    return _with_sizes(_chart("curves", {"layer": [lines]}))


def _with_sizes(chart: Spec) -> Spec:
    """Returns a chart by step with two more layers: a rule where a size begins, and its name."""
    rule = _layer("rule", {"x": _step()}, color="currentColor", opacity=0.4, strokeDash=[3, 3])
    name = {"x": _step(), "y": {"value": 1}, "text": _nominal("label")}
    label = _layer("text", name, color="currentColor", opacity=0.7, align="left", baseline="top", dx=3, fontSize=10)
    return {**chart, "layer": [*chart["layer"], *({"data": {"name": "sizes"}, **layer} for layer in (rule, label))]}


def _nominal(field: str, **more: Any) -> Spec:
    return {"field": field, "type": "nominal", **more}


def _quantitative(field: str, **more: Any) -> Spec:
    return {"field": field, "type": "quantitative", **more}


def _own_colour() -> Spec:
    return _nominal("colour", scale=None, legend=None)


def _step() -> Spec:
    return _quantitative("step", title="step", axis=_axis(",d", grid=False), scale={"nice": False})


def _loss(field: str) -> Spec:
    scale = {"type": "log", "nice": False, "padding": 16}  # room for the names of the sizes
    return _quantitative(field, title=None, axis=LOG_AXIS, scale=scale)


def _figures(field: str, *, log: bool) -> Spec:
    scale = {"type": "log", "nice": False} if log else {"zero": False}
    axis = {**LOG_AXIS, "grid": False} if log else _axis("~g")
    return _quantitative(field, title=None, axis=axis, scale=scale)


def _between(channel: Callable[[str], Spec], axis: str, low: str, high: str) -> Spec:
    """Returns the two channels of a mark that spans from one field to another along an axis, `x` or `y`."""
    return {axis: channel(low), f"{axis}2": {"field": high}}


def _count(name: str) -> Spec:
    return _quantitative(name, format=",d")


def _figure(name: str, title: str) -> Spec:
    return _quantitative(name, title=title, format=".4~g")


def _axis(format: str, *, grid: bool = True) -> Spec:
    return {"format": format, "tickCount": 5, "grid": grid, **LABELS}


def _layer(mark: str, encoding: Spec, **look: Any) -> Spec:
    return {"mark": {"type": mark, **look}, "encoding": encoding}


def _layered(data: str, shared: Spec, *layers: Spec) -> Spec:
    """Returns a chart of layers; each has the shared encoding and its own."""
    return _chart(data, {"layer": [{**layer, "encoding": shared | layer["encoding"]} for layer in layers]})


def _chart(data: str, content: Spec, height: int = HEIGHT, **more: Any) -> Spec:
    """Returns a chart in the page's text colour, for light and dark backgrounds and print."""
    quiet = {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 11, "titleFontSize": 11}
    axis = {**quiet, "titleFontWeight": "normal", "domainColor": "currentColor", "tickColor": "currentColor"}
    grid = {"gridColor": "currentColor", "gridOpacity": 0.1, "domainOpacity": 0.4, "tickOpacity": 0.4}
    return {
        **content,
        **more,
        "data": {"name": data},
        "width": "container",
        "height": height,
        "background": "transparent",
        "config": {"axis": axis | grid, "legend": quiet, "view": {"stroke": None}, "font": "inherit"},
    }
