"""The style losses besides Gram matrices: values by hand, independent slow formulas, and common properties."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from stylize_core.engine.losses.cmd import cmd_loss, moments, squashed
from stylize_core.engine.losses.moments import covariance, mean_of, meanstd_loss, spread_of
from stylize_core.engine.losses.nearest import PLACES, nn_loss, pooled
from stylize_core.engine.losses.sorted_values import DIRECTIONS, directions, quantiles, sorted_loss
from stylize_core.engine.losses.style import STYLE_LOSSES, TERM
from stylize_core.engine.losses.wasserstein import square_root, wasserstein_loss
from stylize_core.presets import resolve
from stylize_core.settings import STYLE_LOSS_FORMS, Settings

Array = NDArray[np.float64]


def features(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Seeded numbers in [0, 1), a fifth of them zero as after a ReLU."""
    values = torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (values - 0.2).clamp(min=0).to(dtype)


def settings_of(name: str, form: str = "relative") -> Settings:
    """Settings with a style loss."""
    return resolve("default-1", {"style_loss": name, "form": form, "seed": 5})


def rows(one: Tensor) -> Array:
    """Features of one sample as an array (N, M) in float64."""
    return one.double().flatten(1).numpy()


def slow_covariance(f: Array) -> Array:
    """Σ_ij = mean over positions of (F_ik − μ_i)(F_jk − μ_j)."""
    return np.array([[np.mean((a - a.mean()) * (b - b.mean())) for b in f] for a in f])


def slow_gram(f: Array, a: Array) -> float:
    """‖G − A‖²/‖A‖² with G = FFᵀ/M."""
    ours, theirs = f @ f.T / f.shape[1], a @ a.T / a.shape[1]
    return float(((ours - theirs) ** 2).sum() / (theirs**2).sum())


def slow_covariances(f: Array, a: Array) -> float:
    """The same for covariances."""
    ours, theirs = slow_covariance(f), slow_covariance(a)
    return float(((ours - theirs) ** 2).sum() / (theirs**2).sum())


def slow_meanstd(f: Array, a: Array) -> float:
    """Squared differences of means and spreads, relative to those of the style."""
    ours, theirs = (np.concatenate([x.mean(1), x.std(1)]) for x in (f, a))
    return float(((ours - theirs) ** 2).sum() / (theirs**2).sum())


def slow_wasserstein(f: Array, a: Array) -> float:
    """W₂² of two Gaussians by the eigenvalues of Σ_a Σ, without a matrix root."""
    ours, theirs = slow_covariance(f), slow_covariance(a)
    cross = np.sqrt(np.abs(np.linalg.eigvals(theirs @ ours))).sum()
    size = (a.mean(1) ** 2).sum() + np.trace(theirs)
    return float((((f.mean(1) - a.mean(1)) ** 2).sum() + np.trace(ours) + np.trace(theirs) - 2 * cross) / size)


def slow_sorted(ours: Array, theirs: Array) -> float:
    """Quantiles of rows (K, M) against the style's by numpy's interpolation, relative to the style's."""
    count = ours.shape[1]
    shares = np.clip((np.arange(count) + 0.5) / count * theirs.shape[1] - 0.5, 0, theirs.shape[1] - 1)
    wanted = np.array([np.interp(shares, np.arange(theirs.shape[1]), np.sort(line)) for line in theirs])
    return float(((np.sort(ours) - wanted) ** 2).mean() / (np.sort(theirs) ** 2).mean())


def slow_sliced(f: Array, a: Array) -> float:
    """The same along the directions of the seed."""
    lines = directions(len(f), 5).double().numpy()
    return slow_sorted(lines.T @ f, lines.T @ a)


def slow_cmd(f: Array, a: Array) -> float:
    """Norms of differences of moments of the sigmoid, relative to the style's norms."""
    unit = math.sqrt((a**2).mean())

    def found(x: Array) -> list[Array]:
        y = 1 / (1 + np.exp(-x / unit))
        return [y.mean(1), *(((y - y.mean(1, keepdims=True)) ** k).mean(1) for k in range(2, 6))]

    pairs = list(zip(found(f), found(a), strict=True))
    return sum(float(np.linalg.norm(x - y)) for x, y in pairs) / sum(float(np.linalg.norm(y)) for _, y in pairs)


def slow_nn(f: Array, a: Array) -> float:
    """1 minus the best cosine of each position."""
    best = [max(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)) for y in a.T) for x in f.T]
    return float(np.mean([1 - value for value in best]))


SLOW: dict[str, Callable[[Array, Array], float]] = {
    "gram": slow_gram,
    "covariance": slow_covariances,
    "meanstd": slow_meanstd,
    "gram+meanstd": lambda f, a: (slow_gram(f, a) + slow_meanstd(f, a)) / 2,
    "wasserstein": slow_wasserstein,
    "sliced": slow_sliced,
    "histogram": slow_sorted,
    "cmd": slow_cmd,
    "nn": slow_nn,
}


def test_the_choices_are_there() -> None:
    """The setting's choices are the losses, each with the forms in which it is defined."""
    assert set(STYLE_LOSSES) == set(SLOW)
    assert {name: loss.forms for name, loss in STYLE_LOSSES.items()} == STYLE_LOSS_FORMS


@pytest.mark.parametrize("name", STYLE_LOSSES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 2e-3)])
def test_each_is_its_formula(name: str, dtype: torch.dtype, tolerance: float) -> None:
    """In form `relative` it equals the slow formula, sample by sample, also for styles of another size."""
    image, style, settings = features(2, 6, 5, 7, seed=1), features(2, 6, 8, 4, seed=2), settings_of(name)
    targets = [TERM.target(style[b : b + 1].to(dtype), settings) for b in range(2)]
    target = tuple(map(torch.cat, zip(*targets, strict=True)))
    found = TERM.loss(image.to(dtype), target, settings)
    expected = [SLOW[name](rows(image[b]), rows(style[b])) for b in range(2)]
    assert found.tolist() == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_gradcheck(name: str) -> None:
    """The gradient of each is that of finite differences in float64."""
    image, settings = torch.rand(2, 4, 3, 5, dtype=torch.float64, requires_grad=True), settings_of(name)  # no two alike
    target = TERM.target(features(2, 4, 4, 4, seed=4), settings)
    assert torch.autograd.gradcheck(lambda x: TERM.loss(x, target, settings), image)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_the_style_itself_is_nearest(name: str) -> None:
    """The loss is 0 if the image is the style, in any order of positions, and positive otherwise."""
    style, settings = features(1, 6, 6, 8, seed=5), settings_of(name)
    target = TERM.target(style, settings)
    turned = style.flip(2).transpose(2, 3)
    assert TERM.loss(turned, target, settings).item() == pytest.approx(0, abs=1e-5)
    assert TERM.loss(features(1, 6, 8, 6, seed=6), target, settings).item() > 1e-3


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_relative_losses_do_not_feel_the_scale_of_a_layer(name: str) -> None:
    """A common factor on all features of a layer, of image and style, changes nothing."""
    image, style, settings = features(1, 5, 6, 6, seed=7), features(1, 5, 6, 6, seed=8), settings_of(name)
    plain = TERM.loss(image, TERM.target(style, settings), settings)
    scaled = TERM.loss(30 * image, TERM.target(30 * style, settings), settings)
    assert scaled.item() == pytest.approx(plain.item(), rel=1e-6)
    assert TERM.feature_power(settings) == 0


@pytest.mark.parametrize("name", STYLE_LOSSES)
@pytest.mark.parametrize("form", ["mean", "paper"])
def test_a_factor_on_features_is_a_power_of_the_loss(name: str, form: str) -> None:
    """In the other forms `feature_scale` acts on the loss with the power `feature_power`."""
    if form not in STYLE_LOSSES[name].forms:
        pytest.skip("not defined in this form")
    image, style, settings = features(1, 5, 6, 6, seed=7), features(1, 5, 6, 6, seed=8), settings_of(name, form)
    plain = TERM.loss(image, TERM.target(style, settings), settings).item()
    scaled = TERM.loss(3 * image, TERM.target(3 * style, settings), settings).item()
    assert scaled == pytest.approx(3 ** TERM.feature_power(settings) * plain, rel=1e-5)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_a_dark_layer_stays_finite(name: str) -> None:
    """A style that activates nothing in a layer gives a finite loss and gradient, in float32 too."""
    settings = settings_of(name)
    image = features(1, 5, 6, 6, seed=7, dtype=torch.float32).requires_grad_()
    loss = TERM.loss(image, TERM.target(torch.zeros(1, 5, 6, 6), settings), settings)
    (gradient,) = torch.autograd.grad(loss.sum(), image)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_samples_do_not_mix(name: str) -> None:
    """A sample's loss and gradient are the same alone and beside another one."""
    settings, image = settings_of(name), features(3, 5, 4, 6, seed=9, dtype=torch.float32)
    target = TERM.target(features(3, 5, 6, 4, seed=10, dtype=torch.float32), settings)
    alone = tuple(part[:1] for part in target)

    def found(x: Tensor, against: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        x = x.requires_grad_()
        losses = TERM.loss(x, against, settings)
        return losses.detach()[0], torch.autograd.grad(losses.sum(), x)[0][0]

    changed = image.clone()
    changed[1:] *= 5
    for mine, theirs in zip(found(image.clone(), target), found(changed, target), strict=True):
        assert torch.equal(mine, theirs)
    for mine, theirs in zip(found(image.clone(), target), found(image[:1].clone(), alone), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-7)


def test_moments_by_hand() -> None:
    """Two channels of four positions: means 1 and 2, spreads 1 and 0, covariance 1 in one entry of the matrix."""
    image = torch.tensor([[[[0.0, 2.0], [0.0, 2.0]], [[2.0, 2.0], [2.0, 2.0]]]])
    assert mean_of(image).tolist() == [[1, 2]]
    assert spread_of(image)[0].tolist() == pytest.approx([1, 0], abs=1e-3)
    assert covariance(image, "paper").tolist() == [[[1, 0], [0, 0]]]
    assert meanstd_loss(image, torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]])).item() == pytest.approx(0.5)


def test_wasserstein_by_hand() -> None:
    """Gaussians that differ in mean by (3, 4) and in spread by 1 in one direction: (25 + 1)/2."""
    image = torch.tensor([[[[-2.0, 2.0, 0.0, 0.0]], [[0.0, 0.0, -1.0, 1.0]]]], dtype=torch.float64) * math.sqrt(2)
    root = torch.diag_embed(torch.tensor([[1.0, 1.0]], dtype=torch.float64))  # ours has spreads 2 and 1
    mean, trace = torch.tensor([[3.0, 4.0]], dtype=torch.float64), torch.tensor([2.0], dtype=torch.float64)
    assert wasserstein_loss(image, mean, root, trace).item() == pytest.approx(13)
    matrix = covariance(image, "paper")
    assert torch.allclose(square_root(matrix) @ square_root(matrix), matrix)


def test_quantiles_by_hand() -> None:
    """As many quantiles as values are the values; half as many are means of neighbours; more are interpolated."""
    ordered = torch.tensor([[[0.0, 1.0, 4.0, 5.0]]])
    assert quantiles(ordered, 4) is ordered
    assert quantiles(ordered, 2).tolist() == [[[0.5, 4.5]]]
    assert quantiles(ordered, 8)[0, 0].tolist() == pytest.approx([0, 0.25, 0.75, 1.75, 3.25, 4.25, 4.75, 5])
    assert sorted_loss(torch.tensor([[[5.0, 0.0, 4.0, 3.0]]]), ordered).item() == pytest.approx(1)


def test_directions_belong_to_the_seed() -> None:
    """They are unit vectors, as many as channels up to a limit, and depend only on the seed."""
    lines = directions(100, 3)
    assert lines.shape == (100, DIRECTIONS)
    assert torch.allclose(lines.norm(dim=0), torch.ones(DIRECTIONS))
    assert torch.equal(lines, directions(100, 3))
    assert not torch.equal(lines, directions(100, 4))
    assert directions(5, 3).shape == (5, 5)


def test_central_moments_by_hand() -> None:
    """For 0 and 1 in equal parts: mean 1/2, then central moments 1/4, 0, 1/16, 0."""
    values = torch.tensor([[[0.0, 1.0, 0.0, 1.0]]])
    assert moments(values)[0, :, 0].tolist() == [0.5, 0.25, 0, 0.0625, 0]
    image = torch.zeros(1, 1, 2, 2)  # whose sigmoid is 1/2 everywhere
    assert squashed(image, torch.ones(1)).unique().tolist() == [0.5]
    target = torch.tensor([[[0.2], [0.4], [0.0], [0.0], [0.0]]])
    assert cmd_loss(image, torch.ones(1), target).item() == pytest.approx(0.3 + 0.4, abs=1e-5)


def test_neighbours_by_hand() -> None:
    """Each position takes the neighbour in its own direction; lengths make no difference."""
    style = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    image = torch.tensor([[[[3.0, 1.0]], [[0.0, 1.0]]]])  # along the first, and between the two
    assert nn_loss(image, style).item() == pytest.approx((0 + 1 - math.sqrt(0.5)) / 2)


def test_large_layers_are_compared_in_parts() -> None:
    """Above a number of positions, neighbours are averaged, so that the matrix of cosines stays small."""
    assert pooled(features(1, 2, 64, 64)).shape == (1, 2, PLACES)
    assert pooled(features(1, 2, 100, 80)).shape == (1, 2, 50 * 40)
