"""Optimisers of a batch of images: every sample has its own step size and state, and never feels its neighbours.

Both are written on tensors of shape (B, 3, H, W) without a branch on their values, so that nothing waits for the
device. A sample sent back to an earlier image (`restart`) forgets its state and goes on with half its step size.
"""

from typing import Protocol

import torch
from torch import Tensor


class Optimiser(Protocol):
    """Takes one step after each evaluation."""

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        """Returns the next image of each sample, (B, 3, H, W)."""
        ...

    def restart(self, samples: Tensor) -> None:
        """Forgets the state of some samples, (B,) bool, and halves their step size."""
        ...


def _column(values: Tensor) -> Tensor:
    return values[:, None, None, None]


class Adam:
    """Adam (Kingma, Ba, ICLR 2015, algorithm 1), as `torch.optim.Adam`, then projected into the box [0, 1].

    Args:
        image: the start, (B, 3, H, W).
        learning_rate: (B,).
    """

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, image: Tensor, learning_rate: Tensor) -> None:
        self.learning_rate = learning_rate.clone()
        self.mean = torch.zeros_like(image)
        self.square = torch.zeros_like(image)
        self.count = torch.zeros_like(learning_rate)

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        """Returns the next image, in [0, 1]."""
        self.count += 1
        self.mean.lerp_(gradient, 1 - self.BETA1)
        self.square.mul_(self.BETA2).addcmul_(gradient, gradient, value=1 - self.BETA2)
        rate = self.learning_rate / (1 - self.BETA1**self.count)
        correction = (1 - self.BETA2**self.count).sqrt()
        denominator = self.square.sqrt() / _column(correction) + self.EPSILON
        return (image - _column(rate) * self.mean / denominator).clamp(0, 1)

    def restart(self, samples: Tensor) -> None:
        """Forgets both moments of some samples, (B,) bool, and halves their step size."""
        keep = ~samples
        self.mean = torch.where(_column(keep), self.mean, 0)
        self.square = torch.where(_column(keep), self.square, 0)
        self.count *= keep
        self.learning_rate = torch.where(samples, self.learning_rate / 2, self.learning_rate)


class Lbfgs:
    """L-BFGS with a fixed step (Nocedal, Wright, Numerical Optimization, 2nd ed., algorithm 7.4), no line search.

    After each step the image is projected into the box [0, 1]. The pairs (s, y) are taken between projected images, so
    that they belong to the objective; clamping only at the end would throw away what the optimiser found outside (up
    to 25 times the final loss, docs/measured.md). Two bounds stand in for the line search: the first step after a
    start moves a pixel by `FIRST_STEP` on average along the gradient, and no step is longer than `LONGEST_STEP`. A
    pair without positive curvature is given weight 0, which makes it a no-op in both loops.

    Args:
        image: the start, (B, 3, H, W).
        learning_rate: (B,).
    """

    HISTORY = 10
    """Number of pairs kept."""
    FIRST_STEP = 0.02
    """Mean absolute change of a pixel, in [0, 1]."""
    LONGEST_STEP = 0.05
    """Root mean square change of a pixel, in [0, 1]."""
    CURVATURE = 1e-10
    """Least sᵀy of a pair relative to |y|², below which it is noise; the loss itself may be of any scale."""

    def __init__(self, image: Tensor, learning_rate: Tensor) -> None:
        self.learning_rate = learning_rate.clone()
        self.pairs: list[tuple[Tensor, Tensor, Tensor]] = []  # s (B, P), y (B, P), 1/sᵀy (B,) or 0; oldest first
        self.scale = torch.zeros_like(learning_rate)  # sᵀy/yᵀy of the newest good pair; 0 = no pair yet
        self.previous: tuple[Tensor, Tensor] | None = None
        self.fresh = torch.ones_like(learning_rate, dtype=torch.bool)  # samples without a previous image

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        """Returns the next image, in [0, 1]."""
        return (image - self.move(image, gradient)).clamp(0, 1)

    def move(self, image: Tensor, gradient: Tensor) -> Tensor:
        """Returns what is taken off each image before it is projected, (B, 3, H, W); remembers the evaluation."""
        x, g = image.flatten(1), gradient.flatten(1)  # (B, P)
        if self.previous is not None:
            self._remember(x - self.previous[0], g - self.previous[1])
        self.previous = (x, g)
        self.fresh.zero_()
        first = self.FIRST_STEP / g.abs().mean(1).clamp(min=torch.finfo(g.dtype).tiny)
        move = self.learning_rate[:, None] * self._direction(g, torch.where(self.scale > 0, self.scale, first))
        length = move.square().mean(1).sqrt().clamp(min=torch.finfo(g.dtype).tiny)
        return (move * (self.LONGEST_STEP / length).clamp(max=1)[:, None]).view_as(image)

    def restart(self, samples: Tensor) -> None:
        """Drops the history of some samples, (B,) bool, and halves their step size."""
        self.pairs = [(s, y, torch.where(samples, 0, rho)) for s, y, rho in self.pairs]
        self.scale = torch.where(samples, 0, self.scale)
        self.fresh |= samples
        self.learning_rate = torch.where(samples, self.learning_rate / 2, self.learning_rate)

    def _remember(self, s: Tensor, y: Tensor) -> None:
        curvature, length = (s * y).sum(1), (y * y).sum(1)
        good = (curvature > self.CURVATURE * length) & ~self.fresh
        rho = torch.where(good, 1 / curvature, 0)
        self.scale = torch.where(good, curvature / length, self.scale)
        # A bad pair may hold infinities, and 0 times infinity would spoil the loops.
        s, y = torch.where(good[:, None], s, 0), torch.where(good[:, None], y, 0)
        self.pairs = [*self.pairs, (s, y, rho)][-self.HISTORY :]

    def _direction(self, gradient: Tensor, scale: Tensor) -> Tensor:
        q, alphas = gradient, []
        for s, y, rho in reversed(self.pairs):
            alpha = rho * (s * q).sum(1)
            alphas.append(alpha)
            q = q - alpha[:, None] * y
        r = q * scale[:, None]
        for (s, y, rho), alpha in zip(self.pairs, reversed(alphas), strict=True):
            beta = rho * (y * r).sum(1)
            r = r + (alpha - beta)[:, None] * s
        return r


def make_optimiser(name: str, image: Tensor, learning_rate: Tensor) -> Optimiser:
    """Returns the optimiser of a batch by setting `optimiser`."""
    return Adam(image, learning_rate) if name == "adam" else Lbfgs(image, learning_rate)
