"""How much memory a batch takes, and how many jobs go into one.

The model counts what is alive at the peak, in the backward pass through the block where that is most: the activations
that autograd keeps (one a convolution and one a pooling layer, with the 8-byte places of the maxima), gradients on
their way, targets of the content, Gram matrices, and image-sized buffers of optimiser and guard. Its constants are
measured (benchmarks/README.md): `FIXED_BYTES`, `IMAGES`, `GRAMS` and `SLACK`.
"""

import os
from dataclasses import dataclass

import torch

from stylize_core.settings import LAYERS, Settings

CHANNELS = {name: min(32 << int(name[4]), 512) for name in LAYERS}

FIXED_BYTES = 40 << 20
"""Whatever the size of the images: buffers of the convolutions."""
IMAGES = {"lbfgs": 45, "plbfgs": 47, "adam": 23}
"""Images in float32 that are alive at the peak, by optimiser: its state, the guard's, the objective's."""
GRAMS = 5
"""Gram matrices in float32 that are alive at the peak, by style layer of a job: target, difference, gradients."""
SLACK = {"cpu": 1.3, "cuda": 1.0}
"""What the allocator holds beyond what is alive, as a factor."""

CPU_BATCH_PIXELS = 512 * 512
"""On a CPU so many pixels fill the cores; a larger batch is slower, for want of cache, and delays the first result."""
GPU_BATCH = 64
MEMORY_SHARE = 0.8
"""Share of the available memory that a batch may be forecast to take."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How a group is optimised on a device.

    Attributes:
        jobs: together in one batch, at least 1.
        recompute: whether blocks of the network are computed again in the backward pass to save memory.
        bytes: forecast peak of the batch, beside the program itself.
    """

    jobs: int
    recompute: bool
    bytes: int


def fit(settings: Settings, height: int, width: int, precision: str, device: torch.device, available: int) -> Fit:
    """Returns the largest batch that is worth it and fits; one job where none fits.

    Args:
        settings: of one job of the group.
        height: in pixels.
        width: in pixels.
        precision: `float32` or `bfloat16`.
        device: that computes.
        available: bytes of the device that nothing else uses.
    """

    def peak(jobs: int, recompute: bool) -> int:
        return peak_bytes(settings, height, width, precision, device, jobs=jobs, recompute=recompute)

    fitting = int(MEMORY_SHARE * available - FIXED_BYTES) // (peak(1, False) - FIXED_BYTES)
    worthwhile = CPU_BATCH_PIXELS // (height * width) if device.type == "cpu" else GPU_BATCH
    jobs, recompute = max(1, min(worthwhile, fitting)), fitting < 1
    return Fit(jobs, recompute, peak(jobs, recompute))


def largest_size(settings: Settings, height: int, width: int, precision: str, device: torch.device, room: int) -> int:
    """Returns the longest edge at which a job takes `room` bytes at most, with `recompute`.

    Args:
        settings: of the job.
        height: in pixels.
        width: in pixels; the aspect is kept.
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
    pixel = _features(settings, precision, recompute) + IMAGES[settings.optimiser] * 3 * 4
    grams = GRAMS * 4 * sum(CHANNELS[name] ** 2 for name, _ in settings.style_layers)
    return FIXED_BYTES + jobs * (round(SLACK[device.type] * height * width * pixel) + grams)


def _features(settings: Settings, precision: str, recompute: bool) -> float:
    """Returns the peak bytes of features, for each pixel of the image."""
    last = max(LAYERS.index(name) for name, _ in settings.content_layers + settings.style_layers)
    value, place = 2 if precision == "bfloat16" else 4, 8 if settings.pooling == "max" else 0
    contents = {name for name, _ in settings.content_layers}
    peak = before = targets = 0.0  # of the blocks so far
    for block in range(1, int(LAYERS[last][4]) + 1):
        names = [name for name in LAYERS[: last + 1] if int(name[4]) == block]
        width = CHANNELS[names[0]] / 4 ** (block - 1)  # numbers of a layer
        pooled = width / 4 if names[-1] != LAYERS[last] else 0
        differences = sum(name in contents for name in names)  # F - P, in float32
        kept = len(names) * width * value + pooled * (value + place) + differences * width * 4
        transient = 2 * width * value  # the gradients on their way through a layer
        if precision == "bfloat16" and differences:
            transient += 2 * width * 4  # the content's loss is computed in float32
        peak = max(peak, before + kept + transient)
        before += pooled * value if recompute else kept
        targets += differences * width * value
    return peak + targets


def available_memory(device: torch.device) -> int:
    """Returns the bytes that this process could have on a device: free, or held unused by torch."""
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + held
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["MemAvailable"].split()[0]) * 1024  # counts what Linux holds of files and would give up
    except OSError:  # not Linux
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
