"""Which settings vary, and whose losses compare."""

from stylize_core.record.read_run import read_record
from stylize_core.record.variation import axes, describe, scale, varying
from stylize_core.settings import TERM_SCALE


def _jobs_of(builder, *settings):
    content, style = builder.source("content", 1), builder.source("style", 1)
    for given in settings:
        builder.row(content, style, **given)
    return read_record(builder.publish(), "20261120-103200").jobs


def test_what_varies(builder):
    """A setting varies where two jobs differ in it, and no other does."""
    jobs = _jobs_of(builder, {"seed": 1}, {"seed": 2, "start": "noise"})
    assert varying(jobs) == ("start", "seed")


def test_a_setting_that_follows_another_is_no_axis(builder):
    """Sweeping size changes style_size as well: one axis."""
    jobs = _jobs_of(builder, {"size": 64}, {"size": 96})
    assert varying(jobs) == ("size", "style_size")
    assert axes(jobs) == ("size",)


def test_presets_are_one_axis(builder):
    """Two presets differ in many settings; the preset stands for all of them."""
    jobs = _jobs_of(builder, {"preset": "default"}, {"preset": "keras"})
    assert len(varying(jobs)) > 5
    assert axes(jobs) == ("preset",)


def test_a_seed_of_its_own_for_each_job_hides_no_sweep(builder):
    """Other settings lead although the seed decides them."""
    jobs = _jobs_of(builder, {"seed": 1, "style_weight": 10.0}, {"seed": 2, "style_weight": 20.0})
    assert axes(jobs) == ("style_weight",)


def test_the_longest_axis_comes_first(builder):
    """A grid is wider than tall."""
    rows = [{"style_weight": w, "tv_weight": t} for w in (1.0, 2.0) for t in (0.0, 1.0, 2.0)]
    assert axes(_jobs_of(builder, *rows)) == ("tv_weight", "style_weight")


def test_totals_compare_only_at_equal_weights(builder):
    """Terms are unweighted and compare; totals do not. Another form, size or layer compares in nothing."""
    base, weighted, formed, sized = _jobs_of(builder, {}, {"style_weight": 1.0}, {"form": "paper"}, {"size": 64})
    assert scale(base) != scale(weighted)
    assert scale(base, TERM_SCALE) == scale(weighted, TERM_SCALE)
    assert len({scale(job, TERM_SCALE) for job in (base, formed, sized)}) == 3


def test_settings_are_written_as_in_a_manifest(builder):
    """Numbers without needless digits."""
    (job,) = _jobs_of(builder, {"style_weight": 1e6, "steps": 40})
    assert describe(job, ["style_weight", "steps", "start"]) == "style_weight 1e6 · steps 40 · start content"
