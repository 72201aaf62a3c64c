"""A term of the objective, as the engine uses it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from stylize_core.settings import Settings

Target = tuple[Tensor, ...]
"""The target of a layer's loss; the first dimension of every tensor is the sample."""


@dataclass(frozen=True, slots=True)
class LiveBytes:
    """What a term adds to the memory alive at the peak, per layer and sample.

    Attributes:
        kept: per position, kept by autograd.
        transient: per position, while the gradient passes through the layer.
        target: per position, for the lifetime of the batch.
        fixed: independent of the number of positions.
        passing: the same, but only while the loss of this layer is computed.
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
        loss: of features (B, N, h, w) and their target; for a term without layers, of the image (B, 3, H, W) in
            [0, 1] and nothing. Returns (B,), without the layer's weight.
        target_of: the picture from which the target is computed: `content`, `style`, or neither.
        target: from that picture's features, (B, N, h, w).
        feature_power: of `feature_scale` in the loss: a factor c on all features is a factor c^power on the loss.
        flops: operations of one layer's loss in one direction, from N and M.
        live_bytes: of one layer, from N and the bytes per number of the network.
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
    """Returns `x` at least in float32: sums over a layer overflow or lose digits in shorter types."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
