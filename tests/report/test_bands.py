"""Quantiles over jobs: computed over all, among comparable ones only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as shapes

from stylize_core.record import term_curves
from stylize_core.record.comparable import axes, comparable_sets, parts, splits
from stylize_core.record.read_run import read_record
from stylize_core.record.table import read_run_table
from stylize_core.record.term_curves import read_term_curves
from stylize_core.record.variation import axes as axes_of_jobs
from stylize_core.report.bands import QUANTILES, histogram, quantiles, spread
from stylize_core.store.ledger import live_results, read_metrics
from stylize_core.terms import LOSSES


def _read(files, run):
    jobs = read_run_table(files, run).jobs()
    return jobs, read_term_curves(files, jobs)


def _run_of(builder, run, *settings):
    content, style = builder.source("content", 0), builder.source("style", 0)
    for given_ in settings:
        builder.outcome(builder.row(content, style, **given_))
    return _read(builder.publish(), run)


def test_curves_are_those_of_the_store(stores, run):
    """Each job's losses at each step, as the store has them."""
    jobs, curves = _read(stores(12), run)
    lines = read_metrics(stores(12), live_results(stores(12))).to_pandas().set_index(["job_id", "step"])
    assert curves.steps.tolist() == list(range(41))
    for place, (job, code) in enumerate(zip(jobs["job_id"], jobs["error_code"].astype("object"), strict=True)):
        if code != code or code is None:
            np.testing.assert_array_equal(curves.values[place].T, lines.loc[job][list(LOSSES)].to_numpy())
        if code == "image_truncated":
            assert np.isnan(curves.values[place]).all(), "nothing was computed"
        if code == "diverged":
            style = curves.values[place, LOSSES.index("style")]
            assert np.isnan(style).tolist() == [False] * 39 + [True, True], "what is not finite is left out"


def test_falling_is_the_share_of_the_last_tenth(stores, run):
    """Of 40 steps the last four: the total at 36 less that at 40, by that at 40."""
    jobs, curves = _read(stores(1), run)
    totals = read_metrics(stores(1), live_results(stores(1)))["total"].to_pylist()
    assert jobs["updates"].tolist() == [40]
    assert curves.falling[0] == pytest.approx((totals[36] - totals[40]) / totals[40], rel=1e-5)


def test_a_job_that_has_ended_goes_on_with_its_last_loss(builder, run):
    """Beside a job of 80 steps, one of 20 stays what it came to: the last step is about both."""
    _, curves = _run_of(builder, run, {"steps": 20}, {"steps": 80})
    assert {20, 80} <= set(curves.steps.tolist())
    at = curves.steps.tolist().index(20)
    short = curves.values[0, :3]
    assert (short[:, at:] == short[:, at : at + 1]).all()
    assert not np.isnan(curves.values).any()


def test_long_runs_are_thinned(builder, run, monkeypatch):
    """Few steps are kept, the first and the last among them."""
    monkeypatch.setattr(term_curves, "POINTS", 10)
    _, curves = _run_of(builder, run, {"steps": 300})
    assert len(curves.steps) <= 11
    assert curves.steps[[0, -1]].tolist() == [0, 300]


@given(
    shapes.arrays(
        np.float32,
        st.tuples(st.integers(1, 20), st.integers(1, 5)),
        elements=st.floats(0, 100, width=32) | st.just(np.nan),
    )
)
def test_quantiles_are_numpys(values):
    """Column by column, NaN left out, as numpy's slower function says."""
    found, counts = quantiles(values)
    for column in range(values.shape[1]):
        sound = values[:, column][~np.isnan(values[:, column])]
        assert counts[column] == len(sound)
        if len(sound):
            expected = np.quantile(sound.astype(np.float64), QUANTILES)
            np.testing.assert_allclose(found[:, column], expected, rtol=1e-5, atol=1e-30)


def test_quantiles_by_hand():
    """Losses 1 to 5: the median is 3, the quartiles 2 and 4."""
    found, counts = quantiles(np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [np.nan]], np.float32))
    np.testing.assert_allclose(found[:, 0], [1.4, 2, 3, 4, 4.6], rtol=1e-6)
    assert counts.tolist() == [5]


def test_histograms_count_every_value():
    """Equal bins, on a logarithmic scale for losses; what cannot stand there is left out."""
    values = np.array([1.0, 10.0, 100.0, 1000.0, 10000.0, 0.0, np.nan, np.inf])
    found = histogram(values, log=True)
    assert found["edges"] == [1, 10, 100, 1000, 10000]
    assert found["counts"] == [1, 1, 1, 2]
    assert sum(histogram(values, log=False)["counts"]) == 6
    assert histogram(np.array([np.nan]), log=True) == {"edges": [], "counts": []}


def test_what_does_not_compare_is_in_another_set(builder, run):
    """A set holds one form, size and set of layers; failed jobs are in none."""
    settings = ({}, {"seed": 1}, {"form": "paper"}, {"size": 64}, {"style_layers": "conv1_1"})
    jobs, _ = _run_of(builder, run, *settings)
    sets = comparable_sets(jobs)
    assert [len(one.places) for one in sets] == [2, 1, 1, 1]
    assert len({one.title for one in sets}) == 4
    assert sorted(place for one in sets for place in one.places) == [0, 1, 2, 3, 4]


def test_totals_of_other_weights_are_left_out(builder, run):
    """A sweep of style_weight has bands of its terms and no total; jobs of one weight have one."""
    jobs, curves = _run_of(builder, run, {}, {"seed": 1}, {"style_weight": 1.0})
    (one,) = comparable_sets(jobs)
    assert not one.has_total
    assert list(spread(one, jobs, curves)["bands"]) == ["content", "style", "tv"]
    jobs = jobs[:2]
    (one,) = comparable_sets(jobs)
    assert one.has_total
    assert list(spread(one, jobs, curves)["bands"]) == list(LOSSES)


def test_bands_are_over_all_sound_jobs(stores, run):
    """The median of 208 jobs, failed ones left out; parts by style have the medians of their jobs."""
    jobs, curves = _read(stores(210), run)
    (one,) = comparable_sets(jobs)
    drawn = spread(one, jobs, curves)
    sound = (jobs["status"] != "failed").to_numpy()
    style = curves.values[:, LOSSES.index("style")]
    expected = np.median(style[sound], axis=0)
    assert drawn["jobs"] == sound.sum() == 208
    np.testing.assert_allclose(drawn["bands"]["style"]["p50"], expected, rtol=1e-3)
    by_style = drawn["splits"]["style"]
    assert by_style["values"] == 15
    assert sum(part["bands"] is not None for part in by_style["parts"]) == 8
    for part in by_style["parts"]:
        ours = sound & (jobs["style"] == f"/pictures/{part['value']}.jpg").to_numpy()
        assert part["jobs"] == ours.sum()
        assert part["finals"]["final_style"][2] == pytest.approx(np.median(jobs["final_style"][ours]), rel=1e-3)


def test_axes_are_those_of_single_jobs(stores, run):
    """In columns as job by job."""
    jobs, _ = _read(stores(12), run)
    assert axes(jobs) == list(axes_of_jobs(read_record(stores(12), run).finished))


def test_jobs_are_split_by_what_some_of_them_share(builder, run):
    """Not by a seed of its own for every job, nor by what a preset decides."""
    rows = [{"seed": number, "preset": preset} for number, preset in enumerate(["default", "fast"] * 3)]
    jobs, _ = _run_of(builder, run, *rows)
    assert splits(jobs) == ["preset"]
    assert [(name, len(places)) for name, places in parts(jobs, "preset")] == [("default", 3), ("fast", 3)]


def test_numbers_are_in_their_order(builder, run):
    """The parts of a swept number rise."""
    jobs, _ = _run_of(builder, run, *({"style_weight": weight} for weight in (1e6, 10.0, 1e6, 200.0)))
    assert [name for name, _ in parts(jobs, "style_weight")] == ["10", "200", "1e6"]
