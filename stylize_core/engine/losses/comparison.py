"""Compares the features of two pictures at a layer, in each form."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from stylize_core.engine.losses.term import LiveBytes, Target, Term
from stylize_core.settings import Settings

FLOOR = 1e-12
"""Least size of a target by which form `relative` divides, so that an empty target, such as a layer that a blank
picture does not activate, gives a finite loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A statistic of a picture's features, and the distance of the image's features from it.

    For shapes see `Term`. In form `relative` both are those of form `mean`.

    Attributes:
        statistic: computes the statistic of the picture's features (B, N, h, w), at least in float32.
        distance: from the image's features to a statistic, (B,).
        size: of a statistic: its distance from zero features, (B,). Form `relative` divides by it.
        feature_power: of `feature_scale` in the distance, in the forms that are not relative.
        forms: in which it is defined.
        flops: operations of statistic and distance, from N and M.
        live_bytes: see `Term`.
        is_seeded: whether the statistic depends on the job's seed.
        is_captured: whether its step can be captured as a CUDA graph, because nothing in it waits for the device.
    """

    statistic: Callable[[Tensor, Settings], Target]
    distance: Callable[[Tensor, Target, Settings], Tensor]
    size: Callable[[Target], Tensor]
    feature_power: int = 0
    forms: tuple[str, ...] = ("mean", "relative")
    flops: Callable[[int, float], float] = lambda channels, positions: 0.0
    live_bytes: Callable[[int, int], LiveBytes] = lambda channels, value: LiveBytes()
    is_seeded: bool = False
    is_captured: bool = True


def layered_term(target_of: str, comparison_of: Callable[[Settings], Comparison]) -> Term:
    """Returns the term that compares the image with a picture, layer by layer.

    Args:
        target_of: the picture, `content` or `style`.
        comparison_of: returns the comparison for the settings that a batch shares.
    """

    def target(features: Tensor, settings: Settings) -> Target:
        comparison = comparison_of(settings)
        statistic = comparison.statistic(features, settings)
        return (*statistic, comparison.size(statistic).clamp(min=FLOOR)) if settings.form == "relative" else statistic

    def loss(features: Tensor, target: Target, settings: Settings) -> Tensor:
        comparison = comparison_of(settings)
        if settings.form == "relative":
            return comparison.distance(features, target[:-1], settings) / target[-1]
        return comparison.distance(features, target, settings)

    return Term(
        target_of=target_of,
        target=target,
        loss=loss,
        feature_power=lambda settings: 0 if settings.form == "relative" else comparison_of(settings).feature_power,
        flops=lambda settings, channels, positions: comparison_of(settings).flops(channels, positions),
        live_bytes=lambda settings, channels, value: comparison_of(settings).live_bytes(channels, value),
        is_seeded=lambda settings: comparison_of(settings).is_seeded,
        is_captured=lambda settings: comparison_of(settings).is_captured,
    )
