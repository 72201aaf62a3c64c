"""The methods to compare, and how to run one of them."""

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
"""Least snapshots of a run that has as many steps; they limit the resolution of `reached`."""

GROWTH = 1.25
"""Ratio of one judged step to the one before."""

WARM_UP_STEPS = 4


def ways_to_optimise(size: int, evaluations: int) -> dict[str, Settings]:
    """Returns every method on the reference's objective, by name; presets keep their own steps."""
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
    """Returns losses by step: at a geometric series of steps, the last step, and the first step at or under the goal.

    That first step is found by bisection between two steps of the series, assuming that the loss falls between them.

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
    """A method in one precision."""

    name: str
    engine: Engine
    settings: Settings

    def run(self, pair: Pair) -> tuple[dict[int, Tensor], Callable[[int], float]]:
        """Returns the images by step, (3, H, W) uint8, and a function that gives the seconds up to a step's image."""
        began = time.perf_counter()
        (result,) = self.engine.optimise([pair])
        beside = time.perf_counter() - began - float(result.seconds[-1])  # targets, start, the result's own evaluation
        images = {**result.snapshots, result.steps: result.image}
        full = {step: image for step, image in sorted(images.items()) if image.shape == result.image.shape}
        return full, lambda step: beside + float(result.seconds[step])

    def points(self, pair: Pair, judge: Reference, goal: float) -> pd.DataFrame:
        """Returns a line for each judged image."""
        # A new style key, so that the time includes the targets, as the reference's does.
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
    """Returns each method in each precision, warmed up; methods that are equal on this objective are merged.

    Args:
        ways: settings by name.
        engines: one per precision.
        pair: to warm up with.
        budget_seconds: approximate limit for a run in the slowest precision; longer ones get fewer steps.
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
    """Returns the same method with another number of steps, and with snapshots throughout."""
    return replace(settings, steps=steps, snapshot_every=max(1, steps // SNAPSHOTS))
