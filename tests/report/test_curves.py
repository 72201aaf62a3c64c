"""Loss curves: thinned, grouped by what compares, drawn on a logarithmic scale."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.report.curves import bands_chart, curves_chart, layers_chart, sample_colours, terms_chart
from stylize_core.report.joining import read_record
from stylize_core.report.losses import POINTS, bands, kept_steps, read_losses
from stylize_core.report.overview import curve_data, curve_groups
from stylize_core.report.selection import FAILED, RANKED, SAMPLE, rank, select

RUN = "20261120-103200"


def _marks(spec):
    return [layer["mark"]["type"] for layer in spec.get("layer", [spec])]


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
    """Of 3000 steps, the first ten are all kept and no gap exceeds 60."""
    steps = kept_steps(3000)
    assert steps[:9].tolist() == list(range(9))
    assert np.diff(steps).max() <= 60


def test_curves_are_read_whole_for_shown_jobs(stores, run):
    """A curve has every step and the layers in use; what is not positive or finite is left out."""
    files = stores(12)
    record = read_record(files, run)
    diverged = next(job for job in record.finished if job.error_code == "diverged")
    losses = read_losses(files, record, {diverged.job_id})
    assert list(losses.curves) == [diverged.job_id]
    curve = losses.curves[diverged.job_id]
    assert curve["step"].tolist() == list(range(41))
    assert curve["style"].isna().tolist() == [False] * 39 + [True, True]
    assert curve["style_conv5_1"][:-2].notna().all()
    assert curve["style_conv1_2"].isna().all()


def test_numbers_on_the_page_have_four_digits(stores, run):
    """Columns that a job does not use are left out, gaps are null."""
    files = stores(12)
    record = read_record(files, run)
    losses = read_losses(files, record, [job.job_id for job in record.finished])
    curve = losses.curves[record.jobs[5].job_id]
    data = curve_data(curve)
    assert set(data["values"]) == {
        *("total", "content", "style", "tv", "content_conv4_2"),
        *(f"style_conv{block}_1" for block in range(1, 6)),
    }
    assert data["values"]["style"][-2:] == [None, None]
    assert data["values"]["content"] == [float(f"{value:.4g}") for value in curve["content"]]


def test_quantiles_by_step():
    """Five jobs with losses 1 to 5: the median is 3, the quartiles 2 and 4."""
    lines = pd.DataFrame(
        [{"job_id": str(job), "step": step, "style": float(job)} for job in range(1, 6) for step in (0, 1)]
        + [{"job_id": "1", "step": 2, "style": 0.1}]
    )
    table = bands(lines, "style")
    assert table["step"].tolist() == [0, 1], "a step that one job of five reached has no quantiles"
    assert table[["p25", "p50", "p75"]].to_numpy().tolist() == [[2, 3, 4]] * 2


def test_what_does_not_compare_is_not_overlaid(builder):
    """A chart holds one form, size and set of layers."""
    content, style = builder.source("content", 0), builder.source("style", 0)
    for settings in ({}, {"seed": 1}, {"form": "paper"}, {"size": 64}, {"style_layers": "conv1_1"}):
        builder.outcome(builder.row(content, style, **settings))
    files = builder.publish()
    record = read_record(files, RUN)
    why = select(record.finished, RUN)
    groups = curve_groups(record.finished, read_losses(files, record, why), why)
    assert [len(group.jobs) for group in groups] == [2, 1, 1, 1]
    assert len({group.title for group in groups}) == 4


def test_totals_of_other_weights_are_not_overlaid(stores, run):
    """A sweep of style_weight shows its terms in one chart each, and no total."""
    files = stores(12)
    record = read_record(files, run)
    why = select(record.finished, run)
    (group,) = curve_groups(record.finished, read_losses(files, record, why), why)
    assert list(group.charts) == ["content", "style", "tv"]
    assert group.legend.title == "style_weight"
    assert list(group.legend.colours) == ["100000", "2e+07"]


def test_a_diverged_job_does_not_flatten_the_others(stores, run):
    """The scale fits the jobs that did not fail: 1e-3 at most, not the 1e3 of the explosion."""
    files = stores(12)
    record = read_record(files, run)
    why = select(record.finished, run)
    (group,) = curve_groups(record.finished, read_losses(files, record, why), why)
    low, high = group.charts["style"]["spec"]["encoding"]["y"]["scale"]["domain"]
    assert 0 < low < high < 3e-3


def test_large_runs_get_bands(stores, run):
    """Beyond 200 jobs: quantile bands under the lines of some jobs."""
    files = stores(210)
    record = read_record(files, run)
    why = select(record.finished, run)
    (group,) = curve_groups(record.finished, read_losses(files, record, why), why)
    chart = group.charts["style"]
    assert _marks(chart["spec"]) == ["area", "area", "line", "line"]
    lines = chart["bands"]
    assert all(low < middle < high for low, middle, high in zip(lines["p5"], lines["p50"], lines["p95"], strict=True))


@pytest.mark.parametrize(
    "spec",
    [
        curves_chart({"a": "#000000"}, (1e-3, 1.0)),
        bands_chart({"a": "#000000"}, None),
        terms_chart(),
        layers_chart(["conv1_1", "conv5_1"]),
    ],
)
def test_losses_are_logarithmic_and_steps_linear(spec):
    """Every layer of every chart: y logarithmic, x linear (step 0 is shown)."""
    for layer in spec.get("layer", [spec]):
        assert layer["encoding"]["y"]["scale"]["type"] == "log"
        assert "type" not in layer["encoding"]["x"]["scale"]


def test_colours_of_an_order_run_from_end_to_end():
    """Two values get the scale's ends; more lie between."""
    assert len(set(sample_colours(2))) == 2
    assert sample_colours(5)[0] == sample_colours(2)[0]
    assert sample_colours(5)[-1] == sample_colours(2)[-1]
    assert sample_colours(0) == []


def test_small_runs_show_every_job(stores, run):
    """Up to 200 jobs there is nothing to choose."""
    jobs = read_record(stores(12), run).finished
    assert select(jobs, run) == {job.job_id: "" for job in jobs}


def test_large_runs_show_the_ends_and_a_sample(stores, run):
    """The lowest and highest totals, every failed job up to a limit, and the same sample each time."""
    jobs = read_record(stores(210), run).finished
    why = select(jobs, run)
    reasons = list(why.values())
    assert {reason: reasons.count(reason) for reason in ("best", "worst", "failed", "sample")} == {
        "best": RANKED,
        "worst": RANKED,
        "failed": 2,
        "sample": SAMPLE,
    }
    assert why == select(jobs, run)
    assert why != select(jobs, "another run")
    totals = {job.job_id: job.finals.get("total", 0) for job in jobs}
    best = [totals[job] for job, reason in why.items() if reason == "best"]
    worst = [totals[job] for job, reason in why.items() if reason == "worst"]
    assert max(best) < min(worst)
    assert reasons.count("failed") <= FAILED


def test_ranking_is_fair_across_scales(builder):
    """A total counts against the median of its like: tenfold weights do not make a job the worst."""
    content = builder.source("content", 0)
    for weight in (1e5, 1e6):
        for number in range(3):
            builder.outcome(builder.row(content, builder.source("style", number), style_weight=weight))
    ranked = rank(read_record(builder.publish(), RUN).finished)
    weights = [job.settings["style_weight"] for job in ranked]
    assert set(weights[:3]) == {1e5, 1e6}
