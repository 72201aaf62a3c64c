"""Refuses on the CPU what the capture of a CUDA graph would refuse: a step never waits for the device.

On a GPU a step is captured once and replayed, so nothing in it may read a value on the host, make a tensor from host
values, or have a result whose shape depends on values. The backward pass is part of the step and is watched as well.
"""

from typing import Any

import pytest
import torch
from fixtures.optimisers import OPTIMISERS, RATES
from torch.utils._python_dispatch import TorchDispatchMode

from stylize_core.engine.engine import Engine
from stylize_core.engine.losses.style import STYLE_LOSSES
from stylize_core.engine.pair import Pair
from stylize_core.engine.scales import resized
from stylize_core.engine.solver import Solver
from stylize_core.engine.weights import Weights
from stylize_core.presets import resolve

REFUSED = {
    "aten::_local_scalar_dense": "reads a value on the host",
    "aten::equal": "reads a value on the host",
    "aten::is_nonzero": "reads a value on the host",
    "aten::nonzero": "has a shape that depends on values",
    "aten::masked_select": "has a shape that depends on values",
    "aten::_unique2": "has a shape that depends on values",
    "aten::repeat_interleave.Tensor": "has a shape that depends on values",
    "aten::lift_fresh": "makes a tensor from host values",
}


class Capture(TorchDispatchMode):
    """Raises where a capture would; counts the allowed operations."""

    passed = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function._schema.name
        for refused in (name, f"{name}.{function._overloadname}"):
            if refused in REFUSED:
                raise RuntimeError(f"{name} {REFUSED[refused]}")
        if name == "aten::index" and any(one is not None and one.dtype == torch.bool for one in args[1]):
            raise RuntimeError(f"{name} by a mask has a shape that depends on values")
        self.passed += 1
        return function(*args, **(kwargs or {}))


def solver_of(weights: Weights, precision: str, **given: object) -> Solver:
    """A solver of two small pairs."""
    content, style = (torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    shallow = {"content_layers": "conv2_2", "style_layers": "conv1_1 conv2_1 conv3_1"}  # deeper ones do the same
    given = {"steps": 30, "learning_rate": RATES[given.get("optimiser", "plbfgs")], **shallow, **given}
    settings = [resolve("default", {"seed": seed, **given}) for seed in (0, 1)]
    pairs = [Pair(settings=one, content=content, style=style, style_key="a") for one in settings]
    engine = Engine(weights, device=torch.device("cpu"), precision=precision)
    start = torch.stack([resized(content, 32, 32)] * 2)
    return Solver(engine.objective(pairs), start, settings, evaluations=31)


def rehearse(solver: Solver, steps: int = 14) -> int:
    """Takes steps as a GPU would: the first ones plainly, the others in a capture; returns operations per step."""
    for _ in range(4):
        solver.advance()
    with Capture() as capture:
        for _ in range(steps - 4):
            solver.advance()
    assert solver.losses[: solver.evaluated].isfinite().all()
    return capture.passed // (steps - 4)


@OPTIMISERS
@pytest.mark.parametrize(("form", "precision"), [("relative", "float32"), ("mean", "bfloat16"), ("paper", "float32")])
def test_every_optimiser_can_be_captured(optimiser: str, form: str, precision: str, builtin: Weights) -> None:
    """Fourteen steps, more than the history of L-BFGS: evaluation, backward, guard, record and step."""
    assert rehearse(solver_of(builtin, precision, optimiser=optimiser, form=form)) > 100


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("style_loss", STYLE_LOSSES)
def test_every_style_loss_can_be_captured_or_says_so(style_loss: str, pooling: str, builtin: Weights) -> None:
    """Objectives that declare themselves capturable pass; the others run without a graph."""
    solver = solver_of(builtin, "float32", style_loss=style_loss, pooling=pooling)
    if solver.objective.is_captured:
        rehearse(solver, steps=6)


def test_what_waits_is_noticed() -> None:
    """Each kind of wait is refused, also in the backward pass."""
    x = torch.rand(3, requires_grad=True)

    class Waits(torch.autograd.Function):
        """Doubles its input, and waits in the backward pass."""

        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            return gradient * float(gradient.sum())

    waits: list[Any] = [
        lambda: x.sum().item(),
        lambda: bool(x.sum() > 0),
        lambda: x.nonzero(),
        lambda: x[x > 0],
        lambda: torch.tensor([1.0, 2.0]),
        lambda: Waits.apply(x).sum().backward(),
    ]
    for wait in waits:
        with pytest.raises(RuntimeError, match=r"host|shape"), Capture():
            wait()
