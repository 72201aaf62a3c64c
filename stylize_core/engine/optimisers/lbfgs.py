"""L-BFGS."""

import torch
from torch import Tensor


class Lbfgs:
    """L-BFGS with a fixed step (Nocedal, Wright, Numerical Optimization, 2nd ed., algorithm 7.4), no line search.

    The direction is computed in the compact form of Byrd, Nocedal, Schnabel, Mathematical Programming 63, 1994,
    theorem 2.2: two products with the whole history instead of the 4 `HISTORY` products of the two loops. With S and
    Y the pairs as columns, oldest first, R the upper triangle of SᵀY, D its diagonal and γ the newest sᵀy/yᵀPy,

        H g = γ P g + S q − γ P Y p,    p = R⁻¹ Sᵀg,    q = R⁻ᵀ((D + γ YᵀP Y) p − γ YᵀP g)

    where P is 1; see `plbfgs.py`.

    After each step the image is projected into the box [0, 1]. The pairs (s, y) are taken between projected images, so
    that they match the objective; clamping only at the end would discard what the optimiser found outside (up to 16
    times the final loss, benchmarks/README.md). Two bounds replace the line search: the first step after a
    start moves a pixel by `FIRST_STEP` on average along the gradient, and no step is longer than `LONGEST_STEP`. A
    pair without positive curvature is left out.

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
    BOLDNESS = 1.0
    """Factor on γ."""
    CURVATURE = 1e-10
    """Least sᵀy of a pair relative to yᵀPy, below which it is noise; the loss itself may have any scale."""

    def __init__(self, image: Tensor, learning_rate: Tensor) -> None:
        batch, m = len(image), self.HISTORY
        self.learning_rate = learning_rate.clone()
        self.pairs = image.new_zeros(batch, 2 * m, image[0].numel())  # m times s, m times P y: two rings
        self.usable = torch.zeros(batch, m, dtype=torch.bool, device=image.device)
        self.newest = torch.full((1,), m - 1, device=image.device)  # place in the rings
        self.sy, self.ypy = (image.new_zeros(batch, m, m, dtype=torch.float64) for _ in range(2))
        self.scale = torch.zeros_like(learning_rate)  # γ; 0 = no pair yet
        self.image, self.gradient, self.preconditioned = (torch.zeros_like(image).flatten(1) for _ in range(3))
        self.fresh = torch.ones_like(learning_rate, dtype=torch.bool)  # samples without a previous image

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        """Returns the next image, in [0, 1]."""
        return (image - self.move(image, gradient)).clamp(0, 1)

    def move(self, image: Tensor, gradient: Tensor) -> Tensor:
        """Returns the step to subtract from each image before the projection, (B, 3, H, W); records the evaluation."""
        move = self.learning_rate[:, None] * self._direction(image, gradient, gradient)
        length = move.square().mean(1).sqrt().clamp(min=torch.finfo(move.dtype).tiny)
        return (move * (self.LONGEST_STEP / length).clamp(max=1)[:, None]).view_as(image)

    def restart(self, samples: Tensor) -> None:
        """Drops the history of some samples, (B,) bool, and halves their step size."""
        self.usable &= ~samples[:, None]
        self.scale.copy_(torch.where(samples, 0, self.scale))
        self.fresh |= samples
        self.learning_rate /= 1 + samples

    def _precondition(self, gradient: Tensor) -> Tensor:
        """Returns P times the gradient, (B, 3, H, W)."""
        return gradient

    def _direction(self, image: Tensor, gradient: Tensor, right: Tensor) -> Tensor:
        """Records an evaluation; returns H times `right`, (B, pixels)."""
        products = self._remember(image, gradient, right)
        p_right = self._precondition(right).flatten(1)
        first = self.FIRST_STEP / p_right.abs().mean(1).clamp(min=torch.finfo(right.dtype).tiny)
        scale = torch.where(self.scale > 0, self.BOLDNESS * self.scale, first)
        factors = self._factors(products, scale.double()).to(right.dtype)
        return scale[:, None] * p_right + torch.bmm(factors[:, None], self.pairs)[:, 0]

    def _remember(self, image: Tensor, gradient: Tensor, right: Tensor) -> Tensor:
        """Records an evaluation; returns the products of all s and all P y with `right`, (B, 2m)."""
        m, now = self.HISTORY, (image, gradient, self._precondition(gradient))
        before = (self.image, self.gradient, self.preconditioned)
        s, y, py = (new.flatten(1) - old for new, old in zip(now, before, strict=True))
        for old, new in zip(before, now, strict=True):
            old.copy_(new.flatten(1))
        curvature, length = (s * y).sum(1), (y * py).sum(1)
        good = (curvature > self.CURVATURE * length) & ~self.fresh
        self.fresh.zero_()
        self.scale.copy_(torch.where(good, curvature / length, self.scale))
        # A bad pair may contain infinities, and 0 times infinity is NaN.
        s, y, py = (torch.where(good[:, None], part, 0) for part in (s, y, py))
        self.newest.add_(1).remainder_(m)
        self.pairs.index_copy_(1, self.newest, s[:, None]).index_copy_(1, self.newest + m, py[:, None])
        self.usable.index_copy_(1, self.newest, good[:, None])
        products = torch.bmm(self.pairs, torch.stack((y, right.flatten(1)), 2))  # (B, 2m, 2)
        with_y = products[..., :1].double()
        self.sy.index_copy_(2, self.newest, with_y[:, :m])
        self.ypy.index_copy_(2, self.newest, with_y[:, m:]).index_copy_(1, self.newest, with_y[:, m:].mT)
        return products[..., 1]

    def _factors(self, products: Tensor, scale: Tensor) -> Tensor:
        """Returns the factors of all s and all P y in the direction, (B, 2m): q and −γp, in the rings' order."""
        m = self.HISTORY
        order = (self.newest + 1 + torch.arange(m, device=products.device)) % m  # oldest first
        usable, scale = self.usable[:, order], scale[:, None]
        both = usable[:, :, None] & usable[:, None, :]
        sy, ypy = (torch.where(both, ring[:, order][:, :, order], 0) for ring in (self.sy, self.ypy))
        sg, ypg = (torch.where(usable, part[:, order].double(), 0) for part in (products[:, :m], products[:, m:]))
        r = sy.triu() + torch.diag_embed((~usable).double())  # a pair left out has factor 0
        p = torch.linalg.solve_triangular(r, sg[..., None], upper=True)
        d = sy.diagonal(dim1=1, dim2=2)
        right = d * p[..., 0] + scale * (torch.bmm(ypy, p)[..., 0] - ypg)
        q = torch.linalg.solve_triangular(r.mT, right[..., None], upper=False)
        factors = torch.cat((q, -scale[..., None] * p), 1)[..., 0]
        return torch.empty_like(factors).index_copy_(1, torch.cat((order, order + m)), factors)
