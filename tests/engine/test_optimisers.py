"""The optimisers against torch's own, sample by sample, and their behaviour if a sample fails."""

from collections.abc import Callable

import pytest
import torch
from fixtures.optimisers import RATES
from torch import Tensor
from torch.nn import functional

from stylize_core.engine.optimisers import OPTIMISERS, make_optimiser
from stylize_core.engine.optimisers.adam import Adam
from stylize_core.engine.optimisers.lbfgs import Lbfgs
from stylize_core.engine.optimisers.optimiser import Optimiser
from stylize_core.settings import FIELD_BY_NAME

Loss = Callable[[Tensor], Tensor]
"""Images (B, 3, H, W) to losses (B,)."""

SHAPE = (2, 5, 5)
"""50 numbers: torch's first step, of length Σ|dx| = 1, then moves each of them by 0.02, as ours does."""


def noise(*shape: int, seed: int) -> Tensor:
    """Seeded normal numbers, float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def start(batch: int) -> Tensor:
    """Different images around grey."""
    return 0.5 + 0.02 * noise(batch, *SHAPE, seed=1)


def quadratic(x: Tensor) -> Tensor:
    """A quadratic around 0.5 with curvatures from 0.5 to 50, different for each pixel."""
    curvature = torch.logspace(-0.3, 1.7, x[0].numel(), dtype=x.dtype).view(SHAPE)
    return (curvature * (x - 0.5).square()).flatten(1).sum(1)


def rosenbrock(x: Tensor) -> Tensor:
    """Rosenbrock's valley through all pixels, moved into the middle of the box."""
    z = 10 * (x.flatten(1) - 0.4)
    return (100 * (z[:, 1:] - z[:, :-1].square()).square() + (1 - z[:, :-1]).square()).sum(1)


def network(x: Tensor) -> Tensor:
    """Mean squared differences of a small frozen network's features and Gram matrix from those of another image."""
    weight, target = noise(6, 2, 3, 3, seed=5), 0.5 + 0.03 * noise(1, *SHAPE, seed=6)

    def features(image: Tensor) -> Tensor:
        return functional.softplus(functional.conv2d(image, weight, padding=1)).flatten(2)

    found, wanted = features(x), features(target)
    content = (found - wanted).square().flatten(1).sum(1)
    return content + (found @ found.mT - wanted @ wanted.mT).square().flatten(1).mean(1)


LOSSES = pytest.mark.parametrize("loss", [quadratic, rosenbrock, network])


def descend(optimiser: Optimiser, loss: Loss, image: Tensor, steps: int) -> list[Tensor]:
    """The images after each step."""
    images = []
    for _ in range(steps):
        image = optimiser.step(image, gradient_of(loss, image))
        images.append(image)
    return images


def gradient_of(loss: Loss, image: Tensor) -> Tensor:
    """Each sample's gradient with respect to its own image."""
    image = image.detach().requires_grad_()
    return torch.autograd.grad(loss(image).sum(), image)[0]


def torch_descend(optimiser: torch.optim.Optimizer, parameter: Tensor, loss: Loss, steps: int) -> list[Tensor]:
    """The images after each step of one of torch's optimisers on one sample (1, 3, H, W)."""

    def closure() -> Tensor:
        value = loss(parameter).sum()
        (parameter.grad,) = torch.autograd.grad(value, parameter)
        return value

    images = []
    for _ in range(steps):
        optimiser.step(closure)  # type: ignore[arg-type]  # L-BFGS wants the tensor
        images.append(parameter.detach().clone())
    return images


def lengths(images: list[Tensor]) -> list[float]:
    """The root mean square change of a sample from image to image."""
    moves = torch.stack(images).diff(dim=0)
    return [float(length) for length in moves.square().flatten(2).mean(2).sqrt().flatten()]


def rates(*values: float) -> Tensor:
    """Learning rates of a batch."""
    return torch.tensor(values, dtype=torch.float64)


@LOSSES
def test_adam_equals_torch(loss: Loss) -> None:
    """Inside the box, each sample of a batch takes torch.optim.Adam's steps with its own learning rate."""
    image, learning_rates = start(3), rates(0.001, 0.003, 0.0002)
    found = descend(Adam(image, learning_rates), loss, image, 30)
    assert all(((x > 0) & (x < 1)).all() for x in found)
    for b, rate in enumerate(learning_rates.tolist()):
        parameter = image[b : b + 1].clone().requires_grad_()
        expected = torch_descend(torch.optim.Adam([parameter], lr=rate), parameter, loss, 30)
        for x, y in zip(found, expected, strict=True):
            torch.testing.assert_close(x[b : b + 1], y, rtol=1e-11, atol=1e-13)


def test_adam_by_hand() -> None:
    """Adam's first step is the learning rate against the sign of the gradient, limited by the box [0, 1]."""
    image = torch.tensor([0.5, 0.5, 0.02, 0.98], dtype=torch.float64).view(1, 1, 2, 2)
    gradient = torch.tensor([3.0, -1e-3, 5.0, -5.0], dtype=torch.float64).view(1, 1, 2, 2)
    found = Adam(image, rates(0.1)).step(image, gradient)
    torch.testing.assert_close(found.flatten(), rates(0.4, 0.6, 0, 1), rtol=1e-5, atol=0)


def test_adam_stays_in_the_box() -> None:
    """A minimum outside the box is approached up to the bound, and no image leaves the box."""
    image = start(2)
    images = descend(Adam(image, rates(0.05, 0.5)), lambda x: (x - 2).square().flatten(1).sum(1), image, 40)
    assert all(((x >= 0) & (x <= 1)).all() for x in images)
    assert (images[-1] == 1).all()


@LOSSES
def test_lbfgs_equals_torch(loss: Loss) -> None:
    """Each sample of a batch takes torch.optim.LBFGS's steps (10 pairs, one evaluation per step, no tolerances).

    This holds while our bounds are inactive: inside the box, and with steps below the longest.
    """
    steps = 25  # more than the history
    image = start(3)
    found = descend(Lbfgs(image, rates(1, 1, 1)), loss, image, steps)
    assert all(((x > 0) & (x < 1)).all() for x in found)
    assert max(lengths([image, *found])) < Lbfgs.LONGEST_STEP
    for b in range(3):
        parameter = image[b : b + 1].clone().requires_grad_()
        torchs = torch.optim.LBFGS(
            [parameter], lr=1, max_iter=1, history_size=10, tolerance_grad=0, tolerance_change=0, line_search_fn=None
        )
        expected = torch_descend(torchs, parameter, loss, steps)
        for x, y in zip(found, expected, strict=True):
            torch.testing.assert_close(x[b : b + 1], y, rtol=1e-7, atol=1e-9)


@LOSSES
def test_lbfgs_alone_equals_lbfgs_in_a_batch(loss: Loss) -> None:
    """A batch of one takes the same steps, with its own learning rate."""
    image, learning_rates = start(3), rates(1, 0.5, 0.1)
    together = descend(Lbfgs(image, learning_rates), loss, image, 15)
    for b in range(3):
        alone = slice(b, b + 1)
        single = descend(Lbfgs(image[alone], learning_rates[alone]), loss, image[alone], 15)
        for x, y in zip(together, single, strict=True):
            torch.testing.assert_close(x[alone], y, rtol=1e-7, atol=1e-9)


def test_lbfgs_finds_the_minimum_of_a_quadratic() -> None:
    """On a quadratic the loss falls by ten orders of magnitude in 60 steps."""
    image = start(2)
    last = descend(Lbfgs(image, rates(1, 1)), quadratic, image, 60)[-1]
    assert (quadratic(last) < 1e-10 * quadratic(image)).all()


def test_lbfgs_stays_in_the_box() -> None:
    """A minimum outside the box is approached up to the bound, and no image leaves the box."""
    image = start(2)
    images = descend(Lbfgs(image, rates(1, 0.5)), lambda x: (x - 2).square().flatten(1).sum(1), image, 60)
    assert all(((x >= 0) & (x <= 1)).all() for x in images)
    torch.testing.assert_close(images[-1], torch.ones_like(image), rtol=1e-6, atol=0)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_first_step_of_lbfgs(scale: float) -> None:
    """The first step follows the gradient and moves a pixel by 0.02 on average, times the learning rate."""
    image, gradient = torch.full((2, *SHAPE), 0.5, dtype=torch.float64), scale * noise(2, *SHAPE, seed=3)
    moves = image - Lbfgs(image, rates(1, 0.25)).step(image, gradient)
    for b, mean in enumerate((0.02, 0.005)):
        expected = gradient[b] * mean / gradient[b].abs().mean()
        torch.testing.assert_close(moves[b], expected, rtol=1e-9, atol=1e-15)


def test_longest_step_of_lbfgs() -> None:
    """A step is shortened to 0.05 root mean square, sample by sample, and keeps its direction."""
    image, gradient = torch.full((2, *SHAPE), 0.5, dtype=torch.float64), noise(2, *SHAPE, seed=3)
    moves = image - Lbfgs(image, rates(50, 1)).step(image, gradient)
    assert moves[0].square().mean().sqrt().item() == pytest.approx(0.05, rel=1e-9)
    assert moves[1].square().mean().sqrt().item() < 0.05
    torch.testing.assert_close(moves[0] / moves[0].norm(), gradient[0] / gradient[0].norm(), rtol=1e-9, atol=0)


def test_lbfgs_ignores_a_pair_without_positive_curvature() -> None:
    """A step along which the gradient did not grow is ignored: the next direction is as without it."""
    image, gradient = start(2), noise(2, *SHAPE, seed=3)
    optimiser = Lbfgs(image, rates(1, 1))
    second = optimiser.step(image, gradient)
    curved = gradient.clone()
    curved[1] += 100 * (second - image)[1]  # sample 0 sees the same gradient again: sᵀy = 0
    third = optimiser.step(second, curved)
    torch.testing.assert_close(third[0] - second[0], second[0] - image[0], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(third[1], second[1] - curved[1] / 100, rtol=1e-9, atol=1e-12)


def test_lbfgs_ignores_a_concave_pair() -> None:
    """If the gradient shrank along the step (negative curvature), only earlier pairs count."""
    image = start(1)
    straight, bent = Lbfgs(image, rates(1)), Lbfgs(image, rates(1))
    for optimiser in (straight, bent):
        descend(optimiser, quadratic, image, 3)
    x, g = (part.view_as(image).clone() for part in (bent.image, bent.gradient))
    concave = bent.step(x + 0.01 * g, g - 0.1 * g)
    assert bent.usable.sum() == 2
    expected = straight.step(x, g - 0.1 * g)  # a pair with s = 0 is ignored as well
    torch.testing.assert_close(concave - (x + 0.01 * g), expected - x, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["adam", "lbfgs"])
def test_a_zero_gradient_leaves_the_image_alone(name: str) -> None:
    """At a stationary start no optimiser moves, and no number becomes NaN."""
    image = start(2)
    for x in descend(make_optimiser(name, image, rates(0.1, 1)), lambda x: 0 * x.flatten(1).sum(1), image, 4):
        assert torch.equal(x, image)


@pytest.mark.parametrize("name", ["adam", "lbfgs"])
@LOSSES
def test_restart_forgets_and_halves(name: str, loss: Loss) -> None:
    """A restarted sample continues like a new optimiser with half its step size; the others do not change."""
    image, learning_rates = start(3), rates(0.01, 0.02, 0.03)
    optimiser, control = make_optimiser(name, image, learning_rates), make_optimiser(name, image, learning_rates)
    image = descend(optimiser, loss, image, 5)[-1]
    assert torch.equal(descend(control, loss, start(3), 5)[-1], image)
    optimiser.restart(torch.tensor([False, True, False]))
    found, expected = descend(optimiser, loss, image, 15), descend(control, loss, image, 15)
    fresh = descend(make_optimiser(name, image[1:2], rates(0.01)), loss, image[1:2], 15)
    for x, y, z in zip(found, expected, fresh, strict=True):
        assert torch.equal(x[[0, 2]], y[[0, 2]])
        torch.testing.assert_close(x[1:2], z, rtol=1e-7, atol=1e-9)


def test_lbfgs_survives_an_infinite_neighbour() -> None:
    """Infinite gradients of one sample, restarted, leave no NaN in its later steps and do not affect its neighbour."""
    image = start(2)
    optimiser, control = Lbfgs(image, rates(1, 1)), Lbfgs(image, rates(1, 1))
    image = descend(optimiser, quadratic, image, 3)[-1]
    descend(control, quadratic, start(2), 3)
    gradient = gradient_of(quadratic, image)
    wild = gradient.clone()
    wild[0] = torch.inf
    optimiser.step(image, wild)
    expected = control.step(image, gradient)
    optimiser.restart(torch.tensor([True, False]))
    last = descend(optimiser, quadratic, torch.cat((image[:1], expected[1:])), 12)[-1]
    assert torch.equal(last[1], descend(control, quadratic, expected, 12)[-1][1])
    assert quadratic(last)[0] < quadratic(start(2))[0]


@pytest.mark.parametrize("name", ["adam", "lbfgs"])
def test_what_is_given_is_not_changed(name: str) -> None:
    """Learning rates, image and gradient are not changed."""
    image, gradient, given = start(2), noise(2, *SHAPE, seed=3), rates(0.1, 0.2)
    optimiser = make_optimiser(name, image, given)
    optimiser.restart(torch.tensor([True, True]))
    optimiser.step(image, gradient)
    assert given.tolist() == [0.1, 0.2]
    assert torch.equal(image, start(2))
    assert torch.equal(gradient, noise(2, *SHAPE, seed=3))


def test_optimisers_by_name() -> None:
    """Setting `optimiser` selects the class; the engine's tests cover all of its values."""
    assert isinstance(make_optimiser("adam", start(1), rates(1)), Adam)
    assert isinstance(make_optimiser("lbfgs", start(1), rates(1)), Lbfgs)
    assert set(FIELD_BY_NAME["optimiser"].choices) == set(OPTIMISERS) == set(RATES)
