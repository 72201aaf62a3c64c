"""Gram matrices of features (eq. 3 and 4), with a gradient as one product."""

from typing import Any

import torch
from torch import Tensor

from stylize_core.engine.losses.comparison import Comparison
from stylize_core.engine.losses.term import LiveBytes, Target, accurate
from stylize_core.settings import Settings

GRAMS = 5
"""Gram matrices in float32 alive at the peak, per layer of a job: target, difference, gradients (measured)."""

PARTS = 4
"""In bfloat16 on a CPU, number of parts of a layer's positions whose Gram matrices are added up."""


def gram(features: Tensor, form: str) -> Tensor:
    """Returns the Gram matrices G = FFᵀ (eq. 3) in the scale that `style_loss` compares.

    Args:
        features: (B, N, h, w); channels-last ones are read without a copy.
        form: `paper` gives G/M, any other G/(N·M).

    Returns:
        (B, N, N), symmetric, at least float32.
    """
    channels, positions = features.shape[1], features.shape[2] * features.shape[3]
    matrices: Tensor = _Gram.apply(features)
    return matrices / (positions if form == "paper" else channels * positions)


class _Gram(torch.autograd.Function):
    """G = FFᵀ with its gradient (∂ + ∂ᵀ)F as one product, in the dtype of F."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        rows = _rows(features)
        if features.dtype != torch.bfloat16:
            rows = accurate(rows)
            return torch.bmm(rows.mT, rows)
        if features.is_cuda:
            return torch.bmm(rows.mT, rows, out_dtype=torch.float32)
        # A CPU adds up in float32 too, but rounds the final product to bfloat16: the mean over parts has a smaller
        # error than one product (benchmarks/README.md).
        parts = rows.tensor_split(PARTS, 1)
        return torch.stack([torch.bmm(part.mT, part) for part in parts]).sum(0, dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        factor = (gradient + gradient.mT).to(features.dtype)
        return torch.bmm(_rows(features), factor).mT.view(features.shape)


def _rows(features: Tensor) -> Tensor:
    """Returns Fᵀ, (B, M, N): a view if features are channels-last."""
    return features.permute(0, 2, 3, 1).flatten(1, 2)


def style_loss(grams: Tensor, targets: Tensor, form: str) -> Tensor:
    """Returns E_l of each sample, (B,); for form `relative`, before the division by the target's size.

    Args:
        grams: of the image, (B, N, N), from `gram` with the same form.
        targets: of the style, (B, N, N).
        form: `paper`, or another for the mean.
    """
    square = (grams - targets).square().flatten(1)  # (B, N·N)
    return square.sum(1) / (4 * grams.shape[1] ** 2) if form == "paper" else square.mean(1)


def _distance(features: Tensor, target: Target, settings: Settings) -> Tensor:
    return style_loss(gram(features, settings.form), target[0], settings.form)


GRAM = Comparison(
    statistic=lambda features, settings: (gram(features, settings.form),),
    distance=_distance,
    size=lambda target: target[0].square().mean((1, 2)),
    feature_power=4,
    forms=("paper", "mean", "relative"),
    flops=lambda channels, positions: 2 * channels * channels * positions,
    live_bytes=lambda channels, value: LiveBytes(fixed=GRAMS * 4 * channels**2),
)
