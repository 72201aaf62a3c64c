"""The convolution fused with its ReLU, in its plain form on the CPU, against PyTorch's own three operations."""

import pytest
import torch
from torch import Tensor, nn

from stylize_core.engine import fused
from stylize_core.engine.fused import FusedConv2d

CPU = torch.device("cpu")


def convolution(channels: int, kernels: int, dtype: torch.dtype = torch.float64) -> nn.Conv2d:
    """One with seeded filters and biases, frozen."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Conv2d(channels, kernels, 3, padding=1, dtype=dtype).requires_grad_(False)


def noise(*shape: int) -> Tensor:
    """Seeded normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("channels", [3, 8, 11])
def test_value_and_gradient(channels: int) -> None:
    """Values equal those of convolution, bias and ReLU, also if channels are no multiple of 8."""
    plain, x = convolution(channels, 6), noise(2, channels, 7, 5).requires_grad_()
    expected, found = plain(x).relu(), FusedConv2d(plain)(x)
    torch.testing.assert_close(found, expected)
    upstream = noise(*found.shape)
    wanted, got = (torch.autograd.grad(y, x, upstream)[0] for y in (expected, found))
    assert got.shape == x.shape
    torch.testing.assert_close(got, wanted)


def test_the_gradient_by_finite_differences() -> None:
    """Away from the ReLU's kink the custom gradient is that of the function."""
    module = FusedConv2d(convolution(3, 4))
    assert torch.autograd.gradcheck(module, (noise(1, 3, 4, 4).requires_grad_(),))


def test_at_the_edge_of_the_relu_nothing_flows_back() -> None:
    """A position that is exactly zero has gradient zero, as in PyTorch's ReLU."""
    plain = convolution(8, 4)
    plain.weight.zero_(), plain.bias.zero_()  # type: ignore[union-attr]
    x = noise(1, 8, 3, 3).requires_grad_()
    assert not torch.autograd.grad(FusedConv2d(plain)(x).sum(), x)[0].any()


def test_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is used on GPUs with a correct kernel, in the precisions of a run; never on a CPU."""
    monkeypatch.setattr(fused, "_is_right", lambda device, dtype: True)
    assert not fused.pays(CPU, torch.float32)
    assert fused.pays(torch.device("cuda"), torch.bfloat16)
    assert not fused.pays(torch.device("cuda"), torch.float64)


def test_a_kernel_that_is_missing_or_wrong_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel is compared with the plain operations: after an error or another result these are used."""
    is_right = fused._is_right.__wrapped__

    def missing(*arguments: Tensor) -> Tensor:
        raise RuntimeError("GET was unable to find an engine to execute this computation")

    for kernel, expected in (
        (missing, False),
        (lambda *given: fused._convolve(*given) + 1, False),
        (fused._convolve, True),
    ):
        monkeypatch.setattr(fused, "_convolve_gpu", kernel)
        assert is_right(CPU, torch.bfloat16) is expected
