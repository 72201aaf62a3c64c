"""Forecasts the cost of a run: seconds, peak memory and bytes, from the arithmetic and a short probe."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol

from stylize_core.engine.flops import job_flops
from stylize_core.engine.memory import Fit, fit, peak_bytes
from stylize_core.plan.rates import Rate
from stylize_core.settings import Settings

IMAGE_BYTES = {"png": 1.9, "jpeg": 0.8, "webp": 0.6}
"""Bytes per pixel of stylised pictures, which are noisier than photographs (measured on the demo)."""

METRIC_BYTES = 4
"""Bytes per number of the metrics: float32, which hardly compresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The cost of the jobs to run on one device.

    Attributes:
        jobs: number of jobs.
        seconds: of computing.
        peak_memory_bytes: of the largest batch, without the program itself.
        store_bytes: images, snapshots and metrics.
        probed: whether `seconds` is based on a measurement.
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
    """The properties on which the cost of a job depends."""

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
"""The forecast for no jobs; it needs no probe."""


def job_seconds(job: Costing, rate: Rate) -> float:
    """Returns the forecast seconds of one job."""
    return job_flops(job.settings, job.height, job.width, recompute=_fit(job, rate).recompute) / rate.flops


def forecast(jobs: Iterable[tuple[Costing, int]], rate: Rate) -> Forecast:
    """Returns the cost of jobs on one device of that rate.

    Args:
        jobs: one job of each kind, and the number of jobs of this kind.
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
    """Returns the peak memory of the largest batch of `jobs` jobs."""
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
    numbers = 2 + len(settings.terms) + sum(len(settings.layers(term)) for term in settings.layered_terms)
    images = IMAGE_BYTES[settings.format] + snapshots * IMAGE_BYTES["png"]
    return pixels * images + (settings.steps + 1) * numbers * METRIC_BYTES
