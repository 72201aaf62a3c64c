"""The rate of a device from its earlier jobs."""

import json
from typing import Any

import pytest

from stylize_core.engine.device import describe
from stylize_core.engine.engine import Engine
from stylize_core.engine.flops import evaluation_flops
from stylize_core.files.files import Files
from stylize_core.plan.rates import known_rate
from stylize_core.presets import resolve
from stylize_core.store import layout
from stylize_core.store.records import Result, results_table
from stylize_core.store.tables import publish_table

SETTINGS = resolve("default-1", {"size": 256, "steps": 9})


def _publish(files: Files, engine: Engine, commit: str, **changes: Any) -> None:
    """Publishes a job of 192 x 256 px that took 10 evaluations and 20 s, with changes."""
    values: dict[str, Any] = {
        "job_id": "0" * 24,
        "commit": commit,
        "run": "run",
        "attempt": 1,
        "status": "done",
        "form": "mean",
        "settings": json.dumps(SETTINGS.to_dict()),
        "digests": "{}",
        "width": 256,
        "height": 192,
        "steps": 9,
        "seconds": 20.0,
        "device": describe(engine.device, engine.precision),
        "precision": "float32",
        "versions": "{}",
    }
    publish_table(files, layout.results(commit), results_table([Result(**{**values, **changes})]))


def test_the_rate_of_known_jobs(files: Files, engine: Engine) -> None:
    """The rate is operations by seconds of the newest jobs together."""
    assert known_rate(files, engine) is None
    _publish(files, engine, "run-1")
    rate = known_rate(files, engine)
    assert rate is not None
    assert rate.flops == pytest.approx(10 * evaluation_flops(SETTINGS, 192, 256) / 20)
    assert (rate.device, rate.precision, rate.probed) == (engine.device, "float32", True)
    _publish(files, engine, "run-2", seconds=60.0)
    again = known_rate(files, engine)
    assert again is not None
    assert again.flops == pytest.approx(rate.flops / 2)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "failed", "seconds": None, "steps": None},
        {"device": "cuda"},
        {"precision": "bfloat16"},
        {"width": 64, "height": 64},
        {"seconds": 1.0},
    ],
    ids=str,
)
def test_jobs_that_tell_nothing(change: dict[str, Any], files: Files, engine: Engine) -> None:
    """Jobs that failed, ran elsewhere or differently, or are too small or few do not count: the device is probed."""
    _publish(files, engine, "run-1", **change)
    assert known_rate(files, engine) is None
