"""The style term: the target's Gram matrices are those of the style (eq. 4)."""

from torch import Tensor

from stylize_core.engine.losses.gram import gram
from stylize_core.engine.losses.term import LiveBytes, Target, Term
from stylize_core.settings import Settings

GRAMS = 5
"""Gram matrices in float32 that are alive at the peak, by layer of a job: target, difference, gradients (measured)."""


def style_loss(grams: Tensor, targets: Tensor, form: str) -> Tensor:
    """Returns E_l of each sample, (B,).

    Args:
        grams: of the image, (B, N, N), from `gram` with the same form.
        targets: of the style, (B, N, N).
        form: `paper` or `mean`.
    """
    square = (grams - targets).square().flatten(1)  # (B, N·N)
    return square.sum(1) / (4 * grams.shape[1] ** 2) if form == "paper" else square.mean(1)


def _target(features: Tensor, settings: Settings) -> Target:
    return (gram(features, settings.form),)


def _loss(features: Tensor, target: Target, settings: Settings) -> Tensor:
    return style_loss(gram(features, settings.form), target[0], settings.form)


TERM = Term(
    target_of="style",
    target=_target,
    loss=_loss,
    feature_power=lambda settings: 4,
    flops=lambda settings, channels, positions: 2 * channels * channels * positions,
    live_bytes=lambda settings, channels, value: LiveBytes(fixed=GRAMS * 4 * channels**2),
)
