"""Prints the figures behind two choices of the engine, on the pictures of `manifests/images`.

    python -m benchmarks.choices [--size 96] [--steps 60]

box        L-BFGS projected into [0, 1] after each step, against clamped at the end only
precision  bfloat16 arithmetic of the network, against float32

Every figure is the total of the final 8-bit image, judged in float32.
"""

import argparse
import time
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.pairs import IMAGES, load_pair
from stylize_core.engine import optimise
from stylize_core.engine.engine import Engine, Pair
from stylize_core.engine.optimisers import Lbfgs
from stylize_core.engine.starts import start_image
from stylize_core.engine.weights import load_weights
from stylize_core.presets import resolve

PAIRS = (("cat", "mosaic", "noise"), ("cat", "waves", "content"), ("astronaut", "mosaic", "content"))


class Unbounded(Lbfgs):
    """The same steps without the box."""

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        """Returns the next image, not clamped."""
        return image - self.move(image, gradient)


def pair(content: str, style: str, start: str, size: int, steps: int) -> Pair:
    """Returns the tensors of one job with preset `default`."""
    files = (IMAGES / f"{content}.png", IMAGES / f"{style}.png")
    return load_pair(files, resolve("default", {"size": size, "steps": steps, "start": start}))


def judged(work: Pair, judge: Engine, precision: str, optimiser: type[Lbfgs] = Lbfgs) -> tuple[float, float]:
    """Returns the total of the final image in float32, and the seconds it took."""
    engine = Engine(judge.weights, device=judge.device, precision=precision)
    objective, settings = engine.objective([work]), [work.settings]
    start = start_image(work.settings, work.content, None)[None]
    began = time.perf_counter()
    with patch.object(optimise, "make_optimiser", lambda _, image, rate: optimiser(image, rate)):
        image = optimise.optimise(objective, start, settings)[0].image
    seconds = time.perf_counter() - began
    with torch.no_grad():
        return float(judge.objective([work])(image[None] / 255).total), seconds


def main() -> None:
    """Prints a line a pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()
    judge = Engine(load_weights("builtin"), device=torch.device("cpu"), precision="float32")
    for content, style, start in PAIRS:
        work = pair(content, style, start, arguments.size, arguments.steps)
        box, seconds = judged(work, judge, "float32")
        free, _ = judged(work, judge, "float32", Unbounded)
        short, short_seconds = judged(work, judge, "bfloat16")
        print(
            f"{content} x {style}, start {start}: "
            f"projected {box:.4g}, clamped at the end {free:.4g} ({free / box:.2f} x); "
            f"bfloat16 {short:.4g} ({100 * (short / box - 1):+.2f} %) in {short_seconds / seconds:.2f} x the time"
        )


if __name__ == "__main__":
    main()
