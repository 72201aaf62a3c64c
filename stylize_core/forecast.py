"""What a run will cost, before it runs: seconds, peak memory and bytes, from the arithmetic and a short probe."""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol

import torch

from stylize_core.engine.engine import Engine, Pair
from stylize_core.engine.memory import CHANNELS, Fit, fit, peak_bytes
from stylize_core.engine.objective import layers_in_use
from stylize_core.settings import LAYERS, Settings

PROBE_EDGE_PX = 160

IMAGE_BYTES = {"png": 1.9, "jpeg": 0.8, "webp": 0.6}
"""Bytes per pixel of stylised pictures, which are noisier than photographs (measured on the demo)."""

METRIC_BYTES = 4
"""Per number of the metrics: float32, which hardly compresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How fast a device is.

    Attributes:
        flops: floating point operations per second in evaluations.
        probed: whether it was measured; an assumed rate marks its forecast.
        device: on which the run will compute.
        precision: resolved.
        memory: bytes of the device that a run could have.
    """

    flops: float
    probed: bool
    device: torch.device
    precision: str
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the jobs to run will cost on one device.

    Attributes:
        jobs: number of jobs.
        seconds: of computing.
        peak_memory_bytes: of the largest batch, beside the program itself.
        store_bytes: images, snapshots and metrics.
        probed: whether `seconds` rests on a measurement.
    """

    jobs: int
    seconds: float
    peak_memory_bytes: int
    store_bytes: int
    probed: bool

    def to_dict(self) -> dict[str, object]:
        """Returns plain JSON values."""
        return asdict(self)


class Costing(Protocol):
    """What the cost of a job depends on."""

    @property
    def settings(self) -> Settings:
        """Resolved."""

    @property
    def height(self) -> int:
        """Of the target, pixels."""

    @property
    def width(self) -> int:
        """Of the target, pixels."""


NOTHING = Forecast(jobs=0, seconds=0.0, peak_memory_bytes=0, store_bytes=0, probed=True)
"""Of no jobs; certain without a probe."""


def evaluation_flops(settings: Settings, height: int, width: int, *, recompute: bool = False) -> float:
    """Returns the operations of one evaluation of one image, counted the plain way: convolutions and Gram matrices.

    Each is one product forward and one backward (the gradient by its input); with `recompute` another one forward.
    """
    passes = 3 if recompute else 2
    last = max(LAYERS.index(name) for name in layers_in_use(settings))
    styles = {name for name, _ in settings.style_layers}
    total, inputs = 0.0, 3
    for name in LAYERS[: last + 1]:
        outputs, positions = CHANNELS[name], height * width / 4.0 ** (int(name[4]) - 1)
        total += 2 * 9 * inputs * outputs * positions
        total += 2 * outputs * outputs * positions if name in styles else 0
        inputs = outputs
    return passes * total


def job_seconds(job: Costing, rate: Rate) -> float:
    """Returns the forecast seconds of one job."""
    flops = evaluation_flops(job.settings, job.height, job.width, recompute=_fit(job, rate).recompute)
    return (job.settings.steps + 1) * flops / rate.flops


def probe(engine: Engine, settings: Settings) -> Rate:
    """Measures an engine on a small grey picture: one evaluation to warm up, then the faster of two."""
    image = torch.full((3, PROBE_EDGE_PX, PROBE_EDGE_PX), 0.5)
    objective = engine.objective([Pair(settings=settings, content=image, style=image, style_key="probe")])
    engine.forget_styles()
    batch, seconds = image[None].to(engine.device), []
    for _ in range(3):
        began = time.perf_counter()
        objective.evaluate(batch)[1].sum().item()  # waits for the device
        seconds.append(time.perf_counter() - began)
    flops = evaluation_flops(settings, PROBE_EDGE_PX, PROBE_EDGE_PX) / min(seconds[1:])
    return Rate(flops=flops, probed=True, device=engine.device, precision=engine.precision, memory=engine.memory)


def forecast(jobs: Iterable[tuple[Costing, int]], rate: Rate) -> Forecast:
    """Returns what jobs will cost on one device of that rate.

    Args:
        jobs: one of each kind, and how many there are of it.
        rate: of the device.
    """
    kinds = list(jobs)
    count, seconds, memory, store = sum(number for _, number in kinds), 0.0, 0, 0.0
    for job, number in kinds:
        seconds += number * job_seconds(job, rate)
        memory = max(memory, _batch_bytes(job, rate, count))
        store += number * _store_bytes(job)
    return Forecast(jobs=count, seconds=seconds, peak_memory_bytes=memory, store_bytes=int(store), probed=rate.probed)


def _batch_bytes(job: Costing, rate: Rate, jobs: int) -> int:
    """Returns the peak of the largest batch that so many jobs make."""
    found = _fit(job, rate)
    return peak_bytes(
        job.settings,
        job.height,
        job.width,
        rate.precision,
        rate.device,
        jobs=min(found.jobs, jobs),
        recompute=found.recompute,
    )


def _fit(job: Costing, rate: Rate) -> Fit:
    return fit(job.settings, job.height, job.width, rate.precision, rate.device, rate.memory)


def _store_bytes(job: Costing) -> float:
    settings, pixels = job.settings, job.height * job.width
    snapshots = settings.steps // settings.snapshot_every if settings.snapshot_every else 0
    numbers = 5 + len(settings.content_layers) + len(settings.style_layers)
    images = IMAGE_BYTES[settings.format] + snapshots * IMAGE_BYTES["png"]
    return pixels * images + (settings.steps + 1) * numbers * METRIC_BYTES
