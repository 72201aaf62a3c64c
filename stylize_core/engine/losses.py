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

import torch
from torch import Tensor


def accurate(x: Tensor) -> Tensor:
    """Returns `x` in float32 at least: sums over a layer overflow or lose digits in anything shorter."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def gram(features: Tensor, form: str) -> Tensor:
    """Returns the Gram matrices G = FFᵀ (eq. 3) in the scale that `style_loss` compares.

    Args:
        features: (B, N, h, w).
        form: `paper` gives G/M, `mean` gives G/(N·M).

    Returns:
        (B, N, N), symmetric, float32 at least.
    """
    rows = accurate(features).flatten(2)  # (B, N, M)
    channels, positions = rows.shape[1:]
    scale = 1 / positions if form == "paper" else 1 / (channels * positions)
    return torch.bmm(rows, rows.transpose(1, 2)) * scale


def content_loss(features: Tensor, target: Tensor, form: str) -> Tensor:
    """Returns C_l of each sample, (B,).

    Args:
        features: F, (B, N, h, w).
        target: P, same shape.
        form: `paper` or `mean`.
    """
    square = (accurate(features) - accurate(target)).square().flatten(1)  # (B, N·M)
    return square.sum(1) / 2 if form == "paper" else square.mean(1)


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
