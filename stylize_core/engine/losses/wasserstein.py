"""The Wasserstein distance of features modelled as Gaussians, from their means and covariances."""

from typing import Any

import torch
from torch import Tensor

from stylize_core.engine.losses.comparison import Comparison
from stylize_core.engine.losses.moments import covariance, mean_of
from stylize_core.engine.losses.term import LiveBytes, Target
from stylize_core.settings import Settings

_FLOAT = 4  # bytes

MATRICES = 6
"""Matrices of the size of a Gram matrix that are alive at the peak."""

EPSILON = 1e-6
"""Share of the largest eigenvalue below which one counts as zero: the square root has no derivative there."""


def square_root(matrices: Tensor) -> Tensor:
    """Returns the symmetric square roots of symmetric matrices without negative eigenvalues, (B, N, N)."""
    values, vectors = torch.linalg.eigh(matrices)
    root: Tensor = vectors @ (values.clamp(min=0).sqrt()[:, :, None] * vectors.mT)
    return root


class _TraceOfRoot(torch.autograd.Function):
    """tr(A^½) of symmetric matrices; its gradient ½ A^−½ avoids the gaps between eigenvalues in eigh's gradient."""

    @staticmethod
    def forward(ctx: Any, matrices: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrices)
        least = EPSILON * values[:, -1:].clamp(min=torch.finfo(values.dtype).tiny)
        roots = values.clamp(min=0).sqrt()
        ctx.save_for_backward(torch.where(values > least, 0.5 / roots.clamp(min=least.sqrt()), 0), vectors)
        traces: Tensor = roots.sum(1)
        return traces

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        slopes, vectors = ctx.saved_tensors
        by_matrix: Tensor = vectors @ ((gradient[:, None] * slopes)[:, :, None] * vectors.mT)
        return by_matrix


def wasserstein_loss(features: Tensor, mean: Tensor, root: Tensor, trace: Tensor) -> Tensor:
    """Returns W₂²/N between the Gaussians of two pictures' features, (B,).

    ‖μ − μ_a‖² + tr(Σ + Σ_a − 2(Σ_a^½ Σ Σ_a^½)^½): Dowson, Landau, "The Fréchet Distance between Multivariate Normal
    Distributions", Journal of Multivariate Analysis 12(3), 1982; as a style loss Mroueh, "Wasserstein Style Transfer",
    AISTATS 2020.

    Args:
        features: of the image, (B, N, h, w).
        mean: μ_a of the style, (B, N).
        root: Σ_a^½, (B, N, N).
        trace: tr Σ_a, (B,).
    """
    channels = features.shape[1]
    sigma = channels * covariance(features, "mean")  # (F − μ)(F − μ)ᵀ/M
    cross: Tensor = _TraceOfRoot.apply(root @ sigma @ root)
    spread = sigma.diagonal(dim1=1, dim2=2).sum(1) + trace - 2 * cross
    return ((mean_of(features) - mean).square().sum(1) + spread.clamp(min=0)) / channels


def _statistic(features: Tensor, settings: Settings) -> Target:
    sigma = features.shape[1] * covariance(features, "mean")
    return mean_of(features), square_root(sigma), sigma.diagonal(dim1=1, dim2=2).sum(1)


WASSERSTEIN = Comparison(
    statistic=_statistic,
    distance=lambda features, target, settings: wasserstein_loss(features, *target),
    size=lambda target: (target[0].square().sum(1) + target[2]) / target[0].shape[1],
    feature_power=2,
    flops=lambda channels, positions: 2 * channels**2 * positions + 30 * channels**3,
    live_bytes=lambda channels, value: LiveBytes(kept=channels * _FLOAT, fixed=MATRICES * _FLOAT * channels**2),
    is_captured=False,  # eigenvalues wait for the device
)
