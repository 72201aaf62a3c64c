"""Loss curves: thinned, of many jobs and of one, drawn on a logarithmic scale."""

import altair
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fixtures.records import record_of
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.record.job_curves import CURVES, POINTS, kept_steps, read_curves, thin
from stylize_core.report import charts
from stylize_core.report.colours import sample_colours
from stylize_core.report.job_lines import curve_data, job_lines


@given(st.integers(0, 1_000_000))
def test_thinning_keeps_both_ends(last):
    """Steps rise from 0 to the last, at most 120 of them; a short curve keeps all."""
    steps = kept_steps(last)
    assert steps[0] == 0
    assert steps[-1] == last
    assert (np.diff(steps) > 0).all()
    assert len(steps) <= POINTS
    assert len(steps) == last + 1 or last >= POINTS


def test_thinning_is_dense_where_curves_are_steep():
    """With 3000 steps, the first ten are all kept and no gap exceeds 60."""
    steps = kept_steps(3000)
    assert steps[:9].tolist() == list(range(9))
    assert np.diff(steps).max() <= 60


def test_curves_are_read_whole(stores, run):
    """A curve has every step and the layers in use, without values that are not positive or finite."""
    files = stores(12)
    diverged = next(job for job in record_of(files, run).finished if job.error_code == "diverged")
    ((job_id, curve),) = read_curves(files, [diverged]).items()
    assert job_id == diverged.job_id
    assert curve["step"].tolist() == list(range(41))
    assert curve["style"].isna().tolist() == [False] * 39 + [True, True]
    assert curve["style_conv5_1"][:-2].notna().all()
    assert curve["style_conv1_2"].isna().all()


def test_a_job_without_losses_has_no_curve(stores, run):
    """Neither a job that failed before its first step nor one that was not reached has a curve."""
    jobs = [job for job in record_of(stores(12), run).jobs if job.status == "stopped" or not job.image]
    assert [job.status for job in jobs] == ["failed", "stopped"]
    assert read_curves(stores(12), jobs) == read_curves(stores(12), []) == {}


def test_numbers_on_the_page_have_four_digits(stores, run):
    """Columns that a job does not use are left out; gaps are null."""
    files = stores(12)
    jobs = record_of(files, run).finished
    curve = read_curves(files, jobs)[jobs[5].job_id]
    data = curve_data(curve)
    assert set(data["values"]) == {
        *("total", "content", "style", "tv", "content_conv4_2"),
        *(f"style_conv{block}_1" for block in range(1, 6)),
    }
    assert data["values"]["style"][-2:] == [None, None]
    assert data["values"]["content"] == [float(f"{value:.4g}") for value in curve["content"]]


def test_a_line_for_each_job(stores, run):
    """A failed job has a dashed line; lines are coloured by the swept setting."""
    jobs = record_of(stores(12), run).finished
    found = job_lines(jobs)
    assert [line["job"] for line in found["lines"]] == [job.job_id for job in jobs]
    assert {line["job"] for line in found["lines"] if line["dashed"]} == {
        job.job_id for job in jobs if job.status == "failed"
    }
    assert found["legend"]["title"] == "style_weight"
    assert list(found["legend"]["colours"]) == ["100000", "2e7"]
    assert {line["colour"] for line in found["lines"]} == set(found["legend"]["colours"].values())
    assert job_lines([]) is None


@pytest.mark.parametrize("name", ["lines", "bands", "split"])
def test_losses_are_logarithmic_and_steps_linear(name):
    """Every layer of every chart: y logarithmic, x linear (step 0 is shown); a named rule at the start of each size."""
    *losses, rule, label = charts.charts()[name]["layer"]
    assert [(part["mark"]["type"], part["data"]["name"]) for part in (rule, label)] == [
        ("rule", "sizes"),
        ("text", "sizes"),
    ]
    for layer in losses:
        assert layer["encoding"]["y"]["scale"]["type"] == "log"
        assert "type" not in layer["encoding"]["x"]["scale"]


@pytest.mark.parametrize("spec", [charts.terms_chart(), charts.layers_chart(["conv1_1", "conv5_1"])])
def test_a_job_is_drawn_in_the_same_way(spec):
    """The chart of one job: y logarithmic, a line per series, a named rule at the start of each size."""
    lines, rule, name = spec["layer"]
    assert [(part["mark"]["type"], part["data"]) for part in (rule, name)] == [
        ("rule", {"name": "sizes"}),
        ("text", {"name": "sizes"}),
    ]
    assert lines["encoding"]["y"]["scale"]["type"] == "log"
    assert lines["mark"]["type"] == "line"


def test_the_first_step_of_each_size_is_known(stores, run):
    """Thinning keeps the step, and the page has it with the size; a job with one size has none."""
    files = stores(12)
    job = record_of(files, run).finished[5]
    (curve,) = read_curves(files, [job]).values()
    assert curve_data(curve)["sizes"] == []
    steps = np.arange(4001)
    sizes = np.where(steps < 2345, 96, np.where(steps < 3456, 192, 384))
    frame = pd.DataFrame(dict.fromkeys(CURVES, 1.0), index=steps).assign(job_id="a", step=steps, size_px=sizes)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    thinned = thin(table, kept_steps(4000))
    assert len(thinned) <= POINTS + 2
    assert curve_data(thinned)["sizes"] == [[0, 96], [2345, 192], [3456, 384]]


@pytest.mark.parametrize("name", [*charts.charts(), "terms", "layers"])
def test_charts_are_vega_lite(name):
    """Every chart follows the schema of Vega-Lite, without unknown marks, channels or properties."""
    spec = {
        **charts.charts(),
        "terms": charts.terms_chart(),
        "layers": charts.layers_chart(["conv1_1", "conv5_1"]),
    }[name]
    altair.Chart.from_dict(spec)


def test_quality_is_not_logarithmic():
    """Final losses are on a logarithmic scale too, quality metrics are not."""
    found = charts.charts()
    assert found["histogram"]["encoding"]["x"]["scale"]["type"] == "log"
    assert "type" not in found["histogram-linear"]["encoding"]["x"]["scale"]
    assert found["ranges"]["layer"][0]["encoding"]["x"]["scale"]["type"] == "log"
    assert "type" not in found["ranges-linear"]["layer"][0]["encoding"]["x"]["scale"]


def test_colours_of_an_order_run_from_end_to_end():
    """Two values get the scale's ends; further values are in between."""
    sample = sample_colours
    assert len(set(sample(2))) == 2
    assert sample(5)[0] == sample(2)[0]
    assert sample(5)[-1] == sample(2)[-1]
    assert sample(0) == []
