"""Measures everything on a GPU with one command, in a few minutes.

    python -m benchmarks.gpu [--device cuda] [--shapes 224x64,256x32,512x8,1024x2] [--rows 256] [--output DIR]

Prints a table for each section and writes gpu.json after each, so that an interrupted run leaves its figures:

- `evaluation`: milliseconds of one evaluation of a batch of squares, and its share of the bfloat16 matrix rate, which
  is measured alternately, in four variants: `plain` (convolution, bias and ReLU separately), `fused`, `captured`
  (fused, from a CUDA graph) and `chosen` (captured, with `cudnn.benchmark`);
- `kernels`: the time of a fused evaluation by kernel;
- `memory`: the peak of a batch against the forecast;
- `jobs`: jobs per second of preset `fast` at 224 px from manifest to published PNG, and seconds of each part;
- `process`: the same for one pair in a separate process.

`benchmarks.convergence --device cuda` is a separate program. Without a GPU this program says so and exits with 0;
`--device cpu` rehearses it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pandas as pd
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.command import machine, make_console, make_parser, table_of
from benchmarks.engine import settings_of
from benchmarks.memory import forecast_bytes, measured_bytes
from benchmarks.meter import Meter
from benchmarks.pairs import Files, find_pairs, load_batch
from benchmarks.timing import Work, interleaved, matrix_product, spread
from stylize_core.chunk.chunk import run_chunk
from stylize_core.engine import fused
from stylize_core.engine.cuda_graph import WARM_UP, Replayed
from stylize_core.engine.device import resolve_precision
from stylize_core.engine.engine import Engine
from stylize_core.engine.flops import evaluation_flops
from stylize_core.engine.weights import load_weights
from stylize_core.options import Options
from stylize_core.run.run import open_run

ROUNDS, KERNELS = 9, 14

Line = dict[str, int | float | str]


@contextmanager
def way(name: str) -> Iterator[None]:
    """Builds networks and runs kernels in one of the four variants."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = name == "chosen"
    with patch.object(fused, "pays", (lambda *_: False) if name == "plain" else fused.pays):
        yield
    torch.backends.cudnn.benchmark = before


class Bench:
    """Measures one device.

    Args:
        device: to measure.
        files: contents and styles.
        shapes: edge in pixels and jobs of each batch.
        rows: of the manifest.
    """

    def __init__(
        self, device: torch.device, files: Sequence[Files], shapes: Sequence[tuple[int, int]], rows: int
    ) -> None:
        self.device, self.files, self.shapes, self.rows = device, files, shapes, rows
        self.weights, self.precision = load_weights("builtin"), resolve_precision("auto", device)

    def evaluation(self) -> Iterator[Line]:
        """Times each shape in each variant, alternating with a matrix product."""
        multiply, matrix_flop = matrix_product(self.precision, self.device)
        for edge, jobs in self.shapes:
            for name in ("plain", "fused", "captured", "chosen"):
                with way(name):
                    seconds = interleaved(
                        {"evaluation": self._evaluation(edge, jobs, name), "matrix": multiply}, ROUNDS, self.device
                    )
                flops = jobs * evaluation_flops(settings_of(edge), edge, edge)
                rate, share = flops / seconds["evaluation"], seconds["matrix"] / matrix_flop
                yield {
                    "px": edge,
                    "jobs": jobs,
                    "way": name,
                    "ms": 1e3 * spread(seconds["evaluation"])[0],
                    "tflops": spread(rate)[0] / 1e12,
                    "matrix_tflops": 1 / spread(share)[0] / 1e12,
                    "share": spread(rate * share)[0],
                }
                self._give_back()

    def _evaluation(self, edge: int, jobs: int, name: str) -> Work:
        pairs = load_batch(self.files, settings_of(edge), jobs)
        objective = Engine(self.weights, device=self.device, precision=self.precision).objective(pairs)
        image = torch.stack([pair.content for pair in pairs]).to(self.device)
        found: list[Tensor] = []

        def evaluate() -> None:
            losses, gradient = objective.evaluate(image)
            found[:] = [losses.total, gradient]

        if name not in ("captured", "chosen"):
            return evaluate
        replayed = Replayed(self.device)
        for _ in range(WARM_UP + 1):
            replayed(evaluate)
        return lambda: replayed(evaluate)

    def kernels(self) -> Iterator[Line]:
        """Profiles fused evaluations of the third shape, or of the last one if there are fewer."""
        edge, jobs = self.shapes[min(2, len(self.shapes) - 1)]
        evaluate = self._evaluation(edge, jobs, "fused")
        evaluate()
        kind = ProfilerActivity.CUDA if self.device.type == "cuda" else ProfilerActivity.CPU
        with profile(activities=[kind]) as profiler:
            for _ in range(3):
                evaluate()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
        times = {event.key: _own_microseconds(event) / 3 for event in profiler.key_averages()}
        whole = sum(times.values())
        for name, microseconds in sorted(times.items(), key=lambda one: -one[1])[:KERNELS]:
            yield {
                "px": edge,
                "jobs": jobs,
                "kernel": name[:90],
                "ms": microseconds / 1e3,
                "share": microseconds / whole,
            }
        self._give_back()

    def memory(self) -> Iterator[Line]:
        """Compares the peak of a short L-BFGS with the forecast."""
        for edge, jobs in self.shapes:
            peak = measured_bytes(self.files, settings_of(edge), jobs, self.precision, self.device)
            forecast = forecast_bytes(settings_of(edge), jobs, self.precision, self.device)
            yield {"px": edge, "jobs": jobs, "peak_mb": peak / 1e6, "forecast_mb": forecast / 1e6, "x": peak / forecast}
            self._give_back()

    def jobs(self) -> Iterator[Line]:
        """Runs a manifest in the loop; `device` is the time in `Engine.optimise`, including waiting for the GPU."""
        device_seconds, optimise = [0.0], Engine.optimise

        def timed(*arguments: object, **others: object) -> object:
            began = time.perf_counter()
            try:
                return optimise(*arguments, **others)
            finally:
                device_seconds[0] += time.perf_counter() - began

        with TemporaryDirectory() as folder, patch.object(Engine, "optimise", timed):
            manifest, meter = self._manifest(Path(folder)), Meter(self.rows)
            options = Options(
                manifest=str(manifest), store=f"{folder}/store", weights="builtin", device=str(self.device)
            )
            with open_run(options) as run:
                run.prepare()
                for chunk in run.chunks:
                    run_chunk(chunk, run.context)
                run.finish()
                done = run.outcome["done"]
            figures = meter.figures()
        yield {
            "rows": done,
            "jobs_a_second": done / figures["run_seconds"],
            **{f"{name}_s": figures[f"{name}_seconds"] for name in ("plan", "run", "finish")},
            "device_s": device_seconds[0],
            **{f"{name}_s": figures[f"{name}_ms"] * self.rows / 1e3 for name in ("encode", "write", "orchestration")},
        }

    def _manifest(self, folder: Path) -> Path:
        lines = [(*self.files[k % len(self.files)], "fast", self.edge, k) for k in range(self.rows)]
        path = folder / "manifest.csv"
        pd.DataFrame(lines, columns=["content", "style", "preset", "size", "seed"]).to_csv(path, index=False)
        return path

    @property
    def edge(self) -> int:
        """Pixels of the manifest's jobs."""
        return self.shapes[0][0]

    def process(self) -> Iterator[Line]:
        """Runs a pair in a separate process, including start-up."""
        content, style = map(str, self.files[0])
        with TemporaryDirectory() as folder:
            program = "import sys; from stylize_flows.cli import main; sys.exit(main())"
            command = [sys.executable, "-c", program, "run", "--content", content, "--style", style]
            command += ["--set", "preset=fast", f"size={self.edge}", "--weights", "builtin", "--store", folder]
            began = time.perf_counter()
            subprocess.run([*command, "--device", str(self.device), "--no-report"], check=True, capture_output=True)
            yield {"seconds_of_a_process_with_one_pair": time.perf_counter() - began}

    def _give_back(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def _own_microseconds(event: object) -> float:
    """Returns the time of an operation or kernel itself; PyTorch has renamed the field of the device's time."""
    names = ("self_device_time_total", "self_cuda_time_total", "self_cpu_time_total")
    return next((value for name in names if (value := getattr(event, name, 0))), 0.0)


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints and writes."""
    parser = make_parser(__doc__)
    parser.set_defaults(device="cuda")
    parser.add_argument("--shapes", default="224x64,256x32,512x8,1024x2", help="edges and jobs of batches")
    parser.add_argument("--rows", type=int, default=256, help="of the manifest, whose edge is the first shape's")
    parser.add_argument("--sections", default="evaluation,kernels,memory,jobs,process")
    arguments, console = parser.parse_args(argv), make_console()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        console.print("there is no GPU here: nothing is measured; --device cpu rehearses")
        return
    device = torch.device(arguments.device)
    shapes = [(int(edge), int(jobs)) for edge, _, jobs in (one.partition("x") for one in arguments.shapes.split(","))]
    bench = Bench(device, find_pairs(arguments.images, 6), shapes, arguments.rows)
    found: dict[str, object] = {"machine": machine(device), "date": time.strftime("%Y-%m-%d")}
    console.print(found["machine"])
    arguments.output.mkdir(parents=True, exist_ok=True)
    for section in arguments.sections.split(","):
        lines: Callable[[], Iterator[Line]] = getattr(bench, section)
        found[section] = list(lines())
        (arguments.output / "gpu.json").write_text(json.dumps(found, indent=1))
        console.print(table_of(pd.DataFrame(found[section]), section))


if __name__ == "__main__":
    main()
