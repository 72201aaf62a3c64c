"""Compares distributions of features by sorting: channel by channel, or along random directions."""

import torch
from torch import Tensor
from torch.nn import functional

from stylize_core.engine.losses.comparison import Comparison
from stylize_core.engine.losses.term import LiveBytes, Target, accurate
from stylize_core.settings import Settings

DIRECTIONS = 64
"""Most random directions of a layer; one per channel if it has fewer."""

_FLOAT, _PLACE = 4, 8  # bytes


def quantiles(ordered: Tensor, count: int) -> Tensor:
    """Returns the quantiles of a distribution at the midpoints of `count` equal shares, by linear interpolation.

    Args:
        ordered: ascending values in the last dimension, (B, K, M).
        count: number of quantiles.

    Returns:
        (B, K, count); `ordered` itself if it has this many values.
    """
    given = ordered.shape[-1]
    if given == count:
        return ordered
    places = (torch.arange(count, device=ordered.device, dtype=ordered.dtype) + 0.5) * (given / count) - 0.5
    places = places.clamp(0, given - 1)
    low = places.floor()
    below = ordered[..., low.long()]
    above = ordered[..., (low + 1).clamp(max=given - 1).long()]
    return torch.lerp(below, above, (places - low).expand_as(below))


def sorted_loss(values: Tensor, ordered: Tensor) -> Tensor:
    """Returns the mean squared difference of two distributions' quantiles, (B,): their W₂² along each of K lines.

    Args:
        values: of the image, (B, K, M_x), in any order.
        ordered: of the style, (B, K, M_a), ascending.
    """
    rising: Tensor = values.sort(dim=-1).values
    return (rising - quantiles(ordered, rising.shape[-1])).square().mean((1, 2))


def directions(channels: int, seed: int) -> Tensor:
    """Returns random directions of length 1, (N, K) float32, drawn on the CPU: the same on every device."""
    drawn = torch.randn(channels, min(channels, DIRECTIONS), generator=torch.Generator().manual_seed(seed))
    return functional.normalize(drawn, dim=0)


def _projected(features: Tensor, lines: Tensor) -> Tensor:
    """Returns features along lines (B, N, K) as (B, K, M)."""
    return lines.mT @ accurate(features).flatten(2)


def _histogram_statistic(features: Tensor, settings: Settings) -> Target:
    return (accurate(features).flatten(2).sort(dim=-1).values,)


def _histogram_distance(features: Tensor, target: Target, settings: Settings) -> Tensor:
    return sorted_loss(accurate(features).flatten(2), target[0])


def _sliced_statistic(features: Tensor, settings: Settings) -> Target:
    values = accurate(features)
    lines = directions(values.shape[1], settings.seed).to(values)[None]
    return _projected(values, lines).sort(dim=-1).values, lines


def _sliced_distance(features: Tensor, target: Target, settings: Settings) -> Tensor:
    ordered, lines = target
    return sorted_loss(_projected(features, lines), ordered)


def _live_bytes(lines: int) -> LiveBytes:
    return LiveBytes(kept=lines * (3 * _FLOAT + _PLACE), transient=lines * (2 * _FLOAT + _PLACE), target=lines * _FLOAT)


HISTOGRAM = Comparison(
    statistic=_histogram_statistic,
    distance=_histogram_distance,
    size=lambda target: target[0].square().mean((1, 2)),
    feature_power=2,
    flops=lambda channels, positions: 40 * channels * positions,
    live_bytes=lambda channels, value: _live_bytes(channels),
)
"""Each channel's histogram, matched by sorting: Risser, Wilmot, Barnes, "Stable and Controllable Neural Texture
Synthesis and Style Transfer Using Histogram Losses", arXiv 1701.08893; exact histograms instead of binned ones."""

SLICED = Comparison(
    statistic=_sliced_statistic,
    distance=_sliced_distance,
    size=lambda target: target[0].square().mean((1, 2)),
    feature_power=2,
    flops=lambda channels, positions: (2 * channels + 40) * min(channels, DIRECTIONS) * positions,
    live_bytes=lambda channels, value: _live_bytes(min(channels, DIRECTIONS)),
    is_seeded=True,
)
"""The sliced Wasserstein distance: Heitz, Vanhoey, Chambon, Belcour, "A Sliced Wasserstein Loss for Neural Texture
Synthesis", CVPR 2021. Deviation: the directions stay the same for all steps of a job, as L-BFGS needs."""
