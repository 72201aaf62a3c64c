"""Adam."""

import torch
from torch import Tensor

from stylize_core.engine.optimisers.optimiser import per_pixel


class Adam:
    """Adam (Kingma, Ba, ICLR 2015, algorithm 1), like `torch.optim.Adam`, with projection into the box [0, 1].

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
        denominator = self.square.sqrt() / per_pixel(correction) + self.EPSILON
        return (image - per_pixel(rate) * self.mean / denominator).clamp(0, 1)

    def restart(self, samples: Tensor) -> None:
        """Resets both moments of some samples, (B,) bool, and halves their step size."""
        keep = ~samples
        # A moment may contain infinities, and 0 times infinity is NaN.
        self.mean.copy_(torch.where(per_pixel(keep), self.mean, 0))
        self.square.copy_(torch.where(per_pixel(keep), self.square, 0))
        self.count *= keep
        self.learning_rate /= 1 + samples
