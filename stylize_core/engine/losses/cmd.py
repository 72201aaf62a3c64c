"""Central moment discrepancy: the shapes of the channels' distributions, up to the fifth moment."""

import torch
from torch import Tensor

from stylize_core.engine.losses.comparison import Comparison
from stylize_core.engine.losses.term import LiveBytes, Target, accurate
from stylize_core.settings import Settings

MOMENTS = 5
"""As in the paper."""

EPSILON = 1e-12
"""Added to a squared norm, because a norm has no derivative at zero."""

_FLOAT = 4  # bytes


def squashed(features: Tensor, scale: Tensor) -> Tensor:
    """Returns features in (0, 1), (B, N, M): the sigmoid, as in the paper, of features in units of `scale`, (B,).

    Deviation: the paper uses unscaled features; in units of the style's root mean square the loss does not depend on
    the scale of the layer.
    """
    return torch.sigmoid(accurate(features).flatten(2) / scale[:, None, None])


def moments(values: Tensor) -> Tensor:
    """Returns the mean and the 2nd to 5th central moment of each channel, (B, 5, N), of values (B, N, M)."""
    mean = values.mean(2)
    centred = values - mean[:, :, None]
    return torch.stack([mean, *((centred**k).mean(2) for k in range(2, MOMENTS + 1))], 1)


def cmd_loss(features: Tensor, scale: Tensor, target: Tensor) -> Tensor:
    """Returns Σ_k ‖c_k(F) − c_k(A)‖ over the moments, (B,).

    Kalischek, Wegner, Schindler, "In the Light of Feature Distributions: Moment Matching for Neural Style Transfer",
    CVPR 2021. Values are in an interval of length 1, so the paper's factors 1/|b − a|^k are 1.

    Args:
        features: (B, N, h, w).
        scale: of the style's features, (B,).
        target: moments of the style, (B, 5, N).
    """
    return ((moments(squashed(features, scale)) - target).square().sum(2) + EPSILON).sqrt().sum(1)


def _statistic(features: Tensor, settings: Settings) -> Target:
    scale = accurate(features).square().mean((1, 2, 3)).sqrt().clamp(min=torch.finfo(torch.float32).tiny)
    return scale, moments(squashed(features, scale))


CMD = Comparison(
    statistic=_statistic,
    distance=lambda features, target, settings: cmd_loss(features, *target),
    size=lambda target: target[1].square().sum(2).sqrt().sum(1),
    flops=lambda channels, positions: 30 * channels * positions,
    live_bytes=lambda channels, value: LiveBytes(kept=5 * channels * _FLOAT, transient=2 * channels * _FLOAT),
)
