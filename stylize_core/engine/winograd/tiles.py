"""The two transforms of Winograd's minimal filtering: images to spectra of their tiles, and back.

Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, equation 8: an output tile of 4 x 4 pixels
is Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A with g the filter and d the 6 x 6 input pixels around the tile.

Deviation: the interpolation points are 0, ±5/8, ±3/2 and infinity, with half the rounding error of the
usual 0, ±1, ±2 (on the choice of points: Barabasz et al., ACM TOMS 46:4, 2020).

There are two implementations, with equal results except for rounding: `CompiledTiles` passes through memory once,
`TorchTiles` needs no compiler.
"""

import ctypes
import math
from collections.abc import Sequence
from functools import cache
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from stylize_core.engine.winograd.compiled import compiled

TILE, WINDOW = 4, 6
"""Edge of an output tile, and of the input pixels that it needs."""

POINTS = (0.0, 0.625, -0.625, 1.5, -1.5)
"""Interpolation points; the sixth is infinity."""

KINDS = {torch.float32: "FLOAT32", torch.bfloat16: "BFLOAT16"}
"""The dtypes that tiles.c supports, and their names there."""


class Tiles(Protocol):
    """Both transforms for some lines of tiles of an image; line k covers the pixel rows 4k ... 4k + 3."""

    def split(self, image: Tensor, mask: Tensor | None, lines: range, spectrum: Tensor) -> None:
        """Computes Bᵀ d B.

        Args:
            image: (B, H, W, C), contiguous; zero-padded at its edges.
            mask: like `image`; where it is not positive, the image counts as zero: the gradient of a ReLU.
            lines: of tiles.
            spectrum: (36, tiles, C), contiguous; overwritten.
        """
        ...

    def join(self, products: Tensor, bias: Tensor, least: float, image: Tensor, lines: range) -> None:
        """Computes Aᵀ m A, plus `bias`, at least `least`.

        Args:
            products: (36, tiles, K), contiguous.
            bias: (K,) in float32, or float64 if the image is.
            least: 0 for a ReLU, -inf for none.
            image: (B, H, W, K), contiguous; the pixels of `lines` are overwritten.
            lines: of tiles.
        """
        ...


def make_tiles(dtype: torch.dtype) -> Tiles:
    """Returns the fastest implementation available here for images of a dtype."""
    return (_compiled_tiles(dtype) if dtype in KINDS else None) or TorchTiles(dtype)


class TorchTiles:
    """The transforms as matrix products of torch."""

    def __init__(self, dtype: torch.dtype) -> None:
        a, _, b = transforms()
        self._inputs, self._outputs = torch.kron(b, b).to(dtype), torch.kron(a, a).to(dtype)  # (36, 36), (16, 36)

    def split(self, image: Tensor, mask: Tensor | None, lines: range, spectrum: Tensor) -> None:
        """See `Tiles.split`."""
        gathered = _windows(image if mask is None else torch.where(mask > 0, image, 0), lines).contiguous()
        torch.mm(self._inputs, gathered.view(WINDOW**2, -1), out=spectrum.view(WINDOW**2, -1))

    def join(self, products: Tensor, bias: Tensor, least: float, image: Tensor, lines: range) -> None:
        """See `Tiles.join`."""
        batch, _, width, kernels = image.shape
        across = -(-width // TILE)
        pixels = torch.mm(self._outputs, products.view(WINDOW**2, -1))
        tiles = pixels.view(TILE, TILE, batch, len(lines), across, kernels).permute(2, 3, 0, 4, 1, 5)
        found = tiles.reshape(batch, len(lines) * TILE, across * TILE, kernels)
        target = image[:, lines.start * TILE : lines.stop * TILE]
        target.copy_((found[:, : target.shape[1], :width] + bias).clamp(min=least))


def _windows(image: Tensor, lines: range) -> Tensor:
    """Returns the overlapping windows of some lines of tiles as a view, (6, 6, B, lines, across, C)."""
    batch, height, width, channels = image.shape
    across = -(-width // TILE)
    first, last = lines.start * TILE - 1, lines.stop * TILE + 1
    around = (0, 0, 1, across * TILE + 1 - width, max(0, -first), max(0, last - height))
    padded = functional.pad(image[:, max(0, first) : last], around)
    sample, line, column, channel = padded.stride()
    shape = (WINDOW, WINDOW, batch, len(lines), across, channels)
    return padded.as_strided(shape, (line, column, sample, TILE * line, TILE * column, channel))


class CompiledTiles:
    """The transforms in C, for float32 and bfloat16, with a multiple of 16 channels.

    Args:
        library: compiled from tiles.c, for the dtype of the images.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        place = ctypes.c_void_p
        self._split, self._join = library["split_tiles"], library["join_tiles"]
        self._split.argtypes = [place, place, place, _Shape]
        self._join.argtypes = [place, place, ctypes.c_float, place, _Shape]
        self._split.restype = self._join.restype = None

    def split(self, image: Tensor, mask: Tensor | None, lines: range, spectrum: Tensor) -> None:
        """See `Tiles.split`."""
        masked = None if mask is None else mask.data_ptr()
        self._split(image.data_ptr(), masked, spectrum.data_ptr(), _shape(image, lines))

    def join(self, products: Tensor, bias: Tensor, least: float, image: Tensor, lines: range) -> None:
        """See `Tiles.join`."""
        self._join(products.data_ptr(), bias.data_ptr(), least, image.data_ptr(), _shape(image, lines))


class _Shape(ctypes.Structure):
    """`shape` of tiles.c."""

    _fields_ = tuple(
        (name, ctypes.c_long) for name in ("batch", "height", "width", "channels", "top", "lines", "across")
    )


def _shape(image: Tensor, lines: range) -> _Shape:
    return _Shape(*image.shape, lines.start, len(lines), -(-image.shape[2] // TILE))


@cache
def _compiled_tiles(dtype: torch.dtype) -> CompiledTiles | None:
    library = compiled("tiles.c", (("P", f"{POINTS[1]}f"), ("Q", f"{POINTS[3]}f"), ("KIND", KINDS[dtype])))
    return CompiledTiles(library) if library else None


def transforms() -> tuple[Tensor, Tensor, Tensor]:
    """Returns Aᵀ (4, 6), G (6, 3) and Bᵀ (6, 6) in float64, by the method of Toom and Cook."""
    a, g, b = (torch.zeros(shape, dtype=torch.float64) for shape in ((TILE, WINDOW), (WINDOW, 3), (WINDOW, WINDOW)))
    for row, point in enumerate(POINTS):
        rest = [other for other in POINTS if other != point]
        a[:, row] = _powers(point, TILE)
        g[row] = _powers(point, 3) / math.prod(point - other for other in rest)
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
