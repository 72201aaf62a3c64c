"""How the programs measure: contenders in turns, peak memory, and the machine that it was."""

import gc
import multiprocessing
import platform
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from stylize_core.engine.device import describe, has_bfloat16, resolve_precision

Result = TypeVar("Result")

WARM_UP = {"cpu": 1, "cuda": 3}
"""Untimed rounds: libraries choose their kernels, and a GPU may capture graphs."""


def machine(device: torch.device) -> str:
    """Returns one line on where the figures come from."""
    bfloat16 = "has bfloat16 hardware" if has_bfloat16(device) else "no bfloat16 hardware"
    return f"{describe(device)}, {_processor()}, {bfloat16}, torch {torch.__version__}, Python {platform.python_version()}"


def native_precisions(device: torch.device) -> tuple[str, ...]:
    """Returns float32, and bfloat16 where the hardware multiplies it."""
    return tuple(dict.fromkeys(("float32", resolve_precision("auto", device))))


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Returns the wall seconds of one call, the device's part included."""
    wait_for(device)
    began = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - began


def wait_for(device: torch.device) -> None:
    """Waits until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def interleaved(
    contenders: Mapping[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, np.ndarray]:
    """Times contenders round by round, so that whatever else the machine does meets all of them alike.

    Returns:
        Seconds by contender, (rounds,); the same index is the same round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(WARM_UP[device.type] + rounds):
        for name, work in contenders.items():
            took = seconds_of(work, device)
            if turn >= WARM_UP[device.type]:
                seconds[name].append(took)
    return {name: np.array(values) for name, values in seconds.items()}


def spread(values: np.ndarray) -> tuple[float, float, float]:
    """Returns the median, the 10th and the 90th percentile."""
    low, median, high = np.percentile(values, (10, 50, 90))
    return float(median), float(low), float(high)


def peak_bytes(work: Callable[[], object], device: torch.device) -> int:
    """Returns by how much a call raises the memory in use at its peak.

    On a GPU: of torch's allocator. On a CPU: of the process, which should be fresh (`in_fresh_process`), since memory
    that was freed before and not returned to the system would be used again unseen.
    """
    gc.collect()
    if device.type == "cuda":
        wait_for(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        wait_for(device)
        return torch.cuda.max_memory_allocated(device) - before
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is resident now (proc(5))
    before = _resident("VmRSS")
    work()
    return _resident("VmHWM") - before


def in_fresh_process(work: Callable[..., Result], *arguments: object) -> Result:
    """Returns what a function returns in a process of its own that shares no memory with this one."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _resident(field: str) -> int:
    """Returns a field of /proc/self/status in bytes."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found, "Linux has this field"
    return int(found[1]) * 1024


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
