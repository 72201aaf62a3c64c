"""The terms against values worked out by hand, slow float64 loops and mathematical properties."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from stylize_core.engine.losses.content import content_loss
from stylize_core.engine.losses.gram import gram, style_loss
from stylize_core.engine.losses.tv import total_variation

Array = NDArray[np.float64]

FORMS = ("paper", "mean")
SEEDS = st.integers(0, 2**32 - 1)
SMALL = st.integers(1, 4)


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Seeded uniform numbers in [0, 1)."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def array(tensor: Tensor) -> Array:
    """The same numbers in float64."""
    return tensor.detach().double().numpy()


def slow_gram(rows: Array) -> Array:
    """G_ij = Σ_k F_ik·F_jk of rows (N, M), as in eq. 3."""
    channels, positions = rows.shape
    found = np.zeros((channels, channels))
    for i in range(channels):
        for j in range(channels):
            for k in range(positions):
                found[i, j] += rows[i, k] * rows[j, k]
    return found


def slow_content(features: Array, target: Array, form: str) -> tuple[float, Array]:
    """C_l of one sample and its gradient with respect to F (eq. 2 without the ReLU's branch)."""
    difference = features - target
    total = sum(float(d) ** 2 for d in difference.flat)
    if form == "paper":
        return total / 2, difference
    return total / difference.size, 2 * difference / difference.size


def slow_style(features: Array, target: Array, form: str) -> tuple[float, Array]:
    """E_l of one sample against a scaled Gram matrix, and its gradient with respect to F (eq. 6 without the ReLU)."""
    channels = features.shape[0]
    rows = features.reshape(channels, -1)
    scale = 1 / rows.shape[1] if form == "paper" else 1 / rows.size
    difference = slow_gram(rows) * scale - target
    total = sum(float(d) ** 2 for d in difference.flat)
    divisor = 4 * channels**2 if form == "paper" else channels**2
    gradient = 4 * scale / divisor * (difference @ rows)
    return total / divisor, gradient.reshape(features.shape)


def slow_total_variation(image: Array, form: str) -> tuple[float, Array]:
    """Total variation of one sample (3, H, W) and its gradient with respect to the image."""
    planes, height, width = image.shape
    pairs = [((c, y, x), (c, y, x + 1)) for c, y, x in np.ndindex(planes, height, width - 1)]
    factors = [255.0**2 if form == "paper" else 1 / len(pairs)] * len(pairs)
    below = [((c, y, x), (c, y + 1, x)) for c, y, x in np.ndindex(planes, height - 1, width)]
    factors += [255.0**2 if form == "paper" else 1 / len(below)] * len(below)
    total, gradient = 0.0, np.zeros_like(image)
    for (here, there), factor in zip(pairs + below, factors, strict=True):
        difference = image[there] - image[here]
        total += factor * difference**2
        gradient[there] += 2 * factor * difference
        gradient[here] -= 2 * factor * difference
    return total, gradient


def gradient_of(loss: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Losses (B,) and the gradient of their sum."""
    x = x.clone().requires_grad_()
    losses = loss(x)
    return losses.detach(), torch.autograd.grad(losses.sum(), x)[0]


def assert_close(found: Tensor, expected: Array | float) -> None:
    """The relative error, over all numbers together, is below 1e-5."""
    error = np.linalg.norm(np.ravel(array(found) - expected))
    assert error < 1e-5 * np.linalg.norm(np.ravel(expected))


def test_gram_by_hand() -> None:
    """F = [[1 2 0], [3 4 1]] has G = [[5 11], [11 26]], over M = 3 in the paper's form and N·M = 6 as a mean."""
    features = torch.tensor([[[[1.0, 2, 0]], [[3, 4, 1]]]])
    expected = torch.tensor([[[5.0, 11], [11, 26]]])
    torch.testing.assert_close(gram(features, "paper"), expected / 3)
    torch.testing.assert_close(gram(features, "mean"), expected / 6)


@pytest.mark.parametrize(("form", "expected"), [("paper", 10.5), ("mean", 5.25)])
def test_content_by_hand(form: str, expected: float) -> None:
    """Differences 1, 0, 2, 4 have squares of sum 21: half of it, or a quarter."""
    features = torch.tensor([[[[1.0, 2], [3, 4]]]])
    target = torch.tensor([[[[0.0, 2], [1, 0]]]])
    assert content_loss(features, target, form).tolist() == [expected]


@pytest.mark.parametrize(("form", "expected"), [("paper", 21 / 36), ("mean", 21 / 9)])
def test_style_by_hand(form: str, expected: float) -> None:
    """Three channels whose scaled Gram matrices differ by squares of sum 21: over 4N² = 36, or over N² = 9."""
    grams = torch.zeros(1, 3, 3)
    grams[0, 0, :3] = torch.tensor([1.0, 2, 4])
    assert style_loss(grams, torch.zeros(1, 3, 3), form).tolist() == pytest.approx([expected])


@pytest.mark.parametrize(("form", "expected"), [("paper", 3.5 * 255**2), ("mean", 2.25 / 12 + 1.25 / 9)])
def test_total_variation_by_hand(form: str, expected: float) -> None:
    """One colour [[0 1 0], [.5 0 0]]: the squares of 12 dx sum to 1 + 1 + .25, those of 9 dy to .25 + 1."""
    image = torch.zeros(1, 3, 2, 3)
    image[0, 1] = torch.tensor([[0, 1, 0], [0.5, 0, 0]])
    assert total_variation(image, form).tolist() == pytest.approx([expected])


@pytest.mark.parametrize("form", FORMS)
def test_content_equals_loops(form: str) -> None:
    """Loss and gradient in float32 equal the slow float64 formula in every sample."""
    features, target = noise(3, 5, 4, 6, dtype=torch.float32), noise(3, 5, 4, 6, seed=1, dtype=torch.float32)
    losses, gradient = gradient_of(lambda x: content_loss(x, target, form), features)
    for b in range(3):
        loss, slope = slow_content(array(features[b]), array(target[b]), form)
        assert_close(losses[b], loss)
        assert_close(gradient[b], slope)


@pytest.mark.parametrize("form", FORMS)
def test_style_equals_loops(form: str) -> None:
    """Loss and gradient in float32 equal the slow float64 formula, for styles of another size than the image."""
    features, style = noise(3, 5, 4, 6, dtype=torch.float32), noise(3, 5, 7, 3, seed=1, dtype=torch.float32)
    targets = gram(style, form)
    losses, gradient = gradient_of(lambda x: style_loss(gram(x, form), targets, form), features)
    for b in range(3):
        rows = array(style[b]).reshape(5, -1)
        target = slow_gram(rows) / (21 if form == "paper" else 105)
        assert_close(targets[b], target)
        loss, slope = slow_style(array(features[b]), target, form)
        assert_close(losses[b], loss)
        assert_close(gradient[b], slope)


@pytest.mark.parametrize("form", FORMS)
def test_total_variation_equals_loops(form: str) -> None:
    """Loss and gradient in float32 equal the slow float64 formula in every sample."""
    images = noise(2, 3, 5, 7, dtype=torch.float32)
    losses, gradient = gradient_of(lambda x: total_variation(x, form), images)
    for b in range(2):
        loss, slope = slow_total_variation(array(images[b]), form)
        assert_close(losses[b], loss)
        assert_close(gradient[b], slope)


@pytest.mark.parametrize("form", FORMS)
def test_gradcheck(form: str) -> None:
    """Each term's gradient is that of finite differences in float64."""
    target, targets = noise(2, 3, 2, 3, seed=1), gram(noise(2, 3, 4, 2, seed=2), form)
    x = noise(2, 3, 2, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: content_loss(x, target, form), x)
    assert torch.autograd.gradcheck(lambda x: style_loss(gram(x, form), targets, form), x)
    assert torch.autograd.gradcheck(lambda x: total_variation(x, form), x)
    assert torch.autograd.gradcheck(lambda x: gram(x, form), x)  # for any function of it, symmetric or not


def test_paper_form_is_equation_4_at_equal_sizes() -> None:
    """If image and style have the same number of positions, E_l = Σ(G−A)²/(4N²M²)."""
    features, style = noise(1, 4, 3, 5), noise(1, 4, 5, 3, seed=1)
    found = style_loss(gram(features, "paper"), gram(style, "paper"), "paper")
    g, a = slow_gram(array(features).reshape(4, 15)), slow_gram(array(style).reshape(4, 15))
    assert found.item() == pytest.approx(((g - a) ** 2).sum() / (4 * 4**2 * 15**2), rel=1e-12)


@given(seed=SEEDS, channels=SMALL, height=SMALL, width=SMALL, form=st.sampled_from(FORMS))
@settings(deadline=None, max_examples=50)
def test_gram_is_symmetric_and_positive(seed: int, channels: int, height: int, width: int, form: str) -> None:
    """A Gram matrix is symmetric, has no negative eigenvalue, and does not depend on the order of pixels."""
    features = noise(2, channels, height, width, seed=seed) - 0.5
    found = gram(features, form)
    torch.testing.assert_close(found, found.mT, rtol=1e-14, atol=1e-16)
    assert torch.linalg.eigvalsh(found).min() > -1e-12
    order = torch.randperm(height * width, generator=torch.Generator().manual_seed(seed))
    moved = features.flatten(2)[..., order].view_as(features)
    torch.testing.assert_close(gram(moved, form), found, rtol=1e-12, atol=1e-14)


@given(seed=SEEDS, channels=SMALL, form=st.sampled_from(FORMS))
@settings(deadline=None, max_examples=30)
def test_losses_vanish_only_at_the_target(seed: int, channels: int, form: str) -> None:
    """A term is exactly 0 at its target and positive elsewhere."""
    features, other = noise(1, channels, 3, 4, seed=seed), 1 + noise(1, channels, 3, 4, seed=seed)
    assert content_loss(features, features, form).item() == 0
    assert style_loss(gram(features, form), gram(features, form), form).item() == 0
    assert content_loss(features, other, form).item() > 0
    assert style_loss(gram(features, form), gram(other, form), form).item() > 0


@pytest.mark.parametrize("form", FORMS)
def test_flat_images_have_no_variation(form: str) -> None:
    """Total variation is 0 on a flat image and positive where one pixel differs."""
    flat = torch.full((1, 3, 4, 5), 0.3)
    assert total_variation(flat, form).item() == 0
    flat[0, 1, 2, 3] = 0.4
    assert total_variation(flat, form).item() > 0


@given(seed=SEEDS, channels=SMALL, height=SMALL, width=SMALL)
@settings(deadline=None, max_examples=30)
def test_mean_form_does_not_depend_on_size(seed: int, channels: int, height: int, width: int) -> None:
    """Features repeated twice in each direction have the same content and style in form `mean`."""
    features, target = noise(1, channels, height, width, seed=seed), 1 - noise(1, channels, height, width, seed=seed)
    tiled, tiled_target = features.tile(1, 1, 2, 2), target.tile(1, 1, 2, 2)
    targets = gram(target, "mean")
    torch.testing.assert_close(
        content_loss(tiled, tiled_target, "mean"), content_loss(features, target, "mean"), rtol=1e-12, atol=0
    )
    torch.testing.assert_close(gram(tiled, "mean"), gram(features, "mean"), rtol=1e-12, atol=0)
    torch.testing.assert_close(
        style_loss(gram(tiled, "mean"), targets, "mean"),
        style_loss(gram(features, "mean"), targets, "mean"),
        rtol=1e-9,
        atol=1e-15,
    )


@pytest.mark.parametrize("form", FORMS)
def test_short_floats_are_summed_in_float32(form: str) -> None:
    """Sums over 16-bit features lose nothing: the terms equal those of the same numbers in float32."""
    features, target = (100 * noise(1, 4, 16, 16, seed=seed, dtype=torch.float16) for seed in (0, 1))
    assert gram(features, form).dtype == torch.float32
    assert torch.equal(gram(features, form), gram(features.float(), form))
    for dtype in (torch.float16, torch.bfloat16):
        short, other = features.to(dtype), target.to(dtype)
        assert torch.equal(content_loss(short, other, form), content_loss(short.float(), other.float(), form))


@pytest.mark.parametrize("positions", [3, 64, 1000])
@pytest.mark.parametrize("form", FORMS)
def test_gram_in_bfloat16(form: str, positions: int) -> None:
    """Sums are in float32: for any number of positions, each entry errs by at most one rounding to bfloat16 (2^-8)."""
    features = 100 * noise(2, 5, positions, 7, dtype=torch.bfloat16)
    found, exact = gram(features, form), gram(features.double(), form)
    assert found.dtype == torch.float32
    assert ((found - exact).abs() <= 2**-8 * exact).all()


@pytest.mark.parametrize("form", FORMS)
def test_samples_do_not_mix(form: str) -> None:
    """Each sample's terms are the same as alone."""
    features, target = noise(3, 4, 5, 6), noise(3, 4, 5, 6, seed=1)
    images = noise(3, 3, 5, 6)
    grams, targets = gram(features, form), gram(target, form)
    for b in range(3):
        alone = slice(b, b + 1)
        for together, single in (
            (content_loss(features, target, form), content_loss(features[alone], target[alone], form)),
            (style_loss(grams, targets, form), style_loss(grams[alone], targets[alone], form)),
            (total_variation(images, form), total_variation(images[alone], form)),
        ):
            torch.testing.assert_close(together[alone], single, rtol=1e-12, atol=0)
