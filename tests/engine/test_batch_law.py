"""The fourth law: a sample does not depend on its neighbours, with the real network on the CPU."""

import dataclasses
from collections.abc import Iterator

import pytest
import torch
from fixtures.optimisers import OPTIMISERS, RATES
from torch import Tensor
from torch.nn import functional

from stylize_core.engine.engine import Engine
from stylize_core.engine.network import Vgg19
from stylize_core.engine.objective import Objective, joined, targets
from stylize_core.engine.optimise import Optimised
from stylize_core.engine.optimisers import make_optimiser
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import Weights
from stylize_core.presets import resolve
from stylize_core.settings import Settings

CPU = torch.device("cpu")
HEIGHT, WIDTH = 24, 32


def picture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    """A seeded image (3, height, width) of soft blobs, the same at every size."""
    coarse = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)[0].clamp(0, 1)


def settings_of(optimiser: str, **given: object) -> Settings:
    """The preset `default` with another optimiser."""
    return resolve("default-1", {"size": WIDTH, "optimiser": optimiser, "learning_rate": RATES[optimiser], **given})


def shallow(optimiser: str) -> Settings:
    """The same with only the first three blocks, so that 20 steps take a reasonable time."""
    return settings_of(optimiser, steps=20, content_layers="conv2_2", style_layers="conv1_1 conv2_1 conv3_1")


def pair(seed: int, settings: Settings) -> Pair:
    """A job with its own content and style."""
    return Pair(settings=settings, content=picture(seed), style=picture(seed + 50, 32, 20), style_key=str(seed))


def assert_same(found: Optimised, expected: Optimised) -> None:
    """Every number and pixel of two results is equal."""
    assert torch.equal(found.losses, expected.losses)
    assert torch.equal(found.final, expected.final)
    assert torch.equal(found.image, expected.image)
    assert (found.steps, found.best_step, found.diverged) == (expected.steps, expected.best_step, expected.diverged)


@pytest.mark.parametrize(
    ("optimiser", "precision", "steps"), [("adam", "float32", 4), ("lbfgs", "float32", 4), ("lbfgs", "bfloat16", 2)]
)
def test_neighbours_and_slot_change_nothing(optimiser: str, precision: str, steps: int, builtin: Weights) -> None:
    """At equal B the result is bit-identical beside other jobs and in another slot."""
    engine = Engine(builtin, device=CPU, precision=precision)
    job = pair(1, settings_of(optimiser, steps=steps))
    others = [
        pair(2, settings_of(optimiser, steps=steps, learning_rate=0.3)),
        pair(3, settings_of(optimiser, steps=steps, start="noise", seed=7, style_weight=1e3, content_weight=9.0)),
        pair(4, settings_of(optimiser, steps=steps, start="mix", tv_weight=2.0)),
    ]
    expected = engine.optimise([job, others[0], others[1]])[0]
    assert expected.losses[-1, 0] < 0.9 * expected.losses[0, 0]
    assert_same(engine.optimise([others[2], others[1], job])[2], expected)


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Computes with two threads; the other tests use one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_threads_that_share_a_batch_change_nothing(precision: str, builtin: Weights) -> None:
    """However two threads divide three samples, a slot gives bit-identical losses and gradients."""
    engine = Engine(builtin, device=CPU, precision=precision)
    jobs = [pair(seed, shallow("adam")) for seed in range(3)]
    images = torch.stack([picture(seed + 9) for seed in range(3)])
    terms, gradient = engine.objective(jobs).evaluate(images)
    moved, moved_gradient = engine.objective([*jobs[1:], jobs[0]]).evaluate(images.roll(-1, 0))
    assert torch.equal(moved.stacked().roll(1, 0), terms.stacked())
    assert torch.equal(moved_gradient.roll(1, 0), gradient)


def test_a_diverging_neighbour_changes_nothing(builtin: Weights) -> None:
    """A neighbour whose loss overflows and that is given up changes nothing."""
    engine = Engine(builtin, device=CPU, precision="float32")
    plain = shallow("lbfgs")
    overflowing = dataclasses.replace(plain, style_weight=1e38, feature_scale=1e6)
    found = engine.optimise([pair(2, overflowing), pair(1, plain)])
    assert found[0].diverged
    assert_same(found[1], engine.optimise([pair(2, plain), pair(1, plain)])[1])


def network_of(weights: Weights, settings: Settings, dtype: torch.dtype) -> Vgg19:
    """The network of a group of jobs."""
    return Vgg19(weights.tensors, layers=settings.layers_in_use, pooling=settings.pooling, device=CPU, dtype=dtype)


def objective_of(network: Vgg19, batch: int, settings: Settings, dtype: torch.dtype) -> Objective:
    """The objective of jobs 0 to batch - 1, all of it in one dtype."""
    content = targets(network, contents(batch, dtype), settings, "content")
    styles = [targets(network, picture(seed + 50)[None].to(dtype), settings, "style") for seed in range(batch)]
    return Objective(network, content | joined(styles), [settings] * batch, device=CPU, dtype=dtype)


def contents(batch: int, dtype: torch.dtype) -> Tensor:
    """The contents of jobs 0 to batch - 1."""
    return torch.stack([picture(seed) for seed in range(batch)]).to(dtype)


def trajectory(network: Vgg19, batch: int, settings: Settings) -> tuple[Tensor, Tensor]:
    """The first job's totals (21,) and its image after 20 steps in float64."""
    objective = objective_of(network, batch, settings, torch.float64)
    image = contents(batch, torch.float64)
    rates = torch.full((batch,), settings.learning_rate, dtype=torch.float64)
    optimiser, totals = make_optimiser(settings.optimiser, image, rates), []
    for _ in range(20):
        terms, gradient = objective.evaluate(image)
        totals.append(terms.total[0].detach())
        image = optimiser.step(image, gradient)
    return torch.stack([*totals, objective(image).total[0].detach()]), image[0]


@OPTIMISERS
def test_size_of_the_batch_changes_rounding_alone(optimiser: str, builtin: Weights) -> None:
    """In float64, 20 steps in batches of 1 to 3 give the same totals and image within a relative 1e-6."""
    settings = shallow(optimiser)
    network = network_of(builtin, settings, torch.float64)
    totals, image = trajectory(network, 1, settings)
    assert totals[-1] < 0.5 * totals[0]
    for batch in (2, 3):
        found_totals, found_image = trajectory(network, batch, settings)
        torch.testing.assert_close(found_totals, totals, rtol=1e-6, atol=0)
        assert (found_image - image).norm() < 1e-6 * image.norm()


@pytest.mark.parametrize("form", ["paper", "mean"])
def test_size_of_the_batch_changes_rounding_of_a_gradient(form: str, builtin: Weights) -> None:
    """In float32, one gradient in batches of 2 to 4 differs from that of a single sample by at most a relative 1e-5."""
    settings = settings_of("adam", form=form)
    network = network_of(builtin, settings, torch.float32)
    moved = (contents(4, torch.float32) + 0.1).clamp(0, 1)
    _, alone = objective_of(network, 1, settings, torch.float32).evaluate(moved[:1])
    for batch in (2, 3, 4):
        _, gradient = objective_of(network, batch, settings, torch.float32).evaluate(moved[:batch])
        assert (gradient[0] - alone[0]).norm() < 1e-5 * alone.norm()


@OPTIMISERS
def test_size_of_the_batch_hardly_changes_the_final_losses(optimiser: str, engine: Engine) -> None:
    """In float32, losses after 20 steps agree within 2 %, whatever the size of the batch."""
    jobs = [pair(seed, settings_of(optimiser, steps=20)) for seed in range(2)]
    (alone,), together = engine.optimise(jobs[:1]), engine.optimise(jobs)[0]
    torch.testing.assert_close(together.losses[-1, :3], alone.losses[-1, :3], rtol=0.02, atol=0)
