"""The content term: the target's features should be those of the content (eq. 1)."""

from torch import Tensor

from stylize_core.engine.losses.comparison import Comparison, layered_term
from stylize_core.engine.losses.term import LiveBytes, Target, accurate
from stylize_core.settings import Settings

_FLOAT = 4  # bytes


def content_loss(features: Tensor, target: Tensor, form: str) -> Tensor:
    """Returns C_l of each sample, (B,); for form `relative`, before the division by the target's size.

    Args:
        features: F, (B, N, h, w).
        target: P, same shape.
        form: `paper`, or another for the mean.
    """
    square = (accurate(features) - accurate(target)).square()  # not flattened: that would copy channels-last features
    return square.sum((1, 2, 3)) / 2 if form == "paper" else square.mean((1, 2, 3))


def _distance(features: Tensor, target: Target, settings: Settings) -> Tensor:
    return content_loss(features, target[0], settings.form)


def _live_bytes(channels: int, value: int) -> LiveBytes:
    """F − P is in float32, and so are its copies in the backward pass if the network's dtype is shorter."""
    short = 2 * channels * _FLOAT if value < _FLOAT else 0
    return LiveBytes(kept=channels * _FLOAT, transient=short, target=channels * value)


FEATURES = Comparison(
    statistic=lambda features, settings: (features,),
    distance=_distance,
    size=lambda target: accurate(target[0]).square().mean((1, 2, 3)),
    feature_power=2,
    forms=("paper", "mean", "relative"),
    live_bytes=_live_bytes,
)

TERM = layered_term("content", lambda settings: FEATURES)
