"""The content term: the target's features are those of the content (eq. 1)."""

from torch import Tensor

from stylize_core.engine.losses.term import LiveBytes, Target, Term, accurate
from stylize_core.settings import Settings

_FLOAT = 4  # bytes


def content_loss(features: Tensor, target: Tensor, form: str) -> Tensor:
    """Returns C_l of each sample, (B,).

    Args:
        features: F, (B, N, h, w).
        target: P, same shape.
        form: `paper` or `mean`.
    """
    square = (accurate(features) - accurate(target)).square()  # not flattened: that would copy channels-last features
    return square.sum((1, 2, 3)) / 2 if form == "paper" else square.mean((1, 2, 3))


def _loss(features: Tensor, target: Target, settings: Settings) -> Tensor:
    return content_loss(features, target[0], settings.form)


def _live_bytes(settings: Settings, channels: int, value: int) -> LiveBytes:
    """F − P is in float32, and so are its copies on the way back where the network is shorter."""
    short = 2 * channels * _FLOAT if value < _FLOAT else 0
    return LiveBytes(kept=channels * _FLOAT, transient=short, target=channels * value)


TERM = Term(
    target_of="content",
    target=lambda features, settings: (features,),
    loss=_loss,
    feature_power=lambda settings: 2,
    live_bytes=_live_bytes,
)
