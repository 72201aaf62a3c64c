"""The engine on fake `cuda` tensors, on any machine: only shapes, types and devices are tracked.

An operation between devices, a value read on the host, or a shape that depends on values raises. PyTorch's backward
pass needs a real GPU: `test_capture_rehearsal.py` watches it on the CPU, and here zeros stand for the gradient.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from fixtures.optimisers import OPTIMISERS
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from stylize_core.engine import engine as engine_module
from stylize_core.engine import fused
from stylize_core.engine.engine import Engine
from stylize_core.engine.losses.style import STYLE_LOSSES
from stylize_core.engine.objective import Losses, Objective
from stylize_core.engine.pair import Pair
from stylize_core.engine.solver import Solver
from stylize_core.engine.weights import Weights
from stylize_core.presets import resolve

GPU = torch.device("cuda", 0)


def evaluate(objective: Objective, image: Tensor) -> tuple[Losses, Tensor]:
    """The forward pass, with zeros as the gradient."""
    with torch.no_grad():
        return objective(image), torch.zeros_like(image)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorMode]:
    """A missing GPU, and tensors without numbers."""
    monkeypatch.setattr(engine_module, "available_memory", lambda device: 80 << 30)
    monkeypatch.setattr(fused, "_is_right", lambda device, dtype: True)
    monkeypatch.setattr(fused, "_convolve_gpu", fused._convolve)  # PyTorch has no fake kernel for cuDNN's
    monkeypatch.setattr(Objective, "evaluate", evaluate)
    with FakeTensorMode() as mode:
        yield mode


def faked(weights: Weights, mode: FakeTensorMode) -> Weights:
    """The same weights without their numbers."""
    tensors = {key: mode.from_tensor(tensor) for key, tensor in weights.tensors.items()}
    return replace(weights, tensors=tensors)


def pairs_of(**given: object) -> list[Pair]:
    """Two jobs of one group."""
    settings = [resolve("default", {"size": 48, "steps": 12, "seed": seed, **given}) for seed in (0, 1)]
    return [
        Pair(settings=one, content=torch.rand(3, 40, 48), style=torch.rand(3, 48, 36), style_key="style")
        for one in settings
    ]


@OPTIMISERS
@pytest.mark.parametrize(("form", "precision"), [("relative", "bfloat16"), ("mean", "float32"), ("paper", "bfloat16")])
def test_twelve_steps_stay_on_the_gpu(
    precision: str, form: str, optimiser: str, fake: FakeTensorMode, builtin: Weights
) -> None:
    """Targets, forward pass, guard and steps: images and losses are on the GPU in float32."""
    engine = Engine(faked(builtin, fake), device=GPU, precision=precision)
    pairs = pairs_of(form=form, optimiser=optimiser, learning_rate=0.02)
    objective = engine.objective(pairs)
    objective.is_captured = False  # a graph needs a real GPU
    start = torch.stack([pair.content for pair in pairs]).to(GPU)
    solver = Solver(objective, start, [pair.settings for pair in pairs], evaluations=13)
    for _ in range(13):
        totals = solver.advance()
    assert (totals.device, totals.dtype, totals.shape) == (GPU, torch.float32, (2,))
    assert (solver.image.device, solver.image.dtype, solver.image.shape) == (GPU, torch.float32, (2, 3, 40, 48))
    assert solver.leave().device == GPU


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("style_loss", STYLE_LOSSES)
def test_every_style_loss_stays_on_the_gpu(
    style_loss: str, pooling: str, fake: FakeTensorMode, builtin: Weights
) -> None:
    """Its targets and its forward pass."""
    engine = Engine(faked(builtin, fake), device=GPU, precision="bfloat16")
    pairs = pairs_of(style_loss=style_loss, pooling=pooling)
    losses = engine.objective(pairs)(torch.stack([pair.content for pair in pairs]).to(GPU))
    assert losses.total.device == GPU
    assert losses.stacked().shape[0] == 2


def test_the_network_is_fused(fake: FakeTensorMode, builtin: Weights) -> None:
    """On a GPU each convolution is fused with its ReLU, channels-last; features have the precision."""
    engine = Engine(faked(builtin, fake), device=GPU, precision="bfloat16")
    network = engine.network(resolve("default", {}))
    filters = [module._filters for module in network.features if isinstance(module, fused.FusedConv2d)]
    assert len(filters) == 13
    assert all(one.is_contiguous(memory_format=torch.channels_last) for one in filters)
    with torch.no_grad():
        features = network(torch.rand(2, 3, 64, 64, device=GPU))["conv4_1"]
    assert features.dtype == torch.bfloat16
    assert features.shape == (2, 512, 8, 8)


def test_two_devices_do_not_mix(fake: FakeTensorMode) -> None:
    """The other tests rely on this: a host tensor in a step is an error."""
    with pytest.raises(RuntimeError, match="device"):
        torch.rand(2, 3, device=GPU) + torch.rand(2, 3)
