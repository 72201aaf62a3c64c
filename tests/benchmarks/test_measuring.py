"""The programs' tools: alternation, spreads, peaks of memory, and the search for the first step at the goal."""

import os
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.memory import peak_bytes
from benchmarks.methods import judged, make_methods, ways_to_optimise
from benchmarks.pairs import OBJECTIVE
from benchmarks.timing import WARM_UP, interleaved, spread
from stylize_core.engine.engine import Engine
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import load_weights
from stylize_core.presets import BASE, PRESETS, resolve

CPU = torch.device("cpu")


def test_contenders_take_turns() -> None:
    """Each round runs every contender once, in order; warm-up rounds are not timed."""
    calls: list[str] = []
    contenders = {name: partial(calls.append, name) for name in ("first", "second")}
    seconds = interleaved(contenders, 3, CPU)
    assert calls == ["first", "second"] * (WARM_UP["cpu"] + 3)
    assert {name: values.shape for name, values in seconds.items()} == {"first": (3,), "second": (3,)}


def test_the_spread_leaves_out_a_tenth_on_each_side() -> None:
    """Of 0 ... 10 the median is 5, and the spread from 1 to 9; one slow round does not widen it."""
    assert spread(np.arange(11.0)) == (5, 1, 9)
    assert spread(np.array([*[2.0] * 10, 1000.0])) == (2, 2, 2)


def test_the_peak_is_what_a_call_adds() -> None:
    """A call that fills and frees 64 MiB has a peak of about 64 MiB; the kernel updates its counter with a delay."""
    assert peak_bytes(lambda: os.urandom(64 << 20), CPU) / 2**20 == pytest.approx(64, abs=3)
    assert peak_bytes(lambda: None, CPU) / 2**20 == pytest.approx(0, abs=3)


@given(losses=st.lists(st.floats(0, 1), min_size=1, max_size=400, unique=True), goal=st.floats(0, 1))
def test_the_first_step_at_the_goal_is_found(losses: list[float], goal: float) -> None:
    """On a falling curve the search finds the first step at or under the goal, and judges few steps."""
    falling = dict(zip(range(3, 3 + 2 * len(losses), 2), sorted(losses, reverse=True), strict=True))
    looked: list[int] = []

    def loss_at(step: int) -> float:
        looked.append(step)
        return falling[step]

    found = judged(list(falling), loss_at, goal)
    assert found.items() <= falling.items()
    assert list(found) == sorted(found)
    assert [step for step in found if found[step] <= goal][:1] == [step for step in falling if falling[step] <= goal][
        :1
    ]
    assert list(falling)[-1] in found
    assert len(looked) == len(set(looked)) <= 40


def test_presets_keep_their_way_and_get_the_objective() -> None:
    """A preset keeps its settings, except for those of the objective, the size and the snapshots."""
    ways = ways_to_optimise(48, 9)
    assert set(ways) == {"lbfgs", "plbfgs", "adam", *PRESETS}
    problem = resolve("default-1", {**BASE, **OBJECTIVE, "size": 48}).to_dict()
    shared = {*OBJECTIVE, "size"}
    for name in PRESETS:
        own = resolve(name, {}).to_dict()
        expected = {key: problem[key] if key in shared else own[key] for key in own}
        assert {**ways[name].to_dict(), "snapshot_every": 0} == {**expected, "snapshot_every": 0}
    assert (ways["adam"].optimiser, ways["adam"].learning_rate, ways["adam"].steps) == ("adam", 0.02, 9)


def test_equal_ways_are_one_method_within_the_budget() -> None:
    """Equal methods are merged, one per precision; the budget limits the steps, but not below 1."""
    weights = load_weights("builtin")
    engines = [Engine(weights, device=CPU, precision=precision) for precision in ("float32", "bfloat16")]
    way = ways_to_optimise(16, 5)["lbfgs"]
    grey = torch.full((3, 16, 16), 0.5)
    pair = Pair(settings=way, content=grey, style=grey, style_key="grey")
    for budget_seconds, steps in ((1e-9, 1), (1e9, 5)):
        methods = make_methods({"a": way, "b": way}, engines, pair, budget_seconds)
        precisions = [(method.name, method.engine.precision) for method in methods]
        assert precisions == [("a+b", "float32"), ("a+b", "bfloat16")]
        assert {method.settings.steps for method in methods} == {steps}
