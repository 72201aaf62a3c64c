"""The peak memory of an optimisation, measured and as the engine's own model forecasts it."""

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
    """Returns the peak of an optimisation, beside the program with its network loaded.

    On a CPU it is measured in a fresh process, whose memory holds nothing else. A GPU's allocator counts exactly.
    """
    work = (files, settings, batch, precision, device)
    return _measured(*work) if device.type == "cuda" else in_fresh_process(_measured, *work)


def in_fresh_process(work: Callable[..., Result], *arguments: object) -> Result:
    """Returns what a function returns in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def peak_bytes(work: Callable[[], object], device: torch.device) -> int:
    """Returns by how much a call raises the memory in use, at its peak: of torch's allocator, or of the process.

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
    ctypes.CDLL(None).malloc_trim(0)  # gives back what is free, which the call would else use again unseen
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
    """Sets the process's peak, `VmHWM`, back to what is resident now: proc(5)."""
    Path("/proc/self/clear_refs").write_text("5")


def resident_bytes(field: str) -> int:
    """Returns a field of /proc/self/status in bytes: `VmRSS`, or `VmHWM` for the peak."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found, "Linux has this field"
    return int(found[1]) * 1024


def anonymous_bytes() -> int:
    """Returns the resident memory that no file backs: what the process itself has made, without its libraries."""
    found = re.search(r"^Anonymous:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)
    assert found, "Linux has this field"
    return int(found[1]) * 1024
