"""Measures one evaluation, by size, batch and precision, against the plain reference and the machine's own rate.

    python -m benchmarks.engine [--device auto] [--sizes 128,224,256,512,1024] [--batches 1,4,16,64] [--output DIR]

Each measurement alternates with the reference (always one pair) and with a large matrix product in the same precision.
Figures are medians, with the 10th and 90th percentile. Memory is the peak of a short L-BFGS optimisation, without the
program itself. Writes engine.csv and engine.png.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch

from benchmarks.command import machine, make_console, make_parser, precisions_of, table_of
from benchmarks.memory import forecast_bytes, measured_bytes
from benchmarks.pairs import OBJECTIVE, Files, find_pairs, load_batch, load_pair
from benchmarks.plots import engine_chart
from benchmarks.reference import Network, Reference
from benchmarks.timing import Work, interleaved, matrix_product, seconds_of, spread
from stylize_core.engine.device import resolve_device
from stylize_core.engine.engine import Engine
from stylize_core.engine.memory import MEMORY_SHARE, available_memory
from stylize_core.engine.weights import load_weights
from stylize_core.presets import BASE, resolve
from stylize_core.settings import Settings

FLOOR_FLOPS = 1.44e6
"""Operations of one evaluation per pixel: the convolutions up to conv5_1, forward and backward."""

STEPS = 12
"""Steps of the optimisation for measuring memory; they fill the history of L-BFGS."""

Line = dict[str, int | float | str]


def settings_of(size: int) -> Settings:
    """Returns a short L-BFGS on the reference's objective."""
    return resolve("default", {**BASE, **OBJECTIVE, "size": size, "steps": STEPS})


class Benchmark:
    """Measures one device.

    Args:
        device: to measure.
        files: contents and styles.
        rounds: timed evaluations of each contender.
        limit_seconds: combinations that could take longer are skipped.
    """

    def __init__(self, device: torch.device, files: Sequence[Files], rounds: int, limit_seconds: float) -> None:
        self.device, self.files, self.rounds, self.limit_seconds = device, files, rounds, limit_seconds
        self.weights = load_weights("builtin")
        self.network = Network(self.weights, device)

    def lines(self, sizes: Sequence[int], batches: Sequence[int], precisions: Sequence[str]) -> Iterator[Line | str]:
        """Yields a line for each combination, or why it is skipped."""
        for size in sizes:
            reference = self.reference(size)
            reference()  # the first call also chooses kernels
            seconds = seconds_of(reference, self.device)
            for batch in batches:
                for precision in precisions:
                    why = self.obstacle(size, batch, precision, seconds)
                    yield (
                        f"skipped {size} px, batch {batch}, {precision}: {why}"
                        if why
                        else self.line(size, batch, precision, reference)
                    )

    def reference(self, size: int) -> Work:
        """Returns one evaluation of the plain reference."""
        pair = load_pair(self.files[0], settings_of(size))
        reference, image = Reference(self.network, pair.content, pair.style), pair.content[None].to(self.device)
        return lambda: reference.evaluate(image)

    def obstacle(self, size: int, batch: int, precision: str, reference_seconds: float) -> str:
        """Returns why a combination cannot be measured; empty if it can."""
        needed = forecast_bytes(settings_of(size), batch, precision, self.device)
        free = MEMORY_SHARE * available_memory(self.device)
        if needed > free:
            return f"it would take {needed / 1e9:.1f} GB of the {free / 1e9:.1f} GB available"
        seconds = reference_seconds * batch * (self.rounds + STEPS)
        if seconds > self.limit_seconds:
            return f"it could take {seconds / 60:.0f} min; --limit-seconds allows more"
        return ""

    def seconds(self, size: int, batch: int, precision: str, contenders: dict[str, Work]) -> dict[str, np.ndarray]:
        """Times an evaluation of the engine, alternating with others."""
        pairs = load_batch(self.files, settings_of(size), batch)
        objective = Engine(self.weights, device=self.device, precision=precision).objective(pairs)
        image = torch.stack([pair.content for pair in pairs]).to(self.device)
        return interleaved({**contenders, "engine": lambda: objective.evaluate(image)}, self.rounds, self.device)

    def line(self, size: int, batch: int, precision: str, reference: Work) -> Line:
        """Measures one combination."""
        multiply, matrix_flop = matrix_product(precision, self.device)
        seconds = self.seconds(size, batch, precision, {"reference": reference, "matrix": multiply})
        flops = FLOOR_FLOPS * size * size * batch / seconds["engine"]
        spreads = {
            "ms": 1e3 * seconds["engine"] / batch,
            "ratio": seconds["engine"] / batch / seconds["reference"],
            "share": flops * seconds["matrix"] / matrix_flop,
        }
        line: Line = {"size": size, "batch": batch, "precision": precision}
        for name, values in spreads.items():
            line[name], line[f"{name}_low"], line[f"{name}_high"] = spread(values)
        return line | {
            "reference_ms": 1e3 * spread(seconds["reference"])[0],
            "gflops": spread(flops)[0] / 1e9,
            "matrix_gflops": matrix_flop / spread(seconds["matrix"])[0] / 1e9,
            "peak_bytes": measured_bytes(self.files, settings_of(size), batch, precision, self.device),
            "forecast_bytes": forecast_bytes(settings_of(size), batch, precision, self.device),
        }


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the figures as words for the terminal."""

    def words(pattern: str) -> list[str]:
        return [pattern.format(**line) for line in frame.to_dict("records")]

    return frame[["size", "batch", "precision"]].assign(
        **{
            "ms per pair": words("{ms:.4g} ({ms_low:.4g} - {ms_high:.4g})"),
            "x reference": words("{ratio:.3f} ({ratio_low:.3f} - {ratio_high:.3f})"),
            "GFLOP/s": words("{gflops:.0f}"),
            "of the matrix rate": words("{share:.0%} of {matrix_gflops:.0f}"),
            "peak MB": (frame.peak_bytes / 1e6).round().astype(int),
            "x forecast": frame.peak_bytes / frame.forecast_bytes,
        }
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints and writes."""
    parser = make_parser(__doc__)
    parser.add_argument("--sizes", default="128,224,256,512,1024")
    parser.add_argument("--batches", default="1,4,16,64")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--limit-seconds", type=float, default=300, help="skip what could take longer")
    arguments = parser.parse_args(argv)
    device, console = resolve_device(arguments.device), make_console()
    console.print(machine(device))
    benchmark = Benchmark(device, find_pairs(arguments.images, 6), arguments.rounds, arguments.limit_seconds)
    sizes, batches = ([int(number) for number in text.split(",")] for text in (arguments.sizes, arguments.batches))
    arguments.output.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame()
    for line in benchmark.lines(sizes, batches, precisions_of(arguments.precisions, device)):
        if isinstance(line, str):
            console.print(line)
        else:
            frame = pd.concat([frame, pd.DataFrame([line])], ignore_index=True)
            frame.to_csv(arguments.output / "engine.csv", index=False)  # an interrupted run leaves these
    if not frame.empty:
        console.print(table_of(shown(frame)))
        engine_chart(frame).save(arguments.output / "engine.png", scale_factor=2)


if __name__ == "__main__":
    main()
