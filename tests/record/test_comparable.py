"""Which jobs are comparable, and how they are split."""

import pytest
from fixtures.records import table_of

from stylize_core.record.comparable import comparable_sets, parts, scales, splits, value_text
from stylize_core.settings import TERM_SCALE, TOTAL_SCALE
from stylize_core.terms import LOSSES


def _jobs_of(builder, run, *settings):
    content, style = builder.source("content", 0), builder.source("style", 0)
    for given in settings:
        builder.outcome(builder.row(content, style, **given))
    return table_of(builder.publish(), run).jobs()


def test_what_does_not_compare_is_in_another_set(builder, run):
    """A set has one form, size and set of layers; failed jobs are in none."""
    settings = ({}, {"seed": 1}, {"form": "paper"}, {"size": 64}, {"style_layers": "conv1_1"})
    jobs = _jobs_of(builder, run, *settings)
    sets = comparable_sets(jobs)
    assert [len(one.places) for one in sets] == [2, 1, 1, 1]
    assert len({one.title for one in sets}) == 4
    assert sets[1].title == f"form paper · size 96 · style_layers {jobs['style_layers'][2]}"
    assert sets[0].shared == {name: jobs[name][0] for name in TERM_SCALE}
    assert sorted(place for one in sets for place in one.places) == [0, 1, 2, 3, 4]


def test_totals_compare_only_at_equal_weights(builder, run):
    """Unweighted terms are comparable; totals are not. With another form, size or layer nothing is comparable."""
    jobs = _jobs_of(builder, run, {}, {"style_weight": 1.0}, {"form": "paper"}, {"size": 64})
    assert scales(jobs, TERM_SCALE).tolist() == [0, 0, 1, 2]
    assert scales(jobs, TOTAL_SCALE).tolist() == [0, 1, 2, 3]
    assert [one.terms for one in comparable_sets(jobs)] == [LOSSES[1:], LOSSES, LOSSES]


def test_failed_jobs_are_in_no_set(stores, run):
    """Two of 210 jobs failed."""
    jobs = table_of(stores(210), run).jobs()
    (one,) = comparable_sets(jobs)
    assert one.places.tolist() == list(range(208))
    assert comparable_sets(jobs[208:]) == []


def test_jobs_are_split_by_what_some_of_them_share(builder, run):
    """Neither by a seed that differs for every job, nor by settings that follow from a preset."""
    rows = [{"seed": number, "preset": preset} for number, preset in enumerate(["default", "fast"] * 3)]
    jobs = _jobs_of(builder, run, *rows)
    assert splits(jobs) == ["preset"]
    assert [(name, len(places)) for name, places in parts(jobs, "preset")] == [("default", 3), ("fast", 3)]


def test_numbers_are_in_their_order(builder, run):
    """The parts of a swept number are in ascending order."""
    jobs = _jobs_of(builder, run, *({"style_weight": weight} for weight in (1e6, 10.0, 1e6, 200.0)))
    assert [name for name, _ in parts(jobs, "style_weight")] == ["10", "200", "1e6"]


@pytest.mark.parametrize("losses", [("gram", "nn"), ("nn", "gram")])
def test_neutral_values_are_left_out_row_by_row(losses, builder, run):
    """Jobs with another style loss are not comparable, in any order, although the neutral value is not recorded."""
    jobs = _jobs_of(builder, run, *({"preset": "default", "style_loss": loss} for loss in losses))
    assert list(jobs["style_loss"].astype(str)) == list(losses)
    assert len(comparable_sets(jobs)) == 2


def test_values_have_the_manifests_words():
    """An input is shown as its file name, a number that stands for a word as that word."""
    assert value_text("content", "s3://b/The%20Scream.jpg") == "The Scream"
    assert (value_text("scales", 0), value_text("scales", 2), value_text("steps", 0)) == ("auto", "2", "0")
