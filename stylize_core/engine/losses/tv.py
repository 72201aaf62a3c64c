"""Total variation: neighbouring pixels of the image should be similar."""

from torch import Tensor

from stylize_core.engine.losses.term import Target, Term
from stylize_core.settings import Settings


def total_variation(image: Tensor, form: str) -> Tensor:
    """Returns the squared differences of neighbouring pixels of each sample, (B,).

    Args:
        image: (B, 3, H, W), sRGB in [0, 1].
        form: `paper` sums over pixels of 0-255, `mean` averages each direction.
    """
    dx = (image[..., :, 1:] - image[..., :, :-1]).square().flatten(1)
    dy = (image[..., 1:, :] - image[..., :-1, :]).square().flatten(1)
    return (dx.sum(1) + dy.sum(1)) * 255**2 if form == "paper" else dx.mean(1) + dy.mean(1)


def _loss(image: Tensor, target: Target, settings: Settings) -> Tensor:
    return total_variation(image, settings.form)


TERM = Term(loss=_loss)
