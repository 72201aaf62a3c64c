"""What one evaluation costs, by size, batch and precision, beside the plain reference and the machine's own rate.

    python -m benchmarks.engine [--device auto] [--sizes 128,224,256,512,1024] [--batches 1,4,16,64] [--output DIR]

Each line is measured in turns with the reference (always one pair) and with a large matrix product in the same
precision; times are medians, the spread is from the 10th to the 90th percentile. Memory is the peak of a short L-BFGS
optimisation beside the program itself. Writes engine.csv and engine.png.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import altair as alt
import pandas as pd
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.measure import (
    in_fresh_process,
    interleaved,
    machine,
    native_precisions,
    peak_bytes,
    seconds_of,
    spread,
)
from benchmarks.pairs import OBJECTIVE, Files, find_pairs, load_batch
from benchmarks.reference import Network, Reference, float32_as
from stylize_core.engine.device import DTYPES, resolve_device
from stylize_core.engine.engine import Engine, Pair
from stylize_core.engine.memory import MEMORY_SHARE, bytes_per_pixel, free_memory
from stylize_core.engine.weights import load_weights
from stylize_core.presets import BASE, resolve
from stylize_core.settings import Settings

FLOOR_FLOPS = 1.44e6
"""Operations of one evaluation per pixel: the convolutions up to conv5_1 forward, and back to the input."""

MATRIX_EDGE = {"cpu": 2048, "cuda": 8192}
MEMORY_STEPS = 12
"""Enough to fill the history of L-BFGS."""

Line = dict[str, int | float | str]


def settings_of(size: int) -> Settings:
    """Returns a short L-BFGS on the reference's objective."""
    return resolve("default", {**BASE, **OBJECTIVE, "size": size, "steps": MEMORY_STEPS})


def matrix_product(precision: str, device: torch.device) -> Callable[[], object]:
    """Returns a large matrix product of known cost, 2 edge^3 operations; a GPU does float32 as TF32."""
    edge = MATRIX_EDGE[device.type]
    left, right = torch.rand(2, edge, edge, device=device).to(DTYPES[precision])

    def multiply() -> None:
        with float32_as("tf32"):
            torch.mm(left, right)

    return multiply


def forecast_bytes(size: int, batch: int, precision: str) -> int:
    """Returns the peak that the engine's own model forecasts."""
    return math.ceil(batch * size * size * bytes_per_pixel(settings_of(size), precision))


def measured_bytes(files: Sequence[Files], size: int, batch: int, precision: str, device: torch.device) -> int:
    """Returns the peak of a short optimisation, beside the program with its network loaded."""
    engine = Engine(load_weights("builtin"), device=device, precision=precision)
    tiny = torch.rand(3, 32, 32)
    engine.optimise([Pair(settings=settings_of(32), content=tiny, style=tiny, style_key="tiny")])
    pairs = load_batch(files, settings_of(size), batch)
    return peak_bytes(lambda: engine.optimise(pairs), device)


class Benchmark:
    """Measures one device.

    Args:
        device: to measure.
        files: contents and styles.
        rounds: timed evaluations of each contender.
        limit_seconds: combinations forecast to take longer are skipped.
    """

    def __init__(self, device: torch.device, files: Sequence[Files], rounds: int, limit_seconds: float) -> None:
        self.device, self.files, self.rounds, self.limit_seconds = device, files, rounds, limit_seconds
        self.weights = load_weights("builtin")
        self.network = Network(self.weights, device)

    def lines(self, sizes: Sequence[int], batches: Sequence[int], precisions: Sequence[str]) -> Iterator[Line | str]:
        """Gives a line for each combination, or why it is skipped."""
        for size in sizes:
            evaluate = self.reference(size)
            evaluate()
            seconds = seconds_of(evaluate, self.device)
            for batch in batches:
                for precision in precisions:
                    why = self.obstacle(size, batch, precision, seconds)
                    yield why or self.line(size, batch, precision, evaluate)

    def reference(self, size: int) -> Callable[[], object]:
        """Returns an evaluation of the plain reference."""
        pair = load_batch(self.files, settings_of(size), 1)[0]
        reference = Reference(self.network, pair.content, pair.style)
        image = pair.content[None].to(self.device)
        return lambda: reference.evaluate(image)

    def obstacle(self, size: int, batch: int, precision: str, reference_seconds: float) -> str:
        """Returns why a combination cannot be measured, or nothing."""
        needed, free = forecast_bytes(size, batch, precision), MEMORY_SHARE * free_memory(self.device)
        seconds = reference_seconds * batch * (self.rounds + MEMORY_STEPS + 2)
        why = ""
        if needed > free:
            why = f"it would take {needed / 1e9:.1f} GB of the {free / 1e9:.1f} GB there are"
        elif seconds > self.limit_seconds:
            why = f"it could take {seconds / 60:.0f} min (--limit-seconds allows more)"
        return why and f"skipped {size} px, batch {batch}, {precision}: {why}"

    def line(self, size: int, batch: int, precision: str, reference: Callable[[], object]) -> Line:
        """Measures one combination."""
        seconds = self.seconds(size, batch, precision, reference)
        ms, ms_low, ms_high = spread(1e3 * seconds["engine"] / batch)
        ratio, ratio_low, ratio_high = spread(seconds["engine"] / batch / seconds["reference"])
        gflops = FLOOR_FLOPS * size * size / ms / 1e6
        matrix_gflops = 2 * MATRIX_EDGE[self.device.type] ** 3 / spread(seconds["matrix"])[0] / 1e9
        work = (self.files, size, batch, precision, self.device)
        on_gpu = self.device.type == "cuda"  # its allocator counts exactly; starting a process there takes seconds
        return {
            "size": size,
            "batch": batch,
            "precision": precision,
            "ms": ms,
            "ms_low": ms_low,
            "ms_high": ms_high,
            "reference_ms": 1e3 * spread(seconds["reference"])[0],
            "ratio": ratio,
            "ratio_low": ratio_low,
            "ratio_high": ratio_high,
            "gflops": gflops,
            "matrix_gflops": matrix_gflops,
            "share": gflops / matrix_gflops,
            "peak_bytes": measured_bytes(*work) if on_gpu else in_fresh_process(measured_bytes, *work),
            "forecast_bytes": forecast_bytes(size, batch, precision),
        }

    def seconds(self, size: int, batch: int, precision: str, reference: Callable[[], object]) -> dict[str, object]:
        """Times the engine, the reference and a matrix product in turns."""
        pairs = load_batch(self.files, settings_of(size), batch)
        objective = Engine(self.weights, device=self.device, precision=precision).objective(pairs)
        image = torch.stack([pair.content for pair in pairs]).to(self.device)
        contenders = {
            "reference": reference,
            "engine": lambda: objective.evaluate(image),
            "matrix": matrix_product(precision, self.device),
        }
        return interleaved(contenders, self.rounds, self.device)


def table_of(frame: pd.DataFrame) -> Table:
    """Returns the figures for the terminal."""
    table = Table("px", "batch", "precision", "ms a pair", "x reference", "GFLOP/s", "of matrix rate", "peak, forecast")
    for line in frame.itertuples():
        table.add_row(
            f"{line.size_px}" if hasattr(line, "size_px") else "",
        )
    return table


def chart_of(frame: pd.DataFrame) -> alt.Chart: ...


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints and writes."""


if __name__ == "__main__":
    main()
