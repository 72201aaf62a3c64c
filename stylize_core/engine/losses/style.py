"""The style term: the target's features should have the style's statistics; setting `style_loss` selects which."""

from collections.abc import Mapping
from dataclasses import astuple
from operator import add

from torch import Tensor

from stylize_core.engine.losses.cmd import CMD
from stylize_core.engine.losses.comparison import FLOOR, Comparison, layered_term
from stylize_core.engine.losses.gram import GRAM
from stylize_core.engine.losses.moments import COVARIANCE, MEANSTD
from stylize_core.engine.losses.nearest import NN
from stylize_core.engine.losses.sorted_values import HISTOGRAM, SLICED
from stylize_core.engine.losses.term import LiveBytes, Target
from stylize_core.engine.losses.wasserstein import WASSERSTEIN
from stylize_core.settings import Settings


def _both(first: Comparison, second: Comparison) -> Comparison:
    """Returns the mean of two comparisons, each relative to its own size.

    Args:
        first: keeps one tensor.
        second: keeps any number.
    """

    def statistic(features: Tensor, settings: Settings) -> Target:
        return (*first.statistic(features, settings), *second.statistic(features, settings))

    def distance(features: Tensor, target: Target, settings: Settings) -> Tensor:
        parts = ((first, target[:1]), (second, target[1:]))
        distances = [one.distance(features, part, settings) for one, part in parts]
        sizes = [one.size(part).clamp(min=FLOOR) for one, part in parts]
        return sum((d / s for d, s in zip(distances, sizes, strict=True)), distances[0].new_zeros(())) / 2

    def live_bytes(channels: int, value: int) -> LiveBytes:
        one, other = first.live_bytes(channels, value), second.live_bytes(channels, value)
        return LiveBytes(*map(add, astuple(one), astuple(other)))

    return Comparison(
        statistic=statistic,
        distance=distance,
        size=lambda target: target[0].new_ones(len(target[0])),
        flops=lambda channels, positions: first.flops(channels, positions) + second.flops(channels, positions),
        forms=("relative",),  # otherwise their scales differ
        live_bytes=live_bytes,
    )


STYLE_LOSSES: Mapping[str, Comparison] = {
    "gram": GRAM,
    "covariance": COVARIANCE,
    "meanstd": MEANSTD,
    "gram+meanstd": _both(GRAM, MEANSTD),
    "wasserstein": WASSERSTEIN,
    "sliced": SLICED,
    "histogram": HISTOGRAM,
    "cmd": CMD,
    "nn": NN,
}
"""The style losses, by value of the setting."""

TERM = layered_term("style", lambda settings: STYLE_LOSSES[settings.style_loss])
