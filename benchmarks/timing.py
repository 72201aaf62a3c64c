"""The programs' timing: contenders alternate, the device is synchronised, and figures are medians with a spread."""

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch

from benchmarks.reference import float32_as
from stylize_core.engine.device import DTYPES

Work = Callable[[], object]

WARM_UP = {"cpu": 1, "cuda": 3}
"""Untimed rounds, in which libraries choose their kernels and a GPU may capture graphs."""

MATRIX_EDGE = {"cpu": 2048, "cuda": 8192}


def wait_for(device: torch.device) -> None:
    """Waits until a GPU has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(work: Work, device: torch.device) -> float:
    """Returns the wall seconds of one call, including the device's work."""
    wait_for(device)
    began = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - began


def interleaved(contenders: Mapping[str, Work], rounds: int, device: torch.device) -> dict[str, np.ndarray]:
    """Times contenders round by round, so that other work on the machine affects all of them equally.

    Returns:
        Seconds by contender, (rounds,); equal indices are the same round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(WARM_UP[device.type] + rounds):
        for name, work in contenders.items():
            seconds[name].append(seconds_of(work, device))
    return {name: np.array(values[WARM_UP[device.type] :]) for name, values in seconds.items()}


def spread(values: np.ndarray) -> tuple[float, float, float]:
    """Returns the median, the 10th and the 90th percentile."""
    low, median, high = np.percentile(values, (10, 50, 90))
    return float(median), float(low), float(high)


def matrix_product(precision: str, device: torch.device) -> tuple[Work, float]:
    """Returns a large matrix product and its number of operations, 2 edge^3; a GPU computes float32 as TF32."""
    edge = MATRIX_EDGE[device.type]
    left, right = torch.rand(2, edge, edge, device=device).to(DTYPES[precision])

    def multiply() -> None:
        with float32_as("tf32"):
            torch.mm(left, right)

    return multiply, 2.0 * edge**3
