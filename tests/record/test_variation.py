"""Which settings vary among jobs, and which of them are axes of the layout."""

import pytest
from fixtures.records import record_of, table_of

from stylize_core.record.variation import axes, axes_of_jobs, axes_of_rows, describe


def _jobs_of(builder, *settings):
    content, style = builder.source("content", 1), builder.source("style", 1)
    for given in settings:
        builder.row(content, style, **given)
    return record_of(builder.publish(), "20261120-103200").jobs


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"start": ["content", "content"]}, []),
        ({"size": [64, 96], "style_size": [64, 96]}, ["size"]),
        ({"style_weight": [1, 1, 1, 2, 2, 2], "tv_weight": [0, 1, 2, 0, 1, 2]}, ["tv_weight", "style_weight"]),
        ({"seed": [1, 2], "style_weight": [10, 20]}, ["style_weight"]),
        ({"seed": [1, 2], "style_weight": [10, 10]}, ["seed"]),
        ({"tv_weight": [None, 1.0, None]}, ["tv_weight"]),
    ],
)
def test_axes(columns, expected):
    """Settings that vary and do not follow from others, longest first; seeds last, as all would follow from them."""
    assert axes(columns) == expected


def test_presets_are_one_axis(builder):
    """Two presets differ in many settings; only the preset is shown."""
    jobs = _jobs_of(builder, {"preset": "default"}, {"preset": "keras"})
    assert sum(jobs[0].settings[name] != jobs[1].settings[name] for name in jobs[0].settings) > 5
    assert axes_of_jobs(jobs) == ["preset"]


def test_axes_of_rows_are_those_of_jobs(stores, run):
    """The result for columns equals that for single jobs."""
    assert axes_of_rows(table_of(stores(12), run).jobs()) == axes_of_jobs(record_of(stores(12), run).finished)
    assert axes_of_jobs(record_of(stores(12), run).finished) == ["style_weight", "seed"]


def test_settings_are_written_as_in_a_manifest(builder):
    """Numbers without unnecessary digits."""
    (job,) = _jobs_of(builder, {"style_weight": 1e6, "steps": 40})
    assert describe(job, ["style_weight", "steps", "start"]) == "style_weight 1e6 · steps 40 · start content"
