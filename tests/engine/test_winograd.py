"""Winograd's convolution against the plain one, and against the definition of its transforms."""

from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from stylize_core.engine import winograd
from stylize_core.engine.winograd import WinogradConv2d, Workspace, pays, transforms

CPU = torch.device("cpu")


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Seeded normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def plain(channels: int, kernels: int, dtype: torch.dtype = torch.float64) -> nn.Conv2d:
    """A convolution with seeded filters of a size that keeps its input's scale."""
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
    """Aᵀ[(G g) ⊙ (Bᵀ d)] is the correlation of 6 numbers with 3, worked here by its definition."""
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
    strip=st.sampled_from([1, 10_000, 1 << 20]),
)
@settings(deadline=None, max_examples=60)
def test_equals_the_plain_convolution(
    batch: int, channels: int, kernels: int, height: int, width: int, strip: int
) -> None:
    """Output and gradient by the input are the plain ones for any shape, in one strip or in many."""
    convolution = plain(channels, kernels)
    x = channels_last(noise(batch, channels, height, width)).requires_grad_()
    slope = noise(batch, kernels, height, width, seed=3)
    expected = convolution(x)
    (expected_gradient,) = torch.autograd.grad(expected, x, slope)
    with patch.object(winograd, "STRIP_BYTES", strip):
        found = WinogradConv2d(convolution, Workspace())(x)
        (gradient,) = torch.autograd.grad(found, x, slope)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-10, atol=1e-10)


def test_layers_share_their_workspace() -> None:
    """Two layers, one after the other on the same buffers, leave each other's results alone."""
    workspace = Workspace()
    convolutions = [plain(4, 6), plain(6, 5)]
    fast = nn.Sequential(*[WinogradConv2d(convolution, workspace) for convolution in convolutions])
    x = channels_last(noise(2, 4, 9, 14))
    torch.testing.assert_close(fast(x), nn.Sequential(*convolutions)(x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 2e-6), (torch.bfloat16, 0.02)])
def test_rounding_error(dtype: torch.dtype, bound: float) -> None:
    """At 256 channels the error is below 2e-6 in float32 and 2 % in bfloat16, of activations of mean size."""
    x, convolution = noise(1, 256, 16, 16).relu(), plain(256, 256)
    found = WinogradConv2d(plain(256, 256, dtype), Workspace())(channels_last(x.to(dtype)))
    expected = functional.conv2d(x, convolution.weight, convolution.bias, padding=1)
    assert relative(found, expected) < bound


def test_the_points_halve_the_error() -> None:
    """The usual points 0, ±1, ±2 would leave more than 1.5 times the error in bfloat16."""
    x, convolution = noise(1, 128, 16, 16).relu(), plain(128, 128)
    expected = convolution(x)
    errors = []
    for points in (winograd.POINTS, (0.0, 1.0, -1.0, 2.0, -2.0)):
        with patch.object(winograd, "POINTS", points):
            fast = WinogradConv2d(plain(128, 128, torch.bfloat16), Workspace())
        errors.append(relative(fast(channels_last(x.bfloat16())), expected))
    assert errors[1] > 1.5 * errors[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [8, 32])
def test_a_sample_does_not_feel_its_neighbours(dtype: torch.dtype, size: int) -> None:
    """Another slot and other neighbours leave a sample's output the same bits, also where samples share a strip."""
    fast = WinogradConv2d(plain(256, 256, dtype), Workspace())
    first, *others = noise(5, 256, size, size, dtype=dtype)
    expected = fast(channels_last(torch.stack([first, others[0], others[1]])))[0]
    found = fast(channels_last(torch.stack([others[2], others[3], first])))[2]
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("channels", "kernels", "dtype", "expected"),
    [
        (128, 256, torch.bfloat16, True),
        (64, 128, torch.bfloat16, False),
        (256, 512, torch.float32, True),
        (128, 256, torch.float32, False),
        (512, 512, torch.float64, False),
    ],
)
def test_where_it_pays(channels: int, kernels: int, dtype: torch.dtype, expected: bool) -> None:
    """Wide layers on a CPU without matrix units take it; narrow ones, float64, AMX and GPUs do not."""
    convolution = nn.Conv2d(channels, kernels, 3, device="meta")
    with patch.object(torch.cpu, "_is_amx_tile_supported", lambda: False):
        assert pays(convolution, CPU, dtype) is expected
        assert not pays(convolution, torch.device("cuda"), dtype)
    with patch.object(torch.cpu, "_is_amx_tile_supported", lambda: True):
        assert not pays(convolution, CPU, dtype)
