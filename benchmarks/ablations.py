"""Measures what each idea of the optimisers is worth: the loss after equal work, with and without the idea.

    python -m benchmarks.ablations [--device auto] [--size 128] [--pairs 6] [--work 25 50 100] [--output DIR]

Work is counted in evaluations at full size; one at half the edge costs a quarter. All methods solve the reference's
objective, starting from the content. The figure is the total of the clamped 8-bit image, judged in float32, relative to
the engine's `plbfgs`: the median over the pairs and, in brackets, the worst. Writes ablations.csv.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from unittest.mock import patch

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.command import machine, make_console, make_parser, table_of
from benchmarks.pairs import OBJECTIVE, find_pairs, load_pair, name_of
from benchmarks.reference import Network, Reference
from stylize_core.engine import precondition
from stylize_core.engine.device import resolve_device, resolve_precision
from stylize_core.engine.engine import Engine
from stylize_core.engine.optimisers import plbfgs
from stylize_core.engine.optimisers.adam import Adam
from stylize_core.engine.optimisers.lbfgs import Lbfgs
from stylize_core.engine.optimisers.optimiser import Optimiser
from stylize_core.engine.optimisers.plbfgs import PreconditionedLbfgs
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import load_weights
from stylize_core.images.encode import to_8bit
from stylize_core.presets import BASE, resolve

Make = Callable[[Tensor], Optimiser]
Images = Iterator[tuple[float, Tensor]]
"""The work done so far and the resulting image (1, 3, H, W)."""


class Unbounded(Lbfgs):
    """L-BFGS that leaves the box [0, 1]."""

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        """Returns the next image, unclamped."""
        return image - self.move(image, gradient)


class Averaged:
    """Adam with bias-corrected averaging of its iterates; the average is judged."""

    def __init__(self, image: Tensor, decay: float) -> None:
        self.adam, self.decay = Adam(image, torch.full((len(image),), 0.02)), decay
        self.total, self.weight = torch.zeros_like(image), 0.0

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        """Returns Adam's next image."""
        image = self.adam.step(image, gradient)
        self.total, self.weight = self.decay * self.total + image, self.decay * self.weight + 1
        return image

    @property
    def average(self) -> Tensor:
        """The average so far."""
        return self.total / self.weight


def one(image: Tensor) -> Tensor:
    """Returns a learning rate of 1 for each sample."""
    return torch.ones(len(image), device=image.device)


def lbfgs(kind: type[Lbfgs] = PreconditionedLbfgs, **constants: float) -> Make:
    """Returns a factory of an L-BFGS with other class constants."""
    changed = type(kind.__name__, (kind,), constants)
    return lambda image: changed(image, one(image))


def without(module: object, **values: object) -> dict[str, tuple[object, object]]:
    """Returns the replacements in a module for a contender."""
    return {name: (module, value) for name, value in values.items()}


PLAIN_COLOURS = without(precondition, COLOUR_GAIN=1.0, COLOUR_CEILING=precondition.GREY_CEILING)
EVERYWHERE = without(plbfgs, _free=lambda image, gradient: torch.ones_like(image, dtype=torch.bool))

CONTENDERS: dict[str, tuple[Make, dict[str, tuple[object, object]]]] = {
    "plbfgs": (lbfgs(), {}),
    "- bold scale": (lbfgs(BOLDNESS=1.0), {}),
    "- long steps": (lbfgs(FIRST_STEP=0.02, LONGEST_STEP=0.05), {}),
    "- reach by region": (lbfgs(), without(precondition, OBSERVED=-1)),
    "- gain by frequency": (lbfgs(), without(precondition, CORNER=1e-9)),
    "- gain by colour": (lbfgs(), PLAIN_COLOURS),
    "- pixels at the bounds left out": (lbfgs(), EVERYWHERE),
    "history of 5": (lbfgs(HISTORY=5), {}),
    "history of 20": (lbfgs(HISTORY=20), {}),
    "lbfgs": (lbfgs(Lbfgs), {}),
    "lbfgs, clamped at the end only": (lbfgs(Unbounded), {}),
    "adam 0.02": (lambda image: Adam(image, 0.02 * one(image)), {}),
    "adam 0.05": (lambda image: Adam(image, 0.05 * one(image)), {}),
    "adam 0.02, mean of iterates (0.9)": (lambda image: Averaged(image, 0.9), {}),
}


class Problem:
    """A pair on the reference's objective."""

    def __init__(self, pair: Pair, engine: Engine, network: Network) -> None:
        self.pair, self.engine = pair, engine
        self.objective, self.content = engine.objective([pair]), pair.content[None].to(engine.device)
        self.judge = Reference(network, pair.content, pair.style).judge

    def descend(self, make: Make, start: Tensor | None = None, work: float = 0.0) -> Images:
        """Yields the image after each evaluation and step at full size."""
        image = self.content if start is None else start
        optimiser = make(image)
        while True:
            image, work = optimiser.step(image, self.objective.evaluate(image)[1]), work + 1
            yield work, optimiser.average if isinstance(optimiser, Averaged) else image

    def coarse_first(self, make: Make, steps: int) -> Images:
        """Starts with steps at half the edge, and transfers only the change, so that the content keeps its detail."""
        small = replace(self.pair, content=halved(self.pair.content), style=halved(self.pair.style), style_key="half")
        content = small.content[None].to(self.engine.device)
        objective, image, optimiser = self.engine.objective([small]), content, make(content)
        for _ in range(steps):
            image = optimiser.step(image, objective.evaluate(image)[1])
        change = functional.interpolate(image - content, size=self.content.shape[2:], mode="bicubic")
        return self.descend(make, (self.content + change).clamp(0, 1), steps / 4)


def halved(image: Tensor) -> Tensor:
    """Returns (3, H, W) at half its edges."""
    size = [edge // 2 for edge in image.shape[1:]]
    return functional.interpolate(image[None], size=size, mode="bicubic", antialias=True)[0].clamp(0, 1)


def losses(problem: Problem, images: Images, marks: Sequence[float]) -> list[float]:
    """Returns the judged loss at each amount of work."""
    found: list[float] = []
    for work, image in images:
        if work >= marks[len(found)]:
            found.append(problem.judge(to_8bit(image)[0].cpu()))
            if len(found) == len(marks):
                return found
    raise AssertionError("a descent has no end")


def lines(problem: Problem, marks: Sequence[float]) -> Iterator[dict[str, object]]:
    """Yields a line for each contender and amount of work."""
    for name, (make, changes) in CONTENDERS.items():
        with ExitStack() as stack:
            for what, (module, value) in changes.items():
                stack.enter_context(patch.object(module, what, value))
            found = losses(problem, problem.descend(make), marks)
        yield from ({"contender": name, "work": mark, "loss": loss} for mark, loss in zip(marks, found, strict=True))
    found = losses(problem, problem.coarse_first(lbfgs(), 40), marks)
    name = "half the edge first, 40 steps"
    yield from ({"contender": name, "work": mark, "loss": loss} for mark, loss in zip(marks, found, strict=True))


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints and writes."""
    parser = make_parser(__doc__)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--work", type=float, nargs="+", default=[25, 50, 100])
    arguments, console = parser.parse_args(argv), make_console()
    device, weights = resolve_device(arguments.device), load_weights("builtin")
    console.print(machine(device))
    engine = Engine(weights, device=device, precision=resolve_precision("auto", device))
    network, found = Network(weights, device), []
    arguments.output.mkdir(parents=True, exist_ok=True)
    for files in find_pairs(arguments.images, arguments.pairs):
        problem = Problem(
            load_pair(files, resolve("default", {**BASE, **OBJECTIVE, "size": arguments.size})), engine, network
        )
        found += [{"pair": name_of(files), **line} for line in lines(problem, sorted(arguments.work))]
        pd.DataFrame(found).to_csv(arguments.output / "ablations.csv", index=False)
        engine.forget_styles()
    frame = pd.DataFrame(found)
    own = frame[frame.contender == "plbfgs"].set_index(["pair", "work"]).loss
    frame["relative"] = frame.loss / own.reindex(pd.MultiIndex.from_frame(frame[["pair", "work"]])).to_numpy()
    figures = frame.groupby(["contender", "work"], sort=False).relative.agg(["median", "max"])
    figures["text"] = [f"{median:.3f} ({worst:.3f})" for median, worst in figures[["median", "max"]].to_numpy()]
    console.print(table_of(figures.text.unstack("work").loc[frame.contender.unique()].reset_index()))


if __name__ == "__main__":
    main()
