"""Keeps each sample's best image, and sends a sample back to it if its loss explodes or is no longer finite.

Like the optimisers, it never branches on values and changes its state in place.
"""

import torch
from torch import Tensor


def _column(values: Tensor) -> Tensor:
    return values[:, None, None, None]


class DivergenceGuard:
    """The best iterate of each sample, and the samples that may continue.

    A sample is sent back if its total or gradient is not finite, or if its total is both `EXPLOSION` times its best
    and not small compared with its first. It is given up as diverged after more than `PATIENCE` returns without a new
    best, or at once if its start has no finite evaluation to return to.

    Attributes:
        best: image with the lowest total so far, (B, 3, H, W).
        best_step: its step, (B,).
        alive: samples that are still optimised, (B,) bool.
        last_step: the step at which a sample was given up, or the latest, (B,); -1 before the first.
    """

    EXPLOSION = 10.0
    SMALL = 0.01
    PATIENCE = 24
    """A step halved this often is below the resolution of float32: a finite loss has stopped exploding by then."""

    def __init__(self, image: Tensor) -> None:
        batch = image.shape[0]
        self.best = image.clone()
        self.best_gradient = torch.zeros_like(image)
        self.best_total = image.new_full((batch,), torch.inf)
        self.best_step = torch.zeros(batch, dtype=torch.long, device=image.device)
        self.last_step = torch.full_like(self.best_step, -1)
        self.first_total = image.new_zeros(batch)
        self.returns = torch.zeros_like(self.best_step)
        self.alive = torch.ones(batch, dtype=torch.bool, device=image.device)

    def check(
        self, step: int | Tensor, image: Tensor, total: Tensor, gradient: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Judges the evaluation of a step.

        Args:
            step: its number, from 0.
            image: evaluated, (B, 3, H, W).
            total: (B,).
            gradient: (B, 3, H, W).

        Returns:
            The image and the gradient to continue from (the best ones for a sample sent back or given up), and the
            samples sent back now, (B,) bool.
        """
        total = total.detach()
        started = self.last_step >= 0
        self.first_total.copy_(torch.where(started, self.first_total, total))
        limit = torch.maximum(self.EXPLOSION * self.best_total, self.SMALL * self.first_total)
        finite = total.isfinite() & gradient.flatten(1).isfinite().all(1)
        bad = ~finite | (total > limit)
        self._keep_best(step, image, total, gradient, ~bad & (total < self.best_total))
        self.last_step.copy_(torch.where(self.alive, step, self.last_step))
        back = bad & self.alive
        self.returns += back
        self.alive &= (self.returns <= self.PATIENCE) & self.best_total.isfinite()
        use_best = _column(bad | ~self.alive)
        return (
            torch.where(use_best, self.best, image),
            torch.where(use_best, self.best_gradient, gradient),
            back,
        )

    def _keep_best(self, step: int | Tensor, image: Tensor, total: Tensor, gradient: Tensor, better: Tensor) -> None:
        better = better & self.alive
        self.best.copy_(torch.where(_column(better), image, self.best))
        self.best_gradient.copy_(torch.where(_column(better), gradient, self.best_gradient))
        self.best_total.copy_(torch.where(better, total, self.best_total))
        self.best_step.copy_(torch.where(better, step, self.best_step))
        self.returns *= ~better
