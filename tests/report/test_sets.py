"""The page's charts of a set of comparable jobs."""

import numpy as np
import pytest
from fixtures.records import table_of

from stylize_core.record.comparable import comparable_sets
from stylize_core.record.term_curves import read_term_curves
from stylize_core.report.sets import histogram, set_data
from stylize_core.terms import LOSSES


def test_histograms_count_every_value():
    """Equal bins, on a logarithmic scale for losses, without values that cannot be shown there."""
    values = np.array([1.0, 10.0, 100.0, 1000.0, 10000.0, 0.0, np.nan, np.inf])
    found = histogram(values, log=True)
    assert found["edges"] == [1, 10, 100, 1000, 10000]
    assert found["counts"] == [1, 1, 1, 2]
    assert sum(histogram(values, log=False)["counts"]) == 6
    assert histogram(np.array([np.nan]), log=True) == {"edges": [], "counts": []}


def test_totals_of_other_weights_are_left_out(builder, run):
    """A sweep of style_weight has bands of its terms but not of the total; jobs with one weight have it."""
    content, style = builder.source("content", 0), builder.source("style", 0)
    for given in ({}, {"seed": 1}, {"style_weight": 1.0}):
        builder.outcome(builder.row(content, style, **given))
    files = builder.publish()
    jobs = table_of(files, run).jobs()
    curves = read_term_curves(files, jobs)
    (one,) = comparable_sets(jobs)
    assert list(set_data(one, jobs, curves)["bands"]) == ["content", "style", "tv"]
    (one,) = comparable_sets(jobs[:2])
    assert list(set_data(one, jobs[:2], curves)["bands"]) == list(LOSSES)


def test_sizes_of_coarse_to_fine_are_marked(builder, run):
    """Marks are at the first step of each size; a job with one size has none; equal marks of several jobs are one."""
    content, style = builder.source("content", 0), builder.source("style", 0)
    two = [48] * 21 + [96] * 20
    for seed, sizes in enumerate([[24] * 9 + [48] * 12 + [96] * 20, two, two, [96] * 41]):
        builder.outcome(builder.row(content, style, seed=seed), sizes=sizes)
    files = builder.publish()
    jobs = table_of(files, run).jobs()
    curves = read_term_curves(files, jobs)
    sets = [one for part in (jobs, jobs[1:3], jobs[3:]) for one in comparable_sets(part)]
    assert [set_data(one, jobs, curves)["sizes"] for one in sets] == [
        [[0, 24], [0, 48], [9, 48], [21, 96]],
        [[0, 48], [21, 96]],
        [],
    ]


def test_bands_are_over_all_sound_jobs(stores, run):
    """The median of 208 jobs without failed ones; parts by style have the medians of their jobs."""
    jobs = table_of(stores(210), run).jobs()
    curves = read_term_curves(stores(210), jobs)
    (one,) = comparable_sets(jobs)
    drawn = set_data(one, jobs, curves)
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
