"""Nearest neighbours: each place of the image should look like some place of the style."""

import torch
from torch import Tensor
from torch.nn import functional

from stylize_core.engine.losses.comparison import Comparison
from stylize_core.engine.losses.term import LiveBytes, Target, accurate
from stylize_core.settings import Settings

PLACES = 4096
"""Most places of a layer to compare; if there are more, neighbours are averaged first."""

_FLOAT = 4  # bytes


def pooled(features: Tensor) -> Tensor:
    """Returns features of at most `PLACES` places as unit vectors: (B, N, M)."""
    values = accurate(features)
    edge = 1
    while values.shape[2] // edge * (values.shape[3] // edge) > PLACES:
        edge *= 2
    if edge > 1:
        values = functional.avg_pool2d(values, edge)
    return functional.normalize(values.flatten(2), dim=1)


def nn_loss(features: Tensor, style: Tensor) -> Tensor:
    """Returns the mean over places of 1 − cos(F_i, A_nearest(i)), (B,).

    Kolkin, Kucera, Paris, Sykora, Shechtman, Shakhnarovich, "Neural Neighbor Style Transfer", arXiv 2203.13215. The
    neighbours are found again at each evaluation, and are constants for the gradient.

    Args:
        features: (B, N, h, w).
        style: unit vectors, (B, N, M).
    """
    ours = pooled(features)
    with torch.no_grad():
        nearest = torch.bmm(ours.mT, style).argmax(2)  # (B, M_x)
    matched = style.gather(2, nearest[:, None].expand_as(ours))
    return 1 - (ours * matched).sum(1).mean(1)


def _statistic(features: Tensor, settings: Settings) -> Target:
    return (pooled(features),)


NN = Comparison(
    statistic=_statistic,
    distance=lambda features, target, settings: nn_loss(features, target[0]),
    size=lambda target: torch.ones_like(target[0][:, 0, 0]),  # a cosine is already relative
    flops=lambda channels, positions: 2 * channels * min(positions, PLACES) * PLACES,
    live_bytes=lambda channels, value: LiveBytes(
        kept=3 * channels * _FLOAT, target=channels * _FLOAT, passing=PLACES**2 * _FLOAT
    ),
)
