"""What a term of the objective is, to the engine."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from stylize_core.settings import Settings

Target = tuple[Tensor, ...]
"""What a layer's loss compares with; every tensor has a sample in each place of its first dimension."""


@dataclass(frozen=True, slots=True)
class LiveBytes:
    """What a term adds to the memory that is alive at the peak, by layer and sample.

    Attributes:
        kept: for each position, what autograd keeps.
        transient: for each position, while the gradient goes through the layer.
        target: for each position, for as long as the batch lasts.
        fixed: whatever the number of positions.
        passing: the same, while the loss of this layer is computed and no longer.
    """

    kept: float = 0.0
    transient: float = 0.0
    target: float = 0.0
    fixed: float = 0.0
    passing: float = 0.0


def _nothing(features: Tensor, settings: Settings) -> Target:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A term of the objective, as pure functions; one value per sample of a batch.

    Shapes: B samples, N channels of a layer, h x w positions, M = h·w. The settings are those of one sample of a batch:
    a term reads only what the batch shares (see `Settings.graph`).

    Attributes:
        loss: of features (B, N, h, w) and their target; of a term of the image alone, of the image (B, 3, H, W) in
            [0, 1] and nothing. Returns (B,), without the layer's weight.
        target_of: the picture that the target is computed from: `content`, `style`, or none of them.
        target: from that picture's features, (B, N, h, w).
        feature_power: of `feature_scale` in the loss: a factor c on all features is a factor c^power on the loss.
        flops: operations of one layer's loss in one direction, from N and M.
        live_bytes: of one layer, from N and the bytes of a number of the network.
        is_seeded: whether the target depends on the job's seed.
        is_captured: whether its step can be captured as a CUDA graph.
    """

    loss: Callable[[Tensor, Target, Settings], Tensor]
    target_of: str = ""
    target: Callable[[Tensor, Settings], Target] = _nothing
    feature_power: Callable[[Settings], int] = lambda settings: 0
    flops: Callable[[Settings, int, float], float] = lambda settings, channels, positions: 0.0
    live_bytes: Callable[[Settings, int, int], LiveBytes] = lambda settings, channels, value: LiveBytes()
    is_seeded: Callable[[Settings], bool] = lambda settings: False
    is_captured: Callable[[Settings], bool] = lambda settings: True


def accurate(x: Tensor) -> Tensor:
    """Returns `x` in float32 at least: sums over a layer overflow or lose digits in anything shorter."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
