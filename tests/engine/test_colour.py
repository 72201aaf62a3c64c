"""Colours kept or matched: formulas by hand, grey pictures, and whole jobs."""

import pytest
import torch
from torch import Tensor

from stylize_core.engine.colour import luma, matched_colours, matched_luminance, with_luminance
from stylize_core.engine.engine import Engine
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import Weights
from stylize_core.presets import resolve

CPU = torch.device("cpu")


def picture(seed: int, height: int = 24, width: int = 32, low: float = 0.2, high: float = 0.8) -> Tensor:
    """A seeded picture of soft patches, in a range in which nothing is clipped."""
    coarse = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)[0]
    return low + (high - low) * smooth


def moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of colours."""
    pixels = image.double().flatten(1)
    return pixels.mean(1), torch.cov(pixels, correction=0)


def test_luma_by_hand() -> None:
    """Red, green and blue have weights 0.299, 0.587 and 0.114; grey stays the same."""
    assert luma(torch.eye(3).reshape(3, 1, 3)).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])
    assert luma(torch.full((3, 2, 2), 0.4)).unique().tolist() == pytest.approx([0.4])


def test_luminance_alone_changes() -> None:
    """With another luminance, the differences between the channels stay."""
    image, luminance = picture(1), luma(picture(2, low=0.4, high=0.6))
    found = with_luminance(image, luminance)
    inside = ((found > 0) & (found < 1)).all(0)
    assert inside.float().mean() > 0.9
    assert torch.allclose((found[0] - found[2])[inside], (image[0] - image[2])[inside], atol=1e-6)
    assert torch.allclose(luma(found)[0][inside], luminance[0][inside], atol=1e-6)


def test_luminance_is_matched() -> None:
    """Mean and spread of the style's luminance become the content's."""
    found, content = matched_luminance(picture(3), picture(4)), luma(picture(4))
    assert found.mean().item() == pytest.approx(content.mean().item(), abs=2e-3)
    assert found.std().item() == pytest.approx(content.std().item(), rel=0.02)


def test_colours_are_matched() -> None:
    """Mean and covariance of the style's colours become the content's; a picture matched to itself does not change."""
    style, content = picture(5, 20, 30), picture(6)
    for found, expected in zip(moments(matched_colours(style, content)), moments(content), strict=True):
        assert torch.allclose(found, expected, atol=2e-3)
    assert torch.allclose(matched_colours(style, style), style, atol=1e-5)


@pytest.mark.parametrize("blank", [torch.full((3, 16, 16), 0.5), picture(7).mean(0, keepdim=True).expand(3, -1, -1)])
def test_grey_pictures_work(blank: Tensor) -> None:
    """A blank or grey picture on either side gives finite pixels in range."""
    for style, content in ((blank, picture(8)), (picture(8), blank)):
        for found in (matched_colours(style, content), matched_luminance(style, content)):
            assert found.isfinite().all()
            assert 0 <= found.min() <= found.max() <= 1


@pytest.fixture(scope="module")
def engine(builtin: Weights) -> Engine:
    """An engine in float32."""
    return Engine(builtin, device=CPU, precision="float32")


def job(colour: str) -> Pair:
    """A job of few steps in shallow layers."""
    layers = {"content_layers": "conv2_1", "style_layers": "conv1_1 conv2_1"}
    given = {**layers, "form": "relative", "style_weight": 100.0, "steps": 12, "snapshot_every": 6, "colour": colour}
    return Pair(settings=resolve("default-1", given), content=picture(1), style=picture(9), style_key=colour)


def test_the_contents_chroma_is_kept(engine: Engine) -> None:
    """colour=content: result and snapshots have the content's chroma, and another luminance."""
    pair = job("content")
    (found,) = engine.optimise([pair])
    for image in (found.image, found.snapshots[6]):
        pixels = image.float() / 255
        chroma = pixels[0] - pixels[2]
        assert (chroma - (pair.content[0] - pair.content[2])).abs().mean() < 0.01
        assert (luma(pixels) - luma(pair.content)).abs().mean() > 0.01


def test_the_results_colours_are_the_contents(engine: Engine) -> None:
    """colour=match brings the palette nearer to the content's than colour=style does."""
    (plain,), (matched,) = engine.optimise([job("style")]), engine.optimise([job("match")])
    content = picture(1).mean((1, 2))
    distances = [(one.image.float().mean((1, 2)) / 255 - content).norm().item() for one in (plain, matched)]
    assert distances[1] < 0.5 * distances[0]
