"""Winograd's convolution with its ReLU against the plain operations, its transforms against their definition."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from stylize_core.engine.winograd import compiled, tiles
from stylize_core.engine.winograd import convolution as winograd
from stylize_core.engine.winograd.convolution import WinogradConv2d, Workspace, pays
from stylize_core.engine.winograd.tiles import CompiledTiles, TorchTiles, make_tiles, transforms

CPU = torch.device("cpu")


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Seeded normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def plain(channels: int, kernels: int, dtype: torch.dtype = torch.float64) -> nn.Conv2d:
    """A convolution with seeded filters that preserve the scale of its input."""
    convolution = nn.Conv2d(channels, kernels, 3, padding=1, dtype=dtype).requires_grad_(False)
    convolution.weight.copy_(noise(kernels, channels, 3, 3, seed=1) / (9 * channels) ** 0.5)
    assert convolution.bias is not None
    convolution.bias.copy_(noise(kernels, seed=2))
    return convolution


def channels_last(x: Tensor) -> Tensor:
    """The same numbers as the network holds them."""
    return x.contiguous(memory_format=torch.channels_last)


def relative(found: Tensor, expected: Tensor) -> float:
    """The relative error over all numbers."""
    return float((found.double() - expected).norm() / expected.norm())


def test_transforms_filter_one_line() -> None:
    """Aᵀ[(G g) ⊙ (Bᵀ d)] is the correlation of 6 numbers with 3, computed here by its definition."""
    a, g, b = transforms()
    pixels, taps = noise(6), noise(3, seed=1)
    expected = torch.stack([(pixels[i : i + 3] * taps).sum() for i in range(4)])
    torch.testing.assert_close(a @ ((g @ taps) * (b @ pixels)), expected, rtol=1e-12, atol=1e-12)


@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 5),
    kernels=st.integers(1, 5),
    height=st.integers(1, 19),
    width=st.integers(1, 19),
    strip=st.sampled_from([1, 7, 256]),
)
@settings(deadline=None, max_examples=60)
def test_equals_the_plain_convolution(
    batch: int, channels: int, kernels: int, height: int, width: int, strip: int
) -> None:
    """Output and input gradient equal those of convolution and ReLU for any shape, in one strip or in many."""
    convolution = plain(channels, kernels)
    x = channels_last(noise(batch, channels, height, width)).requires_grad_()
    slope = noise(batch, kernels, height, width, seed=3)
    expected = convolution(x).relu()
    (expected_gradient,) = torch.autograd.grad(expected, x, slope)
    with patch.object(winograd, "STRIP", strip):
        found = WinogradConv2d(convolution, Workspace())(x)
        (gradient,) = torch.autograd.grad(found, x, slope)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-10, atol=1e-10)


def test_layers_share_their_workspace() -> None:
    """Two layers that use the same buffers do not change each other's results."""
    workspace = Workspace()
    convolutions = [plain(4, 6), plain(6, 5)]
    fast = nn.Sequential(*[WinogradConv2d(convolution, workspace) for convolution in convolutions])
    x = channels_last(noise(2, 4, 9, 14))
    expected = convolutions[1](convolutions[0](x).relu()).relu()
    torch.testing.assert_close(fast(x), expected, rtol=1e-10, atol=1e-10)


@pytest.fixture(params=["torch", "compiled"])
def either_way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both implementations of the transforms; the compiled one if there is a compiler."""
    kind: str = request.param
    if kind == "compiled" and not isinstance(make_tiles(torch.float32), CompiledTiles):
        pytest.skip("no C compiler")
    with patch.object(winograd, "make_tiles", TorchTiles if kind == "torch" else make_tiles):
        yield kind


@pytest.mark.skipif(not isinstance(make_tiles(torch.float32), CompiledTiles), reason="no C compiler")
@given(
    batch=st.integers(1, 3),
    channels=st.sampled_from([16, 48]),
    height=st.integers(1, 19),
    width=st.integers(1, 19),
    bounds=st.tuples(st.integers(0, 4), st.integers(1, 5)),
    masked=st.booleans(),
    least=st.sampled_from([0.0, -math.inf]),
)
@settings(deadline=None, max_examples=40)
def test_compiled_transforms_are_those_of_torch(
    batch: int, channels: int, height: int, width: int, bounds: tuple[int, int], masked: bool, least: float
) -> None:
    """Both agree for any rows of any image, with and without mask and bound."""
    down, across = -(-height // 4), -(-width // 4)
    lines = range(down)[bounds[0] : sum(bounds)] or range(down)
    image, other, bias = (
        noise(batch, height, width, channels),
        noise(batch, height, width, channels, seed=1),
        noise(channels),
    )
    spectra, images = [], []
    for dtype, ways in ((torch.float64, TorchTiles(torch.float64)), (torch.float32, make_tiles(torch.float32))):
        workspace, shape = Workspace(), (36, batch * len(lines) * across, channels)
        spectrum = workspace.take("spectrum", shape, dtype)
        mask = other.to(dtype) if masked else None
        ways.split(image.to(dtype), mask, lines, spectrum)
        result = torch.zeros(batch, height, width, channels, dtype=dtype)
        ways.join(spectrum, bias.to(dtype), least, result, lines)
        spectra.append(spectrum.double())
        images.append(result.double())
    torch.testing.assert_close(spectra[1], spectra[0], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(images[1], images[0], rtol=1e-5, atol=1e-3)


def test_compiled_transforms_keep_what_is_no_number() -> None:
    """A NaN in bfloat16 stays NaN and an infinity never becomes finite, so that divergence is noticed."""
    ways = make_tiles(torch.bfloat16)
    for bad in (torch.nan, torch.inf):
        image = torch.zeros(1, 4, 4, 16, dtype=torch.bfloat16)
        image[0, 1, 1, 3] = bad
        spectrum = Workspace().take("spectrum", (36, 1, 16), torch.bfloat16)
        ways.split(image, None, range(1), spectrum)
        ways.join(spectrum, torch.zeros(16), 0.0, image, range(1))
        assert not image[0, :, :, 3].isfinite().any()
        assert (image[0, :, :, 4] == 0).all()


@pytest.mark.parametrize("path", ["", "/nonexistent"])
def test_without_a_compiler_there_is_torch(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing compiler is not an error."""
    monkeypatch.setenv("PATH", path)
    compiled.compiled.cache_clear()
    tiles._compiled_tiles.cache_clear()
    try:
        assert isinstance(make_tiles(torch.bfloat16), TorchTiles)
    finally:
        compiled.compiled.cache_clear()
        tiles._compiled_tiles.cache_clear()


def test_a_compiler_that_fails_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """If the compiler fails, torch computes the transforms, and the log says so."""
    (tmp_path / "cc").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with caplog.at_level("INFO"):
        assert compiled.compiled.__wrapped__("tiles.c") is None
    assert "slower without" in caplog.text


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 2e-6), (torch.bfloat16, 0.02)])
@pytest.mark.usefixtures("either_way")
def test_rounding_error(dtype: torch.dtype, bound: float) -> None:
    """At 256 channels the error is below 2e-6 in float32 and 2 % in bfloat16, of activations of mean size."""
    x, convolution = noise(1, 256, 16, 16).relu(), plain(256, 256)
    found = WinogradConv2d(plain(256, 256, dtype), Workspace())(channels_last(x.to(dtype)))
    expected = functional.conv2d(x, convolution.weight, convolution.bias, padding=1).relu()
    assert relative(found, expected) < bound


def test_the_points_halve_the_error() -> None:
    """The usual points 0, ±1, ±2 would leave more than 1.5 times the error in bfloat16."""
    x, convolution = noise(1, 128, 16, 16).relu(), plain(128, 128)
    expected = convolution(x).relu()
    errors = []
    for points in (tiles.POINTS, (0.0, 1.0, -1.0, 2.0, -2.0)):
        with patch.object(tiles, "POINTS", points), patch.object(winograd, "make_tiles", TorchTiles):
            fast = WinogradConv2d(plain(128, 128, torch.bfloat16), Workspace())
        errors.append(relative(fast(channels_last(x.bfloat16())), expected))
    assert errors[1] > 1.5 * errors[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [8, 32])
@pytest.mark.usefixtures("either_way")
def test_a_sample_does_not_feel_its_neighbours(dtype: torch.dtype, size: int) -> None:
    """In another slot and beside other neighbours a sample's output is bit-identical, also if samples share a strip."""
    fast = WinogradConv2d(plain(256, 256, dtype), Workspace())
    first, *others = noise(5, 256, size, size, dtype=dtype)
    expected = fast(channels_last(torch.stack([first, others[0], others[1]])))[0]
    found = fast(channels_last(torch.stack([others[2], others[3], first])))[2]
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("channels", "kernels", "dtype", "with_torch", "with_c"),
    [
        (128, 256, torch.bfloat16, True, True),
        (64, 128, torch.bfloat16, False, True),
        (3, 64, torch.bfloat16, False, False),
        (256, 512, torch.float32, True, True),
        (128, 256, torch.float32, False, True),
        (512, 512, torch.float64, False, False),
    ],
)
def test_where_it_pays(channels: int, kernels: int, dtype: torch.dtype, with_torch: bool, with_c: bool) -> None:
    """Wide layers on a CPU without matrix units use it; narrow ones, float64, AMX and GPUs do not."""
    convolution = nn.Conv2d(channels, kernels, 3, device="meta")
    ways = {TorchTiles(dtype): with_torch, CompiledTiles.__new__(CompiledTiles): with_c}
    for way, expected in ways.items():
        with patch.object(winograd, "make_tiles", lambda dtype, way=way: way):
            with patch.object(torch.cpu, "_is_amx_tile_supported", lambda: False):
                assert pays(convolution, CPU, dtype) is expected
                assert not pays(convolution, torch.device("cuda"), dtype)
            with patch.object(torch.cpu, "_is_amx_tile_supported", lambda: True):
                assert not pays(convolution, CPU, dtype)
