"""Quality metrics: definitions by slow formulas and known values, and their dependence on nothing but the image."""

import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from skimage.metrics import structural_similarity
from torch import Tensor

from stylize_core.engine import quality
from stylize_core.engine.engine import Engine
from stylize_core.engine.losses.gram import gram, style_loss
from stylize_core.engine.pair import Pair
from stylize_core.engine.quality import (
    GRAM_EDGE,
    GRAM_LAYERS,
    Quality,
    QualityMetrics,
    gram_distance,
    histogram,
    histogram_distance,
    shrunk,
    ssim,
)
from stylize_core.engine.weights import Weights
from stylize_core.presets import resolve

CPU = torch.device("cpu")


def picture(seed: int, height: int = 32, width: int = 40) -> Tensor:
    """Soft patches of colour with some noise, (3, height, width), multiples of 1/255."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 4, 5, generator=generator)
    soft = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0]
    return (soft + 0.2 * torch.rand(3, height, width, generator=generator)).clamp(0, 1).mul(255).round() / 255


def flat(red: int, green: int, blue: int, height: int = 16, width: int = 16) -> Tensor:
    """A picture of one colour, given in 0 to 255."""
    return (torch.tensor([red, green, blue]) / 255).view(3, 1, 1).expand(3, height, width)


def slow_ssim(image: Tensor, content: Tensor) -> float:
    """Equation 13 of Wang et al. 2004 for each window, with weighted sums written out as in equations 14 to 16."""
    x, y = (0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2] for p in (255 * image.double(), 255 * content.double()))
    offsets = [(i - 5, j - 5) for i in range(11) for j in range(11)]
    weights = np.array([math.exp(-(i * i + j * j) / (2 * 1.5**2)) for i, j in offsets])
    weights /= weights.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    found = []
    for row in range(5, x.shape[0] - 5):
        for column in range(5, x.shape[1] - 5):
            a, b = (np.array([float(p[row + i, column + j]) for i, j in offsets]) for p in (x, y))
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
            covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
            luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
            found.append(luminance * (2 * covariance + c2) / (var_a + var_b + c2))
    return float(np.mean(found))


def test_ssim_is_that_of_the_paper() -> None:
    """It equals the paper's formula, written out for each window."""
    image, content = picture(1, 14, 17), picture(2, 14, 17)
    assert ssim(image, content).item() == pytest.approx(slow_ssim(image, content), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_ssim_is_that_of_scikit_image(seed: int) -> None:
    """scikit-image, with the paper's window and weights, gives the same."""
    image, content = picture(seed), (picture(seed) + picture(seed + 10)) / 2
    lumas = [(0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]).numpy() for p in (image.double(), content.double())]
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    assert ssim(image, content).item() == pytest.approx(structural_similarity(*lumas, **options), abs=1e-9)


def test_ssim_of_known_pictures() -> None:
    """1 for the same picture, the luminance term alone for two flat ones, below 0 for a picture and its negative."""
    image = picture(3)
    assert ssim(image, image).item() == pytest.approx(1, abs=1e-12)
    assert ssim(flat(51, 51, 51), flat(204, 204, 204)).item() == pytest.approx((0.32 + 1e-4) / (0.68 + 1e-4))
    assert ssim(image, 1 - image).item() < 0


@settings(max_examples=30, deadline=None)
@given(arrays(np.uint8, (2, 3, 11, 13)))
def test_ssim_keeps_its_range(pixels: np.ndarray) -> None:
    """For any pictures, it is between -1 and 1 and symmetric."""
    first, second = torch.from_numpy(pixels).float() / 255
    assert -1 <= ssim(first, second).item() <= 1
    assert ssim(first, second).item() == pytest.approx(ssim(second, first).item(), abs=1e-12)


def test_histogram_boxes() -> None:
    """Each channel has eight bins of 32 values; red is the most significant, blue the least."""
    assert histogram(flat(0, 0, 0))[0] == 1
    assert histogram(flat(31, 31, 31))[0] == 1
    assert histogram(flat(32, 0, 0))[64] == 1
    assert histogram(flat(0, 255, 0))[56] == 1
    assert histogram(flat(0, 0, 64))[2] == 1
    halves = torch.cat([flat(255, 255, 255), flat(0, 0, 0)], 2)
    assert histogram(halves)[[0, 511]].tolist() == [0.5, 0.5]


def test_colour_distances_by_hand() -> None:
    """0 for equal shares, 1 without a common bin, √(1 - √½) if one half is common."""
    black, white = histogram(flat(0, 0, 0)), histogram(flat(255, 255, 255, 8, 8))
    halves = histogram(torch.cat([flat(255, 255, 255), flat(0, 0, 0)], 2))
    assert histogram_distance(halves, halves).item() == pytest.approx(0, abs=1e-7)
    assert histogram_distance(black, white).item() == 1
    assert histogram_distance(black, halves).item() == pytest.approx(math.sqrt(1 - math.sqrt(0.5)))


@settings(max_examples=50, deadline=None)
@given(st.lists(arrays(np.uint8, (3, 4, 4)), min_size=3, max_size=3))
def test_the_colour_distance_is_a_metric(pixels: list[np.ndarray]) -> None:
    """It is symmetric, in [0, 1], satisfies the triangle inequality, and ignores the positions of pixels."""
    a, b, c = (histogram(torch.from_numpy(p).float() / 255) for p in pixels)
    turned = histogram(torch.from_numpy(pixels[0]).float().flip(1, 2).mT / 255)
    assert histogram_distance(a, b) == histogram_distance(b, a)
    assert 0 <= histogram_distance(a, b) <= 1
    assert histogram_distance(a, c) <= histogram_distance(a, b) + histogram_distance(b, c) + 1e-7
    assert torch.equal(turned, a)


def test_gram_distance_by_hand() -> None:
    """The mean over two layers: one with ‖G - A‖ = 5 and ‖A‖ = 10, one with equal matrices."""
    a = {"conv1_1": torch.tensor([[[6.0, 0.0], [0.0, 8.0]]]), "conv2_1": torch.ones(1, 3, 3)}
    g = {"conv1_1": torch.tensor([[[6.0, 3.0], [4.0, 8.0]]]), "conv2_1": torch.ones(1, 3, 3)}
    assert gram_distance(g, a).item() == pytest.approx(0.25)
    assert gram_distance(a, a).item() == 0


def test_the_gram_figure_is_the_style_term_in_other_words(builtin: Weights) -> None:
    """It equals the mean over layers of √(E_l(result) / E_l(nothing)), from Gram matrices in float64."""
    image, style = picture(4), picture(5, 48, 36)
    network = quality.Vgg19(
        {name: tensor.double() for name, tensor in builtin.tensors.items()},
        layers=GRAM_LAYERS,
        pooling="max",
        device=CPU,
        dtype=torch.float64,
    )
    of_image, of_style = (network(shrunk(p.double(), 40)[None], _mean_gram) for p in (image, style))
    ratios = [
        (style_loss(of_image[name], a, "mean") / style_loss(torch.zeros_like(a), a, "mean")).sqrt().item()
        for name, a in of_style.items()
    ]
    found = QualityMetrics(builtin, CPU).judge(image.mul(255).to(torch.uint8), image, style, "style")
    assert len(ratios) == 5
    assert found.gram == pytest.approx(np.mean(ratios), rel=1e-4)


def _mean_gram(_: str, features: Tensor) -> Tensor:
    return gram(features, "mean")


def test_the_style_itself_is_nearest(builtin: Weights) -> None:
    """A result that is the style has distance 0 to it; one that is the content has structure 1."""
    judge, content, style = QualityMetrics(builtin, CPU), picture(6), picture(7)
    as_style = judge.judge((style * 255).round().to(torch.uint8), content, style, "style")
    as_content = judge.judge((content * 255).round().to(torch.uint8), content, style, "style")
    assert as_style.gram == pytest.approx(0, abs=1e-6)
    assert as_style.colour == pytest.approx(0, abs=1e-6)
    assert as_content.ssim == pytest.approx(1, abs=1e-6)
    assert (as_content.gram or 0) > 0.1


def test_nothing_is_enlarged() -> None:
    """A long edge above the limit is reduced to it, with the same aspect; a smaller picture does not change."""
    assert shrunk(picture(1, 300, 600), GRAM_EDGE).shape == (3, 112, 224)
    assert shrunk(picture(1, 600, 1), GRAM_EDGE).shape == (3, 224, 1)
    small = picture(1, 20, 30)
    assert shrunk(small, GRAM_EDGE) is small


def test_results_of_several_sizes_can_be_compared(builtin: Weights) -> None:
    """A photograph of 384 px and of 224 px, with the style at the same size, has nearly the same Gram figure."""
    figures = []
    for edge in (GRAM_EDGE, 384):
        image, style = photograph("astronaut.png", edge), photograph("brick.png", edge)
        found = QualityMetrics(builtin, CPU).judge((image * 255).round().to(torch.uint8), image, style, "style")
        figures.append(found.gram)
    assert figures[0] == pytest.approx(figures[1], rel=0.02)


def photograph(name: str, edge: int) -> Tensor:
    """A photograph from scikit-image, (3, edge, edge)."""
    shipped = Path(skimage.data.__file__).parent / name
    square = Image.open(shipped).convert("RGB").resize((edge, edge), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1) / 255


@pytest.mark.parametrize(("height", "has_ssim", "has_gram"), [(8, False, False), (11, True, False), (16, True, True)])
def test_an_edge_too_short_for_a_figure_leaves_it_out(
    builtin: Weights, height: int, has_ssim: bool, has_gram: bool
) -> None:
    """If no window of 11 pixels fits, or the deepest layer has no position, only that figure is missing."""
    image = picture(1, height, 40)
    found = QualityMetrics(builtin, CPU).judge((image * 255).to(torch.uint8), image, picture(2), "style")
    assert (found.ssim is not None, found.colour is not None, found.gram is not None) == (has_ssim, True, has_gram)


def test_weights_that_end_early_have_fewer_layers(builtin: Weights) -> None:
    """The Gram figure uses the available layers."""
    tensors = {name: builtin.tensors[name] for name in ("features.0.weight", "features.0.bias")}
    short = replace(builtin, tensors=tensors, reach=("conv1_1",))
    found = QualityMetrics(short, CPU).judge((picture(1) * 255).to(torch.uint8), picture(1), picture(2), "style")
    assert 0 < (found.gram or 0) < 2


@pytest.fixture
def pairs() -> list[Pair]:
    """Three jobs of one group."""
    job = resolve("default-1", {"size": 40, "steps": 2, "content_layers": "conv2_1", "style_layers": "conv1_1"})
    return [Pair(settings=job, content=picture(n), style=picture(n + 20), style_key=str(n)) for n in range(3)]


def test_results_carry_their_quality(builtin: Weights, pairs: list[Pair]) -> None:
    """The engine returns the figures of exactly the returned image."""
    engine = Engine(builtin, device=CPU, precision="float32")
    for pair, result in zip(pairs, engine.optimise(pairs), strict=True):
        again = QualityMetrics(builtin, CPU).judge(result.image, pair.content, pair.style, "another name")
        assert result.quality == again
        assert None not in (again.ssim, again.colour, again.gram)


def test_neighbours_are_not_felt(builtin: Weights, pairs: list[Pair]) -> None:
    """Law 4: with another neighbour, or in another slot, a job has identical figures."""
    engine = Engine(builtin, device=CPU, precision="float32")
    first, second, third = pairs
    (a, _), (b, _), (_, c) = (engine.optimise(batch) for batch in ([first, second], [first, third], [third, first]))
    assert a.quality == b.quality == c.quality


def test_a_style_is_looked_at_once(builtin: Weights, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs with the same style need one pass for each result and one for the style, until it is forgotten."""
    passes: list[tuple[int, ...]] = []
    forward = quality.Vgg19.forward
    judge = QualityMetrics(builtin, CPU)

    def counted(self: quality.Vgg19, image: Tensor, *arguments: object) -> dict[str, Tensor]:
        passes.append(tuple(image.shape))
        return forward(self, image, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(quality.Vgg19, "forward", counted)
    for pair in pairs:
        judge.judge((pair.content * 255).to(torch.uint8), pair.content, pairs[0].style, "style")
    assert len(passes) == 4
    judge.forget_styles()
    judge.judge((pairs[0].content * 255).to(torch.uint8), pairs[0].content, pairs[0].style, "style")
    assert len(passes) == 6


def test_what_cannot_be_judged_is_done_all_the_same(
    builtin: Weights, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error leaves a job without figures, logs a line, and does not change its image."""
    engine = Engine(builtin, device=CPU, precision="float32")
    sound = engine.optimise(pairs[:1])[0]

    def out_of_memory(*_: object) -> Tensor:
        raise torch.OutOfMemoryError("no memory")

    monkeypatch.setattr(quality, "gram_distance", out_of_memory)
    with caplog.at_level(logging.WARNING):
        result = engine.optimise(pairs[:1])[0]
    assert result.quality == Quality()
    assert torch.equal(result.image, sound.image)
    assert "could not be judged" in caplog.text
