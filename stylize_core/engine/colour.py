"""The colours of a result: setting `colour`.

Gatys, Ecker, Bethge, Hertzmann, Shechtman, "Controlling Perceptual Factors in Neural Style Transfer", CVPR 2017,
and Gatys, Bethge, Hertzmann, Shechtman, "Preserving Color in Neural Artistic Style Transfer", arXiv 1606.05897: the
content's colours are kept either by first giving them to the style, or by transferring only luminance.
"""

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue: ITU-R BT.601, as in JPEG, YIQ and Pillow's greyscale pictures."""

LEAST_SPREAD = 1e-3
"""Least divisor for the standard deviation of luminance, and for the share of the mean variance in a direction of
colour, because both are zero in a grey or blank picture."""


def luma(image: Tensor) -> Tensor:
    """Returns the luminance of images (..., 3, H, W), (..., 1, H, W), in their dtype."""
    weights = torch.tensor(LUMA, dtype=image.dtype, device=image.device)
    return (weights[:, None, None] * image).sum(-3, keepdim=True)


def with_luminance(image: Tensor, luminance: Tensor) -> Tensor:
    """Returns an image (3, H, W) in [0, 1] with another luminance, (1, H, W), and its own chroma.

    In YIQ, changing only Y changes red, green and blue equally.
    """
    return (image + (luminance - luma(image))).clamp(0, 1)


def matched_luminance(style: Tensor, content: Tensor) -> Tensor:
    """Returns a style's luminance with the content's mean and spread, (1, h, w) in [0, 1] .

    Args:
        style: (3, h, w) in [0, 1].
        content: (3, H, W) in [0, 1].
    """
    ours, theirs = luma(style), luma(content)
    spread = ours.std(correction=0).clamp(min=LEAST_SPREAD)
    return ((ours - ours.mean()) * (theirs.std(correction=0) / spread) + theirs.mean()).clamp(0, 1)


def matched_colours(style: Tensor, content: Tensor) -> Tensor:
    """Returns a style with the mean and the covariance of the content's colours, (3, h, w) in [0, 1].

    x → Σ_c^½ Σ_s^−½ (x − μ_s) + μ_c, with the symmetric roots (PCA) of the covariances.

    Args:
        style: (3, h, w) in [0, 1].
        content: (3, H, W) in [0, 1].
    """
    (mean, root), (target_mean, target_root) = _moments(style), _moments(content)
    turn = target_root @ torch.linalg.inv(root)
    moved = turn @ (style.double().flatten(1) - mean[:, None]) + target_mean[:, None]
    matched: Tensor = moved.clamp(0, 1).to(style.dtype).view_as(style)
    return matched


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the mean colour (3,) and the root of the covariance of colours (3, 3), in float64."""
    pixels = image.double().flatten(1)
    values, vectors = torch.linalg.eigh(torch.cov(pixels, correction=0))
    least = LEAST_SPREAD * values.mean().clamp(min=LEAST_SPREAD**2)
    return pixels.mean(1), vectors @ (values.clamp(min=float(least)).sqrt()[:, None] * vectors.mT)
