"""Bands: quantiles of losses by step over jobs, each of which keeps its last loss."""

import numpy as np
import pytest
from fixtures.records import table_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as shapes

from stylize_core.record import term_curves
from stylize_core.record.bands import BANDS, band, quantiles
from stylize_core.record.term_curves import read_term_curves
from stylize_core.store.ledger import live_results, read_metrics
from stylize_core.terms import LOSSES


def _read(files, run):
    jobs = table_of(files, run).jobs()
    return jobs, read_term_curves(files, jobs)


def _run_of(builder, run, *settings):
    content, style = builder.source("content", 0), builder.source("style", 0)
    for given_ in settings:
        builder.outcome(builder.row(content, style, **given_))
    return _read(builder.publish(), run)


def test_curves_are_those_of_the_store(stores, run):
    """Each job's losses at each step, as in the store."""
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
    """The last four of 40 steps: the total at 36 minus that at 40, divided by that at 40."""
    jobs, curves = _read(stores(1), run)
    totals = read_metrics(stores(1), live_results(stores(1)))["total"].to_pylist()
    assert jobs["updates"].tolist() == [40]
    assert curves.falling[0] == pytest.approx((totals[36] - totals[40]) / totals[40], rel=1e-5)


def test_a_job_that_has_ended_goes_on_with_its_last_loss(builder, run):
    """Beside a job of 80 steps, one of 20 keeps its last loss, so that the last step covers both."""
    _, curves = _run_of(builder, run, {"steps": 20}, {"steps": 80})
    assert {20, 80} <= set(curves.steps.tolist())
    at = curves.steps.tolist().index(20)
    short = curves.values[0, :3]
    assert (short[:, at:] == short[:, at : at + 1]).all()
    assert not np.isnan(curves.values).any()


def test_long_runs_are_thinned(builder, run, monkeypatch):
    """Few steps are kept, including the first and the last."""
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
    """Column by column, without NaN, equal to numpy's slower function."""
    found, counts = quantiles(values)
    for column in range(values.shape[1]):
        sound = values[:, column][~np.isnan(values[:, column])]
        assert counts[column] == len(sound)
        if len(sound):
            expected = np.quantile(sound.astype(np.float64), list(BANDS.values()))
            np.testing.assert_allclose(found[:, column], expected, rtol=1e-5, atol=1e-30)


def test_quantiles_by_hand():
    """Losses 1 to 5: the median is 3, the quartiles 2 and 4."""
    found, counts = quantiles(np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [np.nan]], np.float32))
    np.testing.assert_allclose(found[:, 0], [1.4, 2, 3, 4, 4.6], rtol=1e-6)
    assert counts.tolist() == [5]


def test_a_band_is_of_the_jobs_that_count(builder, run):
    """They cover the given jobs at every step; jobs that have ended keep their last loss."""
    jobs, curves = _run_of(builder, run, {"steps": 20}, {"steps": 80}, {"steps": 80, "seed": 1})
    lines = band(curves, np.array([0, 1]), "style")
    assert lines["step"].tolist() == curves.steps.tolist()
    style = curves.values[:2, LOSSES.index("style")]
    np.testing.assert_allclose(lines["p50"], style.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(lines["p90"], 0.1 * style.min(axis=0) + 0.9 * style.max(axis=0), rtol=1e-6)
    assert style[0, -1] == jobs["final_style"][0]


def test_a_band_without_values_has_no_line(builder, run):
    """Losses that are never positive cannot be shown on a logarithmic scale."""
    _, curves = _run_of(builder, run, {})
    curves.values[:] = np.nan
    assert len(band(curves, np.array([0]), "tv")) == 0
