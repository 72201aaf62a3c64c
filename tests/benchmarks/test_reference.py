"""The plain reference against the independent engine, and against values worked out by hand."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from benchmarks.pairs import OBJECTIVE
from benchmarks.reference import Network, Reference, float32_as, optimise
from stylize_core.engine.engine import Engine
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import Weights, load_weights
from stylize_core.presets import BASE, resolve

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights() -> Weights:
    """The built-in weights."""
    return load_weights("builtin")


@pytest.fixture(scope="module")
def network(weights: Weights) -> Network:
    """The reference's network."""
    return Network(weights, CPU)


def picture(seed: int, height: int, width: int) -> Tensor:
    """A seeded image (3, height, width) in [0, 1]."""
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def pair_of(content: Tensor, style: Tensor) -> Pair:
    """A job of the engine on the reference's objective."""
    return Pair(settings=resolve("default-1", {**BASE, **OBJECTIVE}), content=content, style=style, style_key="style")


@pytest.mark.parametrize(("height", "width", "style", "seed"), [(32, 32, (32, 32), 1), (48, 32, (40, 33), 7)])
def test_loss_and_gradient_are_the_engines(
    height: int, width: int, style: Sequence[int], seed: int, network: Network, weights: Weights
) -> None:
    """In float32 both programs give the same total and gradient to 1e-5, whatever the style's size.

    The gradient jumps, by up to 1e-2, where a maximum of the pooling changes hands; noise often lies within rounding of
    such a place. These seeds do not: in float64 a change of the image by 1e-6 moves their gradient by 1e-5 at most.
    """
    pair = pair_of(picture(seed, height, width), picture(seed + 1, *style))
    image = picture(seed + 2, height, width)[None]
    terms, expected = Engine(weights, device=CPU, precision="float32").objective([pair]).evaluate(image)
    loss, gradient = Reference(network, pair.content, pair.style).evaluate(image)
    assert float(loss) == pytest.approx(terms.total.detach().item(), rel=1e-5)
    assert float((gradient - expected).norm() / expected.norm()) < 1e-5


def test_an_8bit_image_is_judged_as_what_it_shows(network: Network) -> None:
    """The judge maps the 256 levels to multiples of 1/255, and returns the loss of exactly that image."""
    reference = Reference(network, picture(1, 32, 32), picture(2, 32, 32))
    levels = (picture(3, 32, 32) * 255).round()
    assert reference.judge(levels.byte()) == pytest.approx(float(reference.loss(levels[None] / 255)), rel=1e-6)


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_evaluations_are_counted(optimiser: str, network: Network) -> None:
    """The network runs once per evaluation, and once for each target."""
    calls = []
    with network.register_forward_pre_hook(lambda *_: calls.append(1)):
        optimise(network, picture(1, 32, 32), picture(2, 32, 32), optimiser=optimiser, evaluations=7)
    assert len(calls) == 7 + 2


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_it_optimises(optimiser: str, network: Network) -> None:
    """After 20 evaluations the loss of the final 8-bit image is less than half of the content's."""
    content, style = torch.full((3, 32, 32), 0.5), picture(2, 32, 32)
    image, seconds = optimise(network, content, style, optimiser=optimiser, evaluations=20)
    judge = Reference(network, content, style)
    assert image.shape == (3, 32, 32)
    assert image.dtype == torch.uint8
    assert seconds > 0
    assert judge.judge(image) < judge.judge((content * 255).byte()) / 2


def test_adam_first_moves_each_pixel_by_its_step_size(network: Network) -> None:
    """Adam's first update is 0.02 against the sign of the gradient: about 5 of 255 levels."""
    content, style = torch.full((3, 32, 32), 0.5), picture(2, 32, 32)
    _, gradient = Reference(network, content, style).evaluate(content[None])
    image, _ = optimise(network, content, style, optimiser="adam", evaluations=1)
    expected = ((0.5 - 0.02 * gradient[0].sign()) * 255).round()
    assert (image.float() - expected).abs().max() <= 1


def test_lbfgs_first_moves_all_pixels_together_by_one(network: Network) -> None:
    """Torch's first update is the gradient over its absolute sum, here of 3072 numbers: too little for 8 bits."""
    content, style = picture(1, 32, 32), picture(2, 32, 32)
    image, _ = optimise(network, content, style, optimiser="lbfgs", evaluations=1)
    assert (image.float() - content * 255).abs().max() <= 1


def test_float32_is_what_it_was_again() -> None:
    """A choice of float32 arithmetic lasts only for the block."""
    before = torch.backends.cudnn.conv.fp32_precision
    other = {"ieee": "tf32"}.get(before, "ieee")
    with float32_as(other):
        assert torch.backends.cudnn.conv.fp32_precision == other
    assert torch.backends.cudnn.conv.fp32_precision == before
