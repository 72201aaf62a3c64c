"""The interface of the optimisers."""

from typing import Protocol

from torch import Tensor


class Optimiser(Protocol):
    """Takes one step after each evaluation."""

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        """Returns the next image of each sample, (B, 3, H, W)."""
        ...

    def restart(self, samples: Tensor) -> None:
        """Resets the state of some samples, (B,) bool, and halves their step size."""
        ...


def per_pixel(values: Tensor) -> Tensor:
    """Returns values of the samples, (B,), in the form (B, 1, 1, 1), which applies them to every pixel."""
    return values[:, None, None, None]
