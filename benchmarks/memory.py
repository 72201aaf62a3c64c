"""The peak memory of an optimisation: measured, and as forecast by the engine's model."""

import ctypes
import gc
import multiprocessing
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks.pairs import Files, load_batch
from benchmarks.timing import wait_for
from stylize_core.engine import memory
from stylize_core.engine.engine import Engine
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import load_weights
from stylize_core.settings import Settings

Result = TypeVar("Result")


def forecast_bytes(settings: Settings, batch: int, precision: str, device: torch.device) -> int:
    """Returns the peak that the engine forecasts for a batch of squares."""
    return memory.peak_bytes(settings, settings.size, settings.size, precision, device, jobs=batch)


def measured_bytes(files: Sequence[Files], settings: Settings, batch: int, precision: str, device: torch.device) -> int:
    """Returns the peak of an optimisation, without the program and its loaded network.

    On a CPU it is measured in a fresh process, which holds nothing else in memory. A GPU's allocator counts exactly.
    """
    work = (files, settings, batch, precision, device)
    return _measured(*work) if device.type == "cuda" else in_fresh_process(_measured, *work)


def in_fresh_process(work: Callable[..., Result], *arguments: object) -> Result:
    """Returns the result of a function that runs in a separate process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def peak_bytes(work: Callable[[], object], device: torch.device) -> int:
    """Returns how much a call raises the peak of memory in use: of torch's allocator, or of the process.

    On a CPU this needs Linux and glibc, and is off by about 1 MB.
    """
    gc.collect()
    if device.type == "cuda":
        wait_for(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        wait_for(device)
        return torch.cuda.max_memory_allocated(device) - before
    ctypes.CDLL(None).malloc_trim(0)  # returns free memory, which the call would otherwise reuse unnoticed
    reset_peak()
    before = resident_bytes("VmRSS")
    work()
    return resident_bytes("VmHWM") - before


def _measured(files: Sequence[Files], settings: Settings, batch: int, precision: str, device: torch.device) -> int:
    engine = Engine(load_weights("builtin"), device=device, precision=precision)
    tiny = torch.rand(3, 32, 32)
    engine.optimise([Pair(settings=settings, content=tiny, style=tiny, style_key="tiny")])
    pairs = load_batch(files, settings, batch)
    return peak_bytes(lambda: engine.optimise(pairs), device)


def reset_peak() -> None:
    """Resets the process's peak, `VmHWM`, to its current resident set: proc(5)."""
    Path("/proc/self/clear_refs").write_text("5")


def resident_bytes(field: str) -> int:
    """Returns a field of /proc/self/status in bytes: `VmRSS`, or `VmHWM` for the peak."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found, "Linux has this field"
    return int(found[1]) * 1024


def anonymous_bytes() -> int:
    """Returns the resident anonymous memory: what the process has allocated, without its libraries."""
    found = re.search(r"^Anonymous:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)
    assert found, "Linux has this field"
    return int(found[1]) * 1024
