"""Means, spreads and covariances of the channels of features, and style losses based on them."""

from torch import Tensor

from stylize_core.engine.losses.comparison import Comparison
from stylize_core.engine.losses.gram import GRAM, GRAMS, gram, style_loss
from stylize_core.engine.losses.term import LiveBytes, Target, accurate
from stylize_core.settings import Settings

EPSILON = 1e-8
"""Added to a variance, relative to the mean square of its channel, because a spread has no derivative at zero."""

_FLOAT = 4  # bytes


def mean_of(features: Tensor) -> Tensor:
    """Returns the mean of each channel over positions, (B, N), of features (B, N, h, w)."""
    return accurate(features).mean((2, 3))


def spread_of(features: Tensor) -> Tensor:
    """Returns the standard deviation of each channel over positions, (B, N)."""
    values = accurate(features)
    square, mean = values.square().mean((2, 3)), values.mean((2, 3))
    variance = (square - mean.square()).clamp(min=0)
    return (variance + EPSILON * (square + EPSILON)).sqrt()


def covariance(features: Tensor, form: str) -> Tensor:
    """Returns (F − μ)(F − μ)ᵀ in the scale of `gram`, (B, N, N): Gram matrices without the means of the channels.

    Sun, Saenko, "Deep CORAL: Correlation Alignment for Deep Domain Adaptation", ECCV 2016 workshops; as a style loss:
    Li, Wang, Liu, Hou, "Demystifying Neural Style Transfer", IJCAI 2017. Computed in float32, because products in
    bfloat16 would lose what remains after subtracting the means.
    """
    return gram(accurate(features) - mean_of(features)[:, :, None, None], form)


def _covariance_distance(features: Tensor, target: Target, settings: Settings) -> Tensor:
    return style_loss(covariance(features, settings.form), target[0], settings.form)


COVARIANCE = Comparison(
    statistic=lambda features, settings: (covariance(features, settings.form),),
    distance=_covariance_distance,
    size=lambda target: target[0].square().mean((1, 2)),
    feature_power=4,
    forms=GRAM.forms,
    flops=GRAM.flops,
    live_bytes=lambda channels, value: LiveBytes(
        kept=channels * _FLOAT, transient=2 * channels * _FLOAT, fixed=GRAMS * _FLOAT * channels**2
    ),
)


def meanstd_loss(features: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Returns mean((μ − μ_a)²) + mean((σ − σ_a)²) over channels, (B,).

    The statistics of batch normalisation: Li, Wang, Liu, Hou, "Demystifying Neural Style Transfer", IJCAI 2017, and
    Huang, Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", ICCV 2017.

    Args:
        features: (B, N, h, w).
        mean: of the style's channels, (B, N).
        spread: of the style's channels, (B, N).
    """
    return (mean_of(features) - mean).square().mean(1) + (spread_of(features) - spread).square().mean(1)


MEANSTD = Comparison(
    statistic=lambda features, settings: (mean_of(features), spread_of(features)),
    distance=lambda features, target, settings: meanstd_loss(features, *target),
    size=lambda target: target[0].square().mean(1) + target[1].square().mean(1),
    feature_power=2,
    flops=lambda channels, positions: 6 * channels * positions,
    live_bytes=lambda channels, value: LiveBytes(kept=channels * _FLOAT, transient=2 * channels * _FLOAT),
)
