"""Winograd's minimal filtering: 3 x 3 convolutions with a quarter of the multiplications.

Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, equation 8: an output tile of 4 x 4 pixels
is Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A with g the filter and d the 6 x 6 input pixels around the tile. The products ⊙, summed over
input channels, are 36 matrix products; the plain way multiplies 144 times.

Deviation: the matrices belong to the interpolation points 0, ±5/8, ±3/2 and infinity, whose rounding error is half that
of the usual 0, ±1, ±2 (on the choice of points: Barabasz et al., ACM TOMS 46:4, 2020).
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

TILE, WINDOW = 4, 6
"""Edge of an output tile, and of the input pixels that it needs."""

POINTS = (0.0, 0.625, -0.625, 1.5, -1.5)
"""Of interpolation; the sixth is infinity."""

STRIP_BYTES = 8 << 20
"""Of transformed pixels at once, so that they stay in the processor's cache."""

LEAST_CHANNELS = {torch.bfloat16: 128, torch.float32: 256}
"""With fewer, the transforms cost more than the multiplications they save (benchmarks/README.md)."""


def pays(convolution: nn.Conv2d, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a convolution is faster this way: on CPUs without matrix units (AMX), for wide layers."""
    least = LEAST_CHANNELS.get(dtype)
    if least is None or device.type != "cpu" or torch.cpu._is_amx_tile_supported():
        return False
    return min(convolution.in_channels, convolution.out_channels) >= least


class Workspace:
    """Buffers that the layers of a network use one after the other."""

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def take(self, name: str, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Returns an uninitialised tensor, which the next call of that name overwrites."""
        count = prod(shape)
        if name not in self._buffers or self._buffers[name].numel() < count:
            self._buffers[name] = torch.empty(count, dtype=dtype)
        return self._buffers[name][:count].view(*shape)


class WinogradConv2d(nn.Module):
    """A 3 x 3 convolution with padding 1 on channels-last tensors, and its gradient by the input.

    Args:
        convolution: whose weight (K, C, 3, 3) and bias (K,) it takes over; they are frozen.
        workspace: shared by the layers of one network, of one dtype.
    """

    def __init__(self, convolution: nn.Conv2d, workspace: Workspace) -> None:
        super().__init__()
        assert convolution.bias is not None, "VGG-19's convolutions have one"
        self.weight, self.bias = convolution.weight, convolution.bias
        weight = self.weight.detach()
        rotated = weight.flip(2, 3).transpose(0, 1)  # convolving with it gives the gradient by the input
        self._forwards = _Filters(weight, self.bias.detach(), workspace)
        self._backwards = _Filters(rotated, weight.new_zeros(len(rotated)), workspace)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (B, K, H, W) of (B, C, H, W)."""
        y: Tensor = _Convolution.apply(x, self._forwards, self._backwards)
        return y


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, forwards: "_Filters", backwards: "_Filters") -> Tensor:
        ctx.backwards = backwards
        return forwards(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.backwards(gradient), None, None


class _Filters:
    """A bank of transformed filters, (36, C, K)."""

    def __init__(self, weight: Tensor, bias: Tensor, workspace: Workspace) -> None:
        a, g, b = transforms()
        self.bias, self.workspace, dtype = bias, workspace, weight.dtype
        self.filters = torch.einsum("ia,jb,kcab->ijck", g, g, weight.double()).flatten(0, 1).to(dtype).contiguous()
        self.inputs, self.outputs = torch.kron(b, b).to(dtype), torch.kron(a, a).to(dtype)  # (36, 36), (16, 36)

    def __call__(self, x: Tensor) -> Tensor:
        """Returns (B, K, H, W), channels-last, of (B, C, H, W)."""
        batch, channels, height, width = x.shape
        shape = (batch, len(self.bias), height, width)
        y = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
        source, target = x.permute(0, 2, 3, 1).contiguous(), y.permute(0, 2, 3, 1)  # (B, H, W, C), (B, H, W, K)
        down, across = -(-height // TILE), -(-width // TILE)  # in tiles
        row_bytes = WINDOW**2 * across * channels * x.element_size()
        rows = max(1, min(down, STRIP_BYTES // row_bytes))
        samples = max(1, min(batch, STRIP_BYTES // (row_bytes * rows)))
        for b in range(0, batch, samples):
            for row in range(0, down, rows):
                top, bottom = row * TILE, min((row + rows) * TILE, height)
                self._strip(source[b : b + samples], target[b : b + samples, top:bottom], top, bottom)
        return y

    def _strip(self, source: Tensor, target: Tensor, top: int, bottom: int) -> None:
        """Computes lines top..bottom of an image of (B, H, W, C) into (B, bottom - top, W, K)."""
        tiles = self._tiles(source, top, bottom)  # (6, 6, B, down, across, C)
        batch, down, across, channels = tiles.shape[2:]
        positions, kernels = batch * down * across, len(self.bias)
        gathered = self._take("gathered", tiles.shape).copy_(tiles)
        spectrum = self._take("spectrum", (36, positions, channels))
        torch.mm(self.inputs, gathered.view(36, -1), out=spectrum.view(36, -1))
        products = self._take("products", (36, positions, kernels))
        torch.bmm(spectrum, self.filters, out=products)
        outputs = self._take("outputs", (TILE, TILE, batch, down, across, kernels))
        torch.mm(self.outputs, products.view(36, -1), out=outputs.view(TILE**2, -1))
        image = outputs.permute(2, 3, 0, 4, 1, 5)  # (B, down, 4, across, 4, K)
        lines, width = target.shape[1:3]
        if (lines, width) == (down * TILE, across * TILE):
            torch.add(image, self.bias, out=target.view(image.shape))
        else:  # the last tiles reach over the edge
            image = image.reshape(batch, down * TILE, across * TILE, kernels)
            torch.add(image[:, :lines, :width], self.bias, out=target)

    def _tiles(self, source: Tensor, top: int, bottom: int) -> Tensor:
        """Returns the overlapping windows of some lines as a view, (6, 6, B, down, across, C)."""
        batch, height, width, channels = source.shape
        down, across = -(-(bottom - top) // TILE), -(-width // TILE)
        first, last = top - 1, top + down * TILE + 1  # zeros stand in for what lies outside
        around = (0, 0, 1, across * TILE + 1 - width, max(0, -first), max(0, last - height))
        padded = functional.pad(source[:, max(0, first) : last], around)
        sample, line, column, channel = padded.stride()
        shape = (WINDOW, WINDOW, batch, down, across, channels)
        return padded.as_strided(shape, (line, column, sample, TILE * line, TILE * column, channel))

    def _take(self, name: str, shape: Sequence[int]) -> Tensor:
        return self.workspace.take(name, shape, self.filters.dtype)


def transforms() -> tuple[Tensor, Tensor, Tensor]:
    """Returns Aᵀ (4, 6), G (6, 3) and Bᵀ (6, 6) in float64, by the method of Toom and Cook."""
    a, g, b = (torch.zeros(shape, dtype=torch.float64) for shape in ((TILE, WINDOW), (WINDOW, 3), (WINDOW, WINDOW)))
    for row, point in enumerate(POINTS):
        rest = [other for other in POINTS if other != point]
        a[:, row] = _powers(point, TILE)
        g[row] = _powers(point, 3) / prod(point - other for other in rest)
        b[row, : WINDOW - 1] = _polynomial(rest)
    a[-1, -1] = g[-1, -1] = 1
    b[-1] = _polynomial(POINTS)
    return a, g, b


def _powers(point: float, count: int) -> Tensor:
    return torch.tensor([point**i for i in range(count)], dtype=torch.float64)


def _polynomial(roots: Sequence[float]) -> Tensor:
    """Returns the coefficients of Π(x − root), from the constant upwards."""
    coefficients = torch.ones(1, dtype=torch.float64)
    for root in roots:
        coefficients = functional.pad(coefficients, (1, 0)) - root * functional.pad(coefficients, (0, 1))
    return coefficients
