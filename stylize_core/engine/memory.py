"""Forecasts the memory of a batch, and decides how many jobs fit into one.

The model counts what is alive at the peak, which is in the backward pass through the block with the most memory: the
activations that autograd keeps (one per convolution and one per pooling layer, with 8-byte indices of the maxima),
gradients in transit, what the terms add (`Term.live_bytes`), and image-sized buffers of optimiser and guard
(`OptimiserKind.images`). Its constants are measured (benchmarks/README.md): `FIXED_BYTES`, `SLACK`, and those of the
terms and the optimisers.
"""

import os
from dataclasses import dataclass

import torch

from stylize_core.engine.losses import TERMS
from stylize_core.engine.losses.term import LiveBytes
from stylize_core.engine.optimisers import OPTIMISERS
from stylize_core.layers import LAYERS
from stylize_core.settings import Settings

CHANNELS = {name: min(32 << int(name[4]), 512) for name in LAYERS}

VALUE_BYTES = {"float32": 4, "bfloat16": 2}
"""Bytes per number of the network, by precision."""

FIXED_BYTES = 40 << 20
"""Buffers of the convolutions, independent of the size of the images."""
SLACK = {"cpu": 1.3, "cuda": 1.0}
"""Ratio of the memory that the allocator holds to the memory that is alive."""

CPU_BATCH_PIXELS = 512 * 512
"""On a CPU this many pixels occupy all cores; a larger batch overflows the caches and delays the first result."""
GPU_BATCH = 64
MOST_NUMBERS = 2**31 - 1
"""Limit for a batch's largest layer on a GPU: cuDNN uses 32-bit indices, and is slow or wrong beyond them."""

MEMORY_SHARE = 0.8
"""Largest share of the available memory for the forecast of a batch."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How to optimise a group on a device.

    Attributes:
        jobs: number of jobs in one batch, at least 1.
        recompute: whether the backward pass recomputes blocks of the network to save memory.
        bytes: forecast peak of the batch, without the program itself.
    """

    jobs: int
    recompute: bool
    bytes: int


def fit(settings: Settings, height: int, width: int, precision: str, device: torch.device, available: int) -> Fit:
    """Returns the largest useful batch that fits; one job if none fits.

    Args:
        settings: of one job of the group.
        height: in pixels.
        width: in pixels.
        precision: `float32` or `bfloat16`.
        device: that computes.
        available: unused bytes of the device.
    """

    def peak(jobs: int, recompute: bool) -> int:
        return peak_bytes(settings, height, width, precision, device, jobs=jobs, recompute=recompute)

    fitting = int(MEMORY_SHARE * available - FIXED_BYTES) // (peak(1, False) - FIXED_BYTES)
    indexed = MOST_NUMBERS // (CHANNELS["conv1_1"] * height * width)
    worthwhile = CPU_BATCH_PIXELS // (height * width) if device.type == "cpu" else min(GPU_BATCH, indexed)
    jobs, recompute = max(1, min(worthwhile, fitting)), fitting < 1
    return Fit(jobs, recompute, peak(jobs, recompute))


def largest_size(settings: Settings, height: int, width: int, precision: str, device: torch.device, room: int) -> int:
    """Returns the longest edge at which a job takes at most `room` bytes, with `recompute`.

    Args:
        settings: of the job.
        height: in pixels.
        width: in pixels; the aspect ratio is kept.
        precision: `float32` or `bfloat16`.
        device: that computes.
        room: bytes.

    Returns:
        A multiple of 8, at least 16 (the smallest `size`) and no longer than the job's own long edge.
    """
    least, needed = (
        peak_bytes(settings, *shape, precision, device, recompute=True) for shape in ((0, 0), (height, width))
    )
    scale = (max(0, room - least) / (needed - least)) ** 0.5
    return max(16, int(max(height, width) * min(1, scale)) // 8 * 8)


def peak_bytes(
    settings: Settings,
    height: int,
    width: int,
    precision: str,
    device: torch.device,
    *,
    jobs: int = 1,
    recompute: bool = False,
) -> int:
    """Returns the forecast peak of a batch; see `fit`."""
    live = _live_bytes(settings, precision)
    pixel = _features(settings, precision, recompute, live) + OPTIMISERS[settings.optimiser].images * 3 * 4
    terms = [one for ones in live.values() for one in ones]
    fixed = sum(one.fixed for one in terms) + max((one.passing for one in terms), default=0.0)
    return FIXED_BYTES + jobs * (round(SLACK[device.type] * height * width * pixel) + int(fixed))


def _live_bytes(settings: Settings, precision: str) -> dict[str, list[LiveBytes]]:
    """Returns the memory that each term adds at the layers it reads."""
    value = VALUE_BYTES[precision]
    live: dict[str, list[LiveBytes]] = {layer: [] for layer in settings.layers_in_use}
    for term in settings.layered_terms:
        for layer, _ in settings.layers(term):
            live[layer].append(TERMS[term].live_bytes(settings, CHANNELS[layer], value))
    return live


def _features(settings: Settings, precision: str, recompute: bool, live: dict[str, list[LiveBytes]]) -> float:
    """Returns the peak bytes of features per pixel of the image."""
    last = max(map(LAYERS.index, settings.layers_in_use))
    value, place = VALUE_BYTES[precision], 8 if settings.pooling == "max" else 0
    peak = before = targets = 0.0  # of the blocks so far
    for block in range(1, int(LAYERS[last][4]) + 1):
        names = [name for name in LAYERS[: last + 1] if int(name[4]) == block]
        positions = 1 / 4 ** (block - 1)  # of a layer, per pixel
        width = CHANNELS[names[0]] * positions  # numbers of a layer
        pooled = width / 4 if names[-1] != LAYERS[last] else 0
        added = [one for name in names for one in live.get(name, ())]
        kept = len(names) * width * value + pooled * (value + place) + positions * sum(one.kept for one in added)
        # The gradients in transit through a layer.
        transient = 2 * width * value + positions * max((one.transient for one in added), default=0.0)
        peak = max(peak, before + kept + transient)
        before += pooled * value if recompute else kept
        targets += positions * sum(one.target for one in added)
    return peak + targets


def available_memory(device: torch.device) -> int:
    """Returns the bytes that this process can use on a device: free, or held unused by torch."""
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + held
    try:
        with open("/proc/meminfo", encoding="utf-8") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["MemAvailable"].split()[0]) * 1024  # includes the file cache that Linux would release
    except OSError:  # not Linux
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
