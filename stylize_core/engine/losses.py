"""The terms of the objective as pure functions, one value per sample of a batch.

Shapes: B samples, N channels of a layer, h x w positions, M = h·w. Two forms; equation numbers are those of Gatys,
Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016:

| form  | content C_l (eq. 1) | style E_l (eq. 4)                          | total variation              |
|-------|---------------------|--------------------------------------------|------------------------------|
| paper | ½·Σ(F−P)²           | Σ(G/M_x − A/M_a)²/(4N²)                    | Σ(dx²+dy²), pixels in 0-255  |
| mean  | mean((F−P)²)        | mean((G/(N·M_x) − A/(N·M_a))²)             | mean(dx²) + mean(dy²)        |

Deviation: the paper divides by one M; dividing each Gram matrix by its own number of positions is the same at equal
sizes and lets the style keep its own size. `mean` does not depend on the size of the image.
"""

from typing import Any

import torch
from torch import Tensor

PARTS = 4
"""Of a layer's positions, whose Gram matrices are added up, in bfloat16 on a CPU."""


def accurate(x: Tensor) -> Tensor:
    """Returns `x` in float32 at least: sums over a layer overflow or lose digits in anything shorter."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def gram(features: Tensor, form: str) -> Tensor:
    """Returns the Gram matrices G = FFᵀ (eq. 3) in the scale that `style_loss` compares.

    Args:
        features: (B, N, h, w); channels-last ones are read where they lie.
        form: `paper` gives G/M, `mean` gives G/(N·M).

    Returns:
        (B, N, N), symmetric, float32 at least.
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
        # A CPU adds up in float32 too, but rounds each product to bfloat16 when it is done: the mean over parts errs
        # less than one (benchmarks/README.md).
        parts = rows.tensor_split(PARTS, 1)
        return torch.stack([torch.bmm(part.mT, part) for part in parts]).sum(0, dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        factor = (gradient + gradient.mT).to(features.dtype)
        return torch.bmm(_rows(features), factor).mT.view(features.shape)


def _rows(features: Tensor) -> Tensor:
    """Returns Fᵀ, (B, M, N): a view where features are channels-last."""
    return features.permute(0, 2, 3, 1).flatten(1, 2)


def content_loss(features: Tensor, target: Tensor, form: str) -> Tensor:
    """Returns C_l of each sample, (B,).

    Args:
        features: F, (B, N, h, w).
        target: P, same shape.
        form: `paper` or `mean`.
    """
    square = (accurate(features) - accurate(target)).square()  # not flattened: that would copy channels-last features
    return square.sum((1, 2, 3)) / 2 if form == "paper" else square.mean((1, 2, 3))


def style_loss(grams: Tensor, targets: Tensor, form: str) -> Tensor:
    """Returns E_l of each sample, (B,).

    Args:
        grams: of the image, (B, N, N), from `gram` with the same form.
        targets: of the style, (B, N, N).
        form: `paper` or `mean`.
    """
    square = (grams - targets).square().flatten(1)  # (B, N·N)
    return square.sum(1) / (4 * grams.shape[1] ** 2) if form == "paper" else square.mean(1)


def total_variation(image: Tensor, form: str) -> Tensor:
    """Returns the squared differences of neighbouring pixels of each sample, (B,).

    Args:
        image: (B, 3, H, W), sRGB in [0, 1].
        form: `paper` sums over pixels of 0-255, `mean` averages each direction.
    """
    dx = (image[..., :, 1:] - image[..., :, :-1]).square().flatten(1)
    dy = (image[..., 1:, :] - image[..., :-1, :]).square().flatten(1)
    return (dx.sum(1) + dy.sum(1)) * 255**2 if form == "paper" else dx.mean(1) + dy.mean(1)
