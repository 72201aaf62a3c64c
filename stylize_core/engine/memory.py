"""How much memory a batch takes, and how many jobs go into one.

The model counts what PyTorch keeps between forward and backward: one activation a convolution and one a pooling
layer, twice the widest layer for the gradients in flight, and image-sized buffers of the optimiser and the guard.
"""

import os

import torch

from stylize_core.engine.optimisers import Lbfgs
from stylize_core.settings import LAYERS, Settings

CHANNELS = {name: min(32 << int(name[4]), 512) for name in LAYERS}

CPU_BATCH_PIXELS = 192 * 192
"""On a CPU one image of this size fills the cores; a larger batch only takes memory and delays the first result."""

GPU_BATCH = 64
MEMORY_SHARE = 0.8
"""Share of the free memory that a batch may be forecast to take."""


def bytes_per_pixel(settings: Settings, precision: str) -> float:
    """Returns the forecast peak bytes for each pixel of each image of a batch."""
    last = max(LAYERS.index(name) for name, _ in settings.content_layers + settings.style_layers)
    width = 2 if precision == "bfloat16" else 4
    activations: float = 0
    for name in LAYERS[: last + 1]:
        area = 0.25 ** (int(name[4]) - 1)
        pooled = area / 4 if name != LAYERS[last] and LAYERS[LAYERS.index(name) + 1].endswith("_1") else 0.0
        activations += CHANNELS[name] * (area + pooled)
    transient = 2 * CHANNELS["conv1_1"]
    images = 3 * (2 * Lbfgs.HISTORY + 12 if settings.optimiser != "adam" else 10)  # always float32
    return (activations + transient) * width + images * 4


def batch_size(settings: Settings, height: int, width: int, precision: str, device: torch.device) -> int:
    """Returns how many jobs of one group to optimise together on a device, at least 1."""
    pixels = height * width
    if device.type == "cpu":
        return max(1, CPU_BATCH_PIXELS // pixels)
    fits = int(MEMORY_SHARE * free_memory(device) / (pixels * bytes_per_pixel(settings, precision)))
    return max(1, min(GPU_BATCH, fits))


def free_memory(device: torch.device) -> int:
    """Returns the bytes that are free on a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
