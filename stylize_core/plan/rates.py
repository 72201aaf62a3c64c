"""Estimates a device's speed from earlier jobs, because a probe loads a network, about 500 MB on a CPU."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import torch

from stylize_core.engine.device import describe
from stylize_core.engine.engine import Engine
from stylize_core.engine.flops import evaluation_flops, job_flops
from stylize_core.engine.pair import Pair
from stylize_core.files.files import Files
from stylize_core.plan.plan_table import CostGroup
from stylize_core.settings import Settings
from stylize_core.store.ledger import results_paths
from stylize_core.store.records import RESULTS
from stylize_core.store.tables import read_table

PROBE_EDGE_PX = 160

FILES, LINES = 2, 500
"""Number of newest results files, and of last lines in each, to look at."""

LEAST_SECONDS = 10.0
"""Least computing time that makes an estimate reliable."""

_NAMES = ("status", "settings", "width", "height", "steps", "seconds", "device", "precision")
_COLUMNS = pa.schema([RESULTS.field(name) for name in _NAMES])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The speed of a device.

    Attributes:
        flops: floating point operations per second in evaluations.
        probed: whether it was measured; a forecast from an assumed rate is marked.
        device: of the run.
        precision: resolved.
        memory: bytes of the device's memory available to a run.
    """

    flops: float
    probed: bool
    device: torch.device
    precision: str
    memory: int


def rate_of(engine: Engine, files: Files | None, jobs: CostGroup) -> Rate:
    """Returns the speed of a device: from the jobs of a store that it computed, otherwise by a probe.

    Args:
        engine: the device.
        files: the store; None if there is none yet.
        jobs: the jobs to compute.

    Raises:
        StoreError: a results file is damaged; it is named.
    """
    known = known_rate(files, engine) if files else None
    return known or probe(engine, jobs.settings, jobs.height, jobs.width)


def known_rate(files: Files, engine: Engine) -> Rate | None:
    """Returns the rate at which a device computed its newest jobs of a store; None if these are too few.

    Small pictures do not count, because arithmetic takes little of their time.

    Raises:
        StoreError: a results file is damaged; it is named.
    """
    device, flops, seconds = describe(engine.device, engine.precision), 0.0, 0.0
    for line in _newest(files):
        is_like = (line["status"], line["device"], line["precision"]) == ("done", device, engine.precision)
        if is_like and max(line["width"], line["height"]) >= PROBE_EDGE_PX:
            settings = Settings.from_dict(json.loads(line["settings"]))
            flops += job_flops(settings, line["height"], line["width"], steps=line["steps"])
            seconds += line["seconds"]
    if seconds < LEAST_SECONDS:
        return None
    return Rate(
        flops=flops / seconds, probed=True, device=engine.device, precision=engine.precision, memory=engine.memory
    )


def _newest(files: Files) -> Iterator[dict[str, Any]]:
    for path in results_paths(files)[-FILES:]:
        with suppress(FileNotFoundError):  # another run may be compacting the store
            table = read_table(files, path, _COLUMNS)
            yield from table.slice(max(0, len(table) - LINES)).to_pylist()


def probe(engine: Engine, settings: Settings, height: int, width: int) -> Rate:
    """Measures an engine on a grey picture: one evaluation to warm up, then the faster of two.

    Args:
        engine: to measure.
        settings: of a job that it will compute.
        height: of that job's target, pixels; the probe's picture has at most `PROBE_EDGE_PX`.
        width: likewise.
    """
    height, width = min(height, PROBE_EDGE_PX), min(width, PROBE_EDGE_PX)
    image = torch.full((3, height, width), 0.5)
    objective = engine.objective([Pair(settings=settings, content=image, style=image, style_key="probe")])
    engine.forget_styles()
    batch, seconds = image[None].to(engine.device), []
    for _ in range(3):
        began = time.perf_counter()
        objective.evaluate(batch)[1].sum().item()  # waits for the device
        seconds.append(time.perf_counter() - began)
    flops = evaluation_flops(settings, height, width) / min(seconds[1:])
    return Rate(flops=flops, probed=True, device=engine.device, precision=engine.precision, memory=engine.memory)
