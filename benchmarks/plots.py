"""The charts that the programs write beside their figures."""

import altair as alt
import pandas as pd

PANEL_PX = 200


def engine_chart(frame: pd.DataFrame) -> alt.VConcatChart:
    """Returns time and share of the matrix rate against the batch, a panel per size."""
    base = alt.Chart(frame).encode(
        x=alt.X("batch:O", title="batch", axis=alt.Axis(labelAngle=0)),
        color=alt.Color("precision:N", title=None),
    )
    ratio = alt.Y("ratio:Q", title="time per pair, x reference", scale=alt.Scale(zero=True))
    share = alt.Y("share:Q", title="share of the matrix rate", axis=alt.Axis(format="%"))
    return alt.vconcat(_panels(base, "ratio", ratio), _panels(base, "share", share))


def convergence_chart(points: pd.DataFrame) -> alt.FacetChart:
    """Returns loss against seconds, a panel per pair; a cross and two lines mark the reference's final image."""
    at_reference = alt.datum.method == "reference"
    scale, axis = alt.Scale(type="log", nice=False, padding=10), alt.Axis(gridOpacity=0.4, format="~g")
    x = alt.X("seconds:Q", title="seconds", scale=scale, axis=axis)
    y = alt.Y("loss:Q", title="loss of the 8-bit image", scale=scale, axis=axis)
    strokes = alt.Legend(symbolType="stroke", symbolStrokeColor="black", title=None)
    lines = (
        alt.Chart()
        .transform_filter(~at_reference)
        .mark_line(point=alt.OverlayMarkDef(size=8))
        .encode(
            x=x,
            y=y,
            color=alt.Color("method:N", title=None, sort=None),
            strokeDash=alt.StrokeDash("precision:N", sort=["float32"], legend=strokes),
        )
    )
    reference = alt.Chart().transform_filter(at_reference)
    marks = (
        reference.mark_point(shape="cross", size=80, color="black", filled=True).encode(x=x, y=y),
        reference.mark_rule(opacity=0.4).encode(x=x),
        reference.mark_rule(opacity=0.4).encode(y=y),
    )
    layers = alt.layer(lines, *marks, data=points).properties(width=1.5 * PANEL_PX, height=PANEL_PX)
    panels = layers.facet(alt.Facet("pair:N", title=None, sort=None), columns=3)
    return panels.resolve_scale(x="independent", y="independent")


def _panels(base: alt.Chart, field: str, y: alt.Y) -> alt.FacetChart:
    lines = base.mark_line(point=True).encode(y=y)
    spread = base.mark_rule(strokeWidth=3, opacity=0.4).encode(y=f"{field}_low:Q", y2=f"{field}_high:Q")
    return alt.layer(lines, spread).properties(width=PANEL_PX, height=PANEL_PX).facet(alt.Column("size:O", title="px"))


def scale_chart(frame: pd.DataFrame) -> alt.HConcatChart:
    """Returns how seconds, milliseconds per row, memory and the store grow with the rows, a panel each."""
    panels = {
        "seconds": ["plan_seconds", "run_seconds", "finish_seconds"],
        "milliseconds per row": ["row_ms", "orchestration_ms", "encode_ms", "write_ms"],
        "bytes in memory": ["start_bytes", "plan_peak_bytes", "run_peak_bytes", "finish_peak_bytes"],
        "objects and bytes of the store, task runs": ["store_objects", "store_bytes", "task_runs"],
    }
    charts = [_growth(frame, title, columns) for title, columns in panels.items()]
    return alt.hconcat(*charts).resolve_scale(color="independent")


def _growth(frame: pd.DataFrame, title: str, columns: list[str]) -> alt.Chart:
    lines = frame.melt(["rows", "runner"], columns, var_name="part")
    scale = alt.Scale(type="log", nice=False, padding=10)
    axis = alt.Axis(gridOpacity=0.4, format="~s", tickCount=6)
    chart = alt.Chart(lines[lines.value > 0]).mark_line(point=True)
    return chart.encode(
        x=alt.X("rows:Q", scale=scale, axis=axis),
        y=alt.Y("value:Q", title=title, scale=scale, axis=axis),
        color=alt.Color("part:N", title=None, sort=columns, legend=alt.Legend(orient="bottom", columns=1)),
        strokeDash=alt.StrokeDash("runner:N", sort=["loop"], legend=alt.Legend(symbolType="stroke", title=None)),
    ).properties(width=PANEL_PX, height=PANEL_PX)
