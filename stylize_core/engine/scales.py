"""Coarse to fine: a job is optimised at halved sizes first, at which the network's receptive field covers large shapes.

Gatys, Ecker, Bethge, Hertzmann, Shechtman, "Controlling Perceptual Factors in Neural Style Transfer", CVPR 2017,
section 7, uses this for high resolutions.
"""

import math
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

MOST = 5

COARSEST_PX = 96
"""With automatic scales, the first size has a long edge from this to twice as much."""

FALL = 2.0
"""Each size gets this factor times the steps of the next larger one, because coarse sizes are cheap."""


class Stage(NamedTuple):
    """A size at which a job is optimised.

    Attributes:
        height: of the image, pixels.
        width: of the image, pixels.
        steps: updates at this size.
    """

    height: int
    width: int
    steps: int


def count_scales(scales: int, height: int, width: int) -> int:
    """Returns the number of sizes for setting `scales`; 0 means automatic, by the size of the picture."""
    return scales or min(MOST, 1 + max(0, int(math.log2(max(height, width) / COARSEST_PX))))


def stages(height: int, width: int, scales: int, steps: int) -> list[Stage]:
    """Returns the sizes of a job, the coarsest first, without those that would get no step; the last one always stays.

    Args:
        height: of the output, pixels.
        width: of the output, pixels.
        scales: as in the setting.
        steps: of all sizes together.
    """
    scales = count_scales(scales, height, width)
    shares = [FALL ** (scales - 1 - place) for place in range(scales)]
    ends = [round(steps * sum(shares[: place + 1]) / sum(shares)) for place in range(scales)]
    found, done = [], 0
    for place, end in enumerate(ends):
        factor = 2 ** (scales - 1 - place)
        if end > done or place == scales - 1:
            found.append(Stage(max(1, round(height / factor)), max(1, round(width / factor)), end - done))
        done = end
    return found


def coarsest(height: int, width: int, scales: int) -> tuple[int, int]:
    """Returns height and width of the first size, pixels; for the arguments see `stages`."""
    factor = 2 ** (count_scales(scales, height, width) - 1)
    return max(1, round(height / factor)), max(1, round(width / factor))


def resized(images: Tensor, height: int, width: int) -> Tensor:
    """Returns images (..., 3, h, w) in [0, 1] resized, bicubic and antialiased; at their own size unchanged."""
    if images.shape[-2:] == (height, width):
        return images
    batch = images.reshape(-1, *images.shape[-3:])
    found = functional.interpolate(batch, (height, width), mode="bicubic", antialias=True, align_corners=False)
    return found.clamp(0, 1).view(*images.shape[:-2], height, width)
