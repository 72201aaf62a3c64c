"""A convolution with its bias and ReLU in one GPU kernel, and their gradient with respect to the input.

PyTorch adds the bias and applies the ReLU in separate passes over the memory; on a GPU with fast matrix units, these
passes take as long as the convolution. Here the forward pass is one cuDNN kernel, and the backward pass masks the
gradient once and convolves it with the rotated filters. Frozen weights have no gradient.
"""

import logging
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

log = logging.getLogger(__name__)

ALIGNED = 8
"""Tensor cores need a multiple of this number of channels; an image's 3 are padded with zeros."""


def pays(device: torch.device, dtype: torch.dtype) -> bool:
    """Returns whether to fuse the network's convolutions: on GPUs where cuDNN's kernel exists and is correct."""
    return device.type == "cuda" and dtype in (torch.bfloat16, torch.float32) and _is_right(device, dtype)


@cache
def _is_right(device: torch.device, dtype: torch.dtype) -> bool:
    """Compares cuDNN's fused kernel with plain operations, once per process."""
    made = torch.Generator(device).manual_seed(0)
    x = torch.randn(2, 64, 16, 16, device=device, generator=made).to(dtype, memory_format=torch.channels_last)
    weight = torch.randn(64, 64, 3, 3, device=device, generator=made).to(x) / 24
    bias = torch.randn(64, device=device, generator=made).to(dtype)
    try:
        difference = (_convolve_gpu(x, weight, bias) - _convolve(x, weight, bias)).abs().max()
    except RuntimeError:
        log.warning("cuDNN's fused convolution cannot be used; continuing with plain ones", exc_info=True)
        return False
    return bool(difference < 0.05)  # for numbers of about 1, rounding in bfloat16 stays below 0.02


class FusedConv2d(nn.Module):
    """A 3 x 3 convolution with padding 1 and a ReLU.

    Args:
        convolution: provides weight (K, C, 3, 3) and bias (K,), which are frozen.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        assert convolution.bias is not None, "VGG-19's convolutions have one"
        self.weight, self.bias = convolution.weight, convolution.bias
        self._missing = -convolution.in_channels % ALIGNED
        # Convolving the output's gradient with these gives the input's gradient.
        filled = functional.pad(self.weight.detach(), (0, 0, 0, 0, 0, self._missing))
        self._filters = filled.contiguous(memory_format=torch.channels_last)
        self._rotated = filled.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (B, K, H, W), not negative, from (B, C, H, W)."""
        if self._missing:
            x = functional.pad(x, (0, 0, 0, 0, 0, self._missing))
        y: Tensor = _Fused.apply(x, self._filters, self.bias.detach(), self._rotated)
        return y


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, rotated: Tensor) -> Tensor:
        y = _convolve_gpu(x, weight, bias) if x.is_cuda else _convolve(x, weight, bias)
        ctx.save_for_backward(y, rotated)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        y, rotated = ctx.saved_tensors
        masked = torch.ops.aten.threshold_backward(gradient, y, 0)  # zero where the ReLU was
        return functional.conv2d(masked, rotated, padding=1), None, None, None


def _convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.conv2d(x, weight, bias, padding=1).relu_()


def _convolve_gpu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    stride = padding = dilation = (1, 1)
    return torch.cudnn_convolution_relu(x, weight, bias, stride, padding, dilation, 1)
