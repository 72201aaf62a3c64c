"""Winograd's minimal filtering: 3 x 3 convolutions with a quarter of the multiplications.

Between the transforms of `tiles.py` the products ⊙, summed over input channels, are 36 matrix products; a direct
convolution would need 144 multiplications.
"""

from collections.abc import Sequence
from math import inf, prod
from typing import Any

import torch
from torch import Tensor, nn

from stylize_core.engine.winograd.tiles import TILE, WINDOW, CompiledTiles, make_tiles, transforms

STRIP = 256
"""Tiles at once: few enough to stay in the processor's cache between steps, enough to reuse the filters well."""

LEAST_CHANNELS = {torch.bfloat16: 128, torch.float32: 256}
"""With fewer, the transforms cost more than the multiplications they save (benchmarks/README.md)."""
LEAST_COMPILED = 64
"""The same if the transforms are compiled."""


def pays(convolution: nn.Conv2d, device: torch.device, dtype: torch.dtype) -> bool:
    """Returns whether Winograd is faster for a convolution: on CPUs without matrix units (AMX), for wide layers."""
    if dtype not in LEAST_CHANNELS or device.type != "cpu" or torch.cpu._is_amx_tile_supported():
        return False
    least = LEAST_COMPILED if isinstance(make_tiles(dtype), CompiledTiles) else LEAST_CHANNELS[dtype]
    return min(convolution.in_channels, convolution.out_channels) >= least


class Workspace:
    """Buffers that the layers of a network share, one after the other."""

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def take(self, name: str, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Returns an uninitialised tensor; the next call with the same name reuses it."""
        count = prod(shape)
        if name not in self._buffers or self._buffers[name].numel() < count:
            self._buffers[name] = torch.empty(count, dtype=dtype)
        return self._buffers[name][:count].view(*shape)


class WinogradConv2d(nn.Module):
    """A 3 x 3 convolution with padding 1 and a ReLU, and their gradient with respect to the input.

    Args:
        convolution: provides weight (K, C, 3, 3) and bias (K,), which are frozen.
        workspace: shared by the layers of one network, of one dtype.
    """

    def __init__(self, convolution: nn.Conv2d, workspace: Workspace) -> None:
        super().__init__()
        assert convolution.bias is not None, "VGG-19's convolutions have one"
        self.weight, self.bias = convolution.weight, convolution.bias
        weight = self.weight.detach()
        rotated = weight.flip(2, 3).transpose(0, 1)  # convolving with it gives the gradient of the input
        self._forwards = _Filters(weight, self.bias.detach(), 0.0, workspace)
        self._backwards = _Filters(rotated, weight.new_zeros(len(rotated)), -inf, workspace)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (B, K, H, W), channels-last and not negative, from (B, C, H, W)."""
        y: Tensor = _Convolution.apply(x, self._forwards, self._backwards)
        return y


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, forwards: "_Filters", backwards: "_Filters") -> Tensor:
        ctx.backwards, y = backwards, forwards(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.backwards(gradient, mask=ctx.saved_tensors[0]), None, None


class _Filters:
    """A bank of transformed filters, (36, C, K)."""

    def __init__(self, weight: Tensor, bias: Tensor, least: float, workspace: Workspace) -> None:
        _, g, _ = transforms()
        self.dtype, self.least, self.workspace = weight.dtype, least, workspace
        self.filters = torch.einsum("ia,jb,kcab->ijck", g, g, weight.double()).flatten(0, 1).to(self.dtype).contiguous()
        self.bias = bias.to(torch.promote_types(self.dtype, torch.float32))
        self.tiles = make_tiles(self.dtype)

    def __call__(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns (B, K, H, W), channels-last, from (B, C, H, W); for the mask, shaped like `x`, see `Tiles.split`."""
        batch, _, height, width = x.shape
        shape = (batch, len(self.bias), height, width)
        y = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
        source, target = _lines(x), y.permute(0, 2, 3, 1)  # (B, H, W, C), (B, H, W, K)
        masks = None if mask is None else _lines(mask)
        down, across = -(-height // TILE), -(-width // TILE)  # in tiles
        step = max(1, min(down, STRIP // across))
        samples = max(1, min(batch, STRIP // (step * across)))
        for b in range(0, batch, samples):
            some = slice(b, b + samples)
            for line in range(0, down, step):
                lines = range(line, min(line + step, down))
                self._strip(source[some], None if masks is None else masks[some], target[some], lines)
        return y

    def _strip(self, source: Tensor, mask: Tensor | None, target: Tensor, lines: range) -> None:
        """Computes some lines of tiles of (B, H, W, C) into (B, H, W, K)."""
        count, (channels, kernels) = len(source) * len(lines) * -(-source.shape[2] // TILE), self.filters.shape[1:]
        spectrum = self._take("spectrum", count, channels)
        self.tiles.split(source, mask, lines, spectrum)
        products = torch.bmm(spectrum, self.filters, out=self._take("products", count, kernels))
        self.tiles.join(products, self.bias, self.least, target, lines)

    def _take(self, name: str, count: int, channels: int) -> Tensor:
        return self.workspace.take(name, (WINDOW**2, count, channels), self.dtype)


def _lines(image: Tensor) -> Tensor:
    """Returns (B, H, W, C), contiguous, from (B, C, H, W)."""
    return image.permute(0, 2, 3, 1).contiguous()
