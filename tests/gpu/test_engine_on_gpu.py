"""The engine's numbers on a GPU: against the CPU's in float64, from batch to batch, captured against plain."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from fixtures.optimisers import OPTIMISERS, RATES
from torch import Tensor
from torch.nn import functional

from stylize_core.engine.cuda_graph import WARM_UP, Replayed
from stylize_core.engine.engine import Engine
from stylize_core.engine.losses.style import STYLE_LOSSES
from stylize_core.engine.memory import peak_bytes
from stylize_core.engine.network import Vgg19
from stylize_core.engine.objective import Objective, joined, targets
from stylize_core.engine.optimise import Optimised
from stylize_core.engine.pair import Pair
from stylize_core.engine.solver import Solver
from stylize_core.engine.weights import Weights
from stylize_core.presets import resolve
from stylize_core.settings import Settings

CPU = torch.device("cpu")

PRECISIONS = pytest.mark.parametrize("precision", ["float32", "bfloat16"])

TOLERANCES = {"float32": (1e-3, 1e-2), "TF32": (5e-3, 5e-2), "bfloat16": (5e-2, 4e-1)}
"""Relative errors of a term, and of the gradient as a vector, against float64.

In bfloat16 a CPU's gradient is off by about 25 % too, because rounding flips maxima of the poolings.
"""


def picture(seed: int, height: int = 64, width: int = 80) -> Tensor:
    """A seeded image (3, height, width) of soft blobs."""
    coarse = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)[0].clamp(0, 1)


def settings_of(**given: Any) -> Settings:
    """The preset `default` at one size, in few steps."""
    rate = RATES[given.get("optimiser", "plbfgs")]
    return resolve("default", {"size": 80, "steps": 12, "scales": 1, "learning_rate": rate, **given})


def pair(seed: int, settings: Settings) -> Pair:
    """A job with its own content and style."""
    return Pair(settings=settings, content=picture(seed), style=picture(seed + 50, 72, 64), style_key=str(seed))


@pytest.fixture(params=["float32", "TF32", "bfloat16"])
def arithmetic(request: pytest.FixtureRequest) -> Iterator[str]:
    """A precision; float32 with tensor cores or without."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = request.param == "TF32"
    yield request.param
    torch.backends.cudnn.allow_tf32 = before


def exact(weights: Weights, settings: Settings, image: Tensor) -> tuple[Tensor, Tensor]:
    """Losses and gradient of one job on the CPU, in float64 throughout."""
    network = Vgg19(
        weights.tensors, layers=settings.layers_in_use, pooling=settings.pooling, device=CPU, dtype=torch.float64
    )
    content = targets(network, picture(1)[None].double(), settings, "content")
    style = joined([targets(network, picture(51, 72, 64)[None].double(), settings, "style")])
    objective = Objective(network, content | style, [settings], device=CPU, dtype=torch.float64)
    losses, gradient = objective.evaluate(image.double())
    return losses.stacked()[0], gradient[0]


@pytest.mark.parametrize(
    "given",
    [
        *({"style_loss": name} for name in STYLE_LOSSES),
        {"form": "mean", "style_weight": 1e6},
        {"form": "paper", "style_weight": 1e3, "content_layers": "conv2_2 conv4_2"},
        {"pooling": "average"},
    ],
    ids=str,
)
def test_losses_and_gradients(arithmetic: str, given: dict[str, Any], device: torch.device, builtin: Weights) -> None:
    """Every term and the gradient are those of float64 within the rounding of the arithmetic."""
    settings = settings_of(**given)
    engine = Engine(builtin, device=device, precision="bfloat16" if arithmetic == "bfloat16" else "float32")
    image = (picture(1) + 0.1 * picture(7)).clamp(0, 1)[None]
    losses, gradient = engine.objective([pair(1, settings)]).evaluate(image.to(device))
    expected, wanted = exact(builtin, settings, image)
    term, whole = TOLERANCES[arithmetic]
    term = max(term, 2e-2) if settings.style_loss == "wasserstein" else term  # roots of nearly singular matrices
    torch.testing.assert_close(losses.stacked()[0].double().cpu(), expected, rtol=term, atol=1e-9)
    assert (gradient[0].double().cpu() - wanted).norm() < whole * wanted.norm()


def assert_same(found: Optimised, expected: Optimised) -> None:
    """Every number and pixel of two results is equal."""
    assert torch.equal(found.losses, expected.losses)
    assert torch.equal(found.image, expected.image)


@OPTIMISERS
@PRECISIONS
def test_neighbours_and_slot_change_nothing(
    precision: str, optimiser: str, device: torch.device, builtin: Weights
) -> None:
    """Law 4: at equal B the result is bit-identical beside other jobs and in another slot."""
    engine = Engine(builtin, device=device, precision=precision)
    job, *others = (pair(seed, settings_of(optimiser=optimiser, seed=seed)) for seed in range(5))
    expected = engine.optimise([job, others[0], others[1]])[0]
    assert_same(engine.optimise([others[2], others[3], job])[2], expected)


@OPTIMISERS
def test_a_batch_again_gives_the_same_bits(optimiser: str, device: torch.device, builtin: Weights) -> None:
    """Law 2 on one card: a batch is the same when computed again, and by another engine."""
    jobs = [pair(seed, settings_of(optimiser=optimiser)) for seed in range(2)]
    engine, other = (Engine(builtin, device=device, precision="float32") for _ in range(2))
    first = engine.optimise(jobs)
    for found in (engine.optimise(jobs), other.optimise(jobs)):
        for one, expected in zip(found, first, strict=True):
            assert_same(one, expected)


@OPTIMISERS
def test_size_of_the_batch_hardly_changes_the_final_losses(
    optimiser: str, device: torch.device, builtin: Weights
) -> None:
    """Law 4: losses alone and in a batch of 8 agree within 2 %."""
    engine = Engine(builtin, device=device, precision="float32")
    jobs = [pair(seed, settings_of(optimiser=optimiser)) for seed in range(8)]
    (alone,), together = engine.optimise(jobs[:1]), engine.optimise(jobs)[0]
    torch.testing.assert_close(together.losses[-1, :3], alone.losses[-1, :3], rtol=0.02, atol=1e-6)


@pytest.mark.parametrize("style_loss", [name for name in STYLE_LOSSES if name != "wasserstein"])
@OPTIMISERS
@PRECISIONS
def test_a_captured_step_is_the_plain_one(
    precision: str,
    optimiser: str,
    style_loss: str,
    gpu: torch.device,
    builtin: Weights,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Fourteen steps from a CUDA graph are bit-identical to fourteen plain ones; every optimiser is captured."""
    engine = Engine(builtin, device=gpu, precision=precision)
    jobs = [pair(seed, settings_of(optimiser=optimiser, style_loss=style_loss)) for seed in range(2)]
    start = torch.stack([job.content for job in jobs]).to(gpu)
    found = []
    with caplog.at_level(logging.WARNING):
        for is_captured in (False, True):
            solver = Solver(engine.objective(jobs), start, [job.settings for job in jobs], evaluations=15)
            solver._replayed = Replayed(gpu, is_captured=is_captured)
            for _ in range(15):
                solver.advance()
            assert (solver._replayed._graph is not None) is is_captured
            found.append((solver.losses.cpu(), solver.image.cpu()))
    assert WARM_UP < 14
    assert "could not be captured" not in caplog.text
    assert all(torch.equal(plain, replayed) for plain, replayed in zip(*found, strict=True))


@PRECISIONS
@pytest.mark.parametrize(("edge", "jobs"), [(128, 16), (224, 8), (512, 2)])
def test_peak_memory_is_the_forecast(edge: int, jobs: int, precision: str, gpu: torch.device, builtin: Weights) -> None:
    """Torch's peak memory for a batch is within 15 % of the forecast, for each optimiser's state."""
    settings = settings_of(size=edge, fit="stretch")
    engine = Engine(builtin, device=gpu, precision=precision)
    engine.optimise([pair(0, settings)])  # libraries keep their workspaces
    batch = [
        Pair(settings=settings, content=picture(k, edge, edge), style=picture(k + 50), style_key="a")
        for k in range(jobs)
    ]
    torch.cuda.reset_peak_memory_stats(gpu)
    before = torch.cuda.memory_allocated(gpu)
    engine.optimise(batch)
    peak = torch.cuda.max_memory_allocated(gpu) - before
    assert peak == pytest.approx(peak_bytes(settings, edge, edge, precision, gpu, jobs=jobs), rel=0.15)
