"""The preconditioner of optimiser `plbfgs`: how far a pixel should go for a gradient.

The Gram terms respond far more strongly to fine grey structure than to broad or coloured changes, and more to busy
regions than to flat ones, so plain L-BFGS spends most of its steps on these. Used as the initial matrix H₀ (Nocedal,
Wright, 2nd ed., section 7.2), this symmetric, positive operator balances them; the objective does not change.

    P = √R · K · √R

R is diagonal: large where the gradients of the first steps were small. K has a gain by frequency and colour. The
constants below were found by measurements (benchmarks/README.md).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

CORNER, POWER = 0.08, 1.6
"""Gain by frequency f in cycles per pixel: 1 + (CORNER/f)^POWER, bounded by the ceilings below."""
GREY_CEILING = 30.0
COLOUR_GAIN, COLOUR_CEILING = 8.0, 6.0
"""For the two colour directions: a factor on their gain by frequency, which has its own ceiling."""
OBSERVED = 5
"""Number of gradients from which R is made; until then R = 1."""
NEIGHBOURHOOD = 11
"""Edge in pixels of the square over which a gradient's size is averaged."""
LEAST = 0.1
"""Gradients smaller than this share of the mean do not increase the reach further."""


class Preconditioner:
    """P for a batch of images; each sample has its own R. All state changes in place.

    Frequencies are those of the cosine transform, which has no seam at the borders of an image.

    Args:
        image: (B, 3, H, W); gives shape, dtype and device.
    """

    def __init__(self, image: Tensor) -> None:
        height, width = image.shape[-2:]
        self._rows, self._columns = (cosines(n).to(image) for n in (height, width))
        f = torch.hypot(*torch.meshgrid(_frequencies(height), _frequencies(width), indexing="ij"))
        f = f.clamp(min=0.5 / max(height, width))  # the mean counts as the lowest frequency
        gains = 1 + (CORNER / f) ** POWER
        self._grey_gains = gains.clamp(max=GREY_CEILING).to(image)
        self._colour_gains = (COLOUR_GAIN * gains.clamp(max=COLOUR_CEILING)).to(image)
        self._root = torch.ones_like(image[:, :1])  # √R, (B, 1, H, W)
        self._squares = torch.zeros_like(self._root)
        self._count = torch.zeros((), dtype=torch.long, device=image.device)

    def observe(self, gradient: Tensor) -> Tensor:
        """Adds a gradient; returns whether P has changed, as a bool tensor on the device."""
        self._count += 1
        self._squares += gradient.square().mean(1, keepdim=True)
        settled = self._count == OBSERVED
        self._root.copy_(torch.where(settled, _reach(self._squares).sqrt(), self._root))
        return settled

    def __call__(self, gradient: Tensor) -> Tensor:
        """Returns P times each gradient, (B, 3, H, W)."""
        waves = self._rows @ (self._root * gradient) @ self._columns.T
        grey = waves.mean(1, keepdim=True)
        gained = self._grey_gains * grey + self._colour_gains * (waves - grey)
        return self._root * (self._rows.T @ gained @ self._columns)


def _reach(squares: Tensor) -> Tensor:
    """Returns the diagonal of R, with mean 1, from squared gradients (B, 1, H, W)."""
    edge = NEIGHBOURHOOD // 2
    padded = functional.pad(squares, (edge,) * 4, mode="replicate")
    size = functional.avg_pool2d(padded, NEIGHBOURHOOD, stride=1).sqrt()
    tiny = torch.finfo(size.dtype).tiny
    reach = 1 / (size / size.mean((2, 3), keepdim=True).clamp(min=tiny) + LEAST)
    reach = reach / reach.mean((2, 3), keepdim=True)
    return torch.where(reach.isfinite(), reach, 1)  # for a sample whose gradient is not finite


def cosines(n: int) -> Tensor:
    """Returns the orthonormal cosine transform (DCT-II) of n points, (n, n) float64; its inverse is its transpose."""
    k, x = torch.arange(n, dtype=torch.float64)[:, None], torch.arange(n, dtype=torch.float64) + 0.5
    matrix = math.sqrt(2 / n) * torch.cos(math.pi / n * k * x)
    matrix[0] /= math.sqrt(2)
    return matrix


def _frequencies(n: int) -> Tensor:
    """Returns the frequencies of the transform in cycles per pixel, (n,) from 0 to just under 1/2."""
    return torch.arange(n, dtype=torch.float64) / (2 * n)
