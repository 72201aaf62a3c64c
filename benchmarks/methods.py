"""The ways to optimise that are compared, and how one of them runs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

import pandas as pd
from torch import Tensor

from benchmarks.pairs import OBJECTIVE
from benchmarks.reference import Reference
from stylize_core.engine.engine import Engine
from stylize_core.engine.pair import Pair
from stylize_core.presets import BASE, PRESETS, resolve
from stylize_core.settings import Settings

SNAPSHOTS = 300
"""At least so many in a run that has as many steps: what `reached` resolves."""

GROWTH = 1.25
"""From one judged step to the next."""

WARM_UP_STEPS = 4


def ways_to_optimise(size: int, evaluations: int) -> dict[str, Settings]:
    """Returns every way to optimise on the reference's objective, by name; presets keep their own steps."""
    problem = {**OBJECTIVE, "size": size}
    plain = {**BASE, **problem, "steps": evaluations, "start": "content"}
    ways = {
        "lbfgs": resolve("default", {**plain, "optimiser": "lbfgs", "learning_rate": 1.0}),
        "plbfgs": resolve("default", {**plain, "optimiser": "plbfgs", "learning_rate": 1.0}),
        "adam": resolve("default", {**plain, "optimiser": "adam", "learning_rate": 0.02}),
        **{name: resolve(name, problem) for name in PRESETS},
    }
    return {name: with_steps(settings, settings.steps) for name, settings in ways.items()}


def judged(steps: Sequence[int], loss_at: Callable[[int], float], goal: float) -> dict[int, float]:
    """Returns losses by step: of a geometric series, the last one, and the first step at or under the goal.

    That first step is found by halving the gap of the series that it lies in, which takes it that the loss falls there.

    Args:
        steps: that can be judged, ascending.
        loss_at: judges one.
        goal: the loss to reach.
    """
    places, place = {len(steps) - 1}, 1.0
    while place <= len(steps):
        places.add(round(place) - 1)
        place *= GROWTH
    losses = {place: loss_at(steps[place]) for place in sorted(places)}
    reached = next((place for place in sorted(losses) if losses[place] <= goal), -1)
    above = max((place for place in losses if place < reached), default=-1)
    while reached - above > 1:
        middle = (above + reached) // 2
        losses[middle] = loss_at(steps[middle])
        above, reached = (above, middle) if losses[middle] <= goal else (middle, reached)
    return {steps[place]: losses[place] for place in sorted(losses)}


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to optimise in one precision."""

    name: str
    engine: Engine
    settings: Settings

    def run(self, pair: Pair) -> tuple[dict[int, Tensor], Callable[[int], float]]:
        """Returns the images by step, (3, H, W) uint8, and what tells the seconds that a step's image took."""
        began = time.perf_counter()
        (result,) = self.engine.optimise([pair])
        beside = time.perf_counter() - began - float(result.seconds[-1])  # targets, start, the result's own evaluation
        images = {**result.snapshots, result.steps: result.image}
        full = {step: image for step, image in sorted(images.items()) if image.shape == result.image.shape}
        return full, lambda step: beside + float(result.seconds[step])

    def points(self, pair: Pair, judge: Reference, goal: float) -> pd.DataFrame:
        """Returns a line for each image that was judged."""
        # A new style key: the targets are computed within the time, as the reference's are.
        own = replace(pair, settings=self.settings, style_key=uuid4().hex)
        images, seconds_to = self.run(own)
        losses = judged(list(images), lambda step: judge.judge(images[step]), goal)
        return pd.DataFrame(
            {
                "method": self.name,
                "precision": self.engine.precision,
                "step": list(losses),
                "evaluations": [step + 1 for step in losses],  # the engine evaluates an image before it keeps it
                "seconds": [seconds_to(step) for step in losses],
                "loss": list(losses.values()),
            }
        )


def make_methods(
    ways: dict[str, Settings], engines: Sequence[Engine], pair: Pair, budget_seconds: float
) -> list[Method]:
    """Returns each way in each precision, warmed up; ways that are the same on this objective become one method.

    Args:
        ways: settings by name.
        engines: one a precision.
        pair: to warm up with.
        budget_seconds: about how long a run may take in the slowest precision; longer ones get fewer steps.
    """
    names: dict[Settings, list[str]] = {}
    for name, settings in ways.items():
        names.setdefault(settings, []).append(name)
    methods = []
    for settings, same in names.items():
        seconds = max(_step_seconds(engine, settings, pair) for engine in engines)
        limited = with_steps(settings, max(1, min(settings.steps, int(budget_seconds / seconds))))
        methods += [Method(name="+".join(same), engine=engine, settings=limited) for engine in engines]
    return methods


def _step_seconds(engine: Engine, settings: Settings, pair: Pair) -> float:
    short = replace(pair, settings=with_steps(settings, WARM_UP_STEPS), style_key="warm-up")
    (result,) = engine.optimise([short])
    return float(result.seconds[-1] - result.seconds[0]) / WARM_UP_STEPS


def with_steps(settings: Settings, steps: int) -> Settings:
    """Returns the same way with another number of steps, and snapshots all along."""
    return replace(settings, steps=steps, snapshot_every=max(1, steps // SNAPSHOTS))
