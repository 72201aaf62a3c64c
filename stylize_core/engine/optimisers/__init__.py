"""The optimisers of a batch of images, one file each: every sample has its own step size and state.

They work on tensors of shape (B, 3, H, W) without branches on their values, so that nothing waits for the device,
and change their state in place, so that a step can be captured as a CUDA graph. A sample that is sent back to an
earlier image (`restart`) loses its state and continues with half its step size.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor

from stylize_core.engine.optimisers.adam import Adam
from stylize_core.engine.optimisers.lbfgs import Lbfgs
from stylize_core.engine.optimisers.optimiser import Optimiser
from stylize_core.engine.optimisers.plbfgs import PreconditionedLbfgs


class OptimiserKind(NamedTuple):
    """An optimiser as the solver and the forecast of memory see it.

    Attributes:
        make: makes it from the start, (B, 3, H, W), and the learning rates, (B,).
        images: in float32, alive at the peak of a job: its state, the guard's and the objective's.
    """

    make: Callable[[Tensor, Tensor], Optimiser]
    images: int


OPTIMISERS: Mapping[str, OptimiserKind] = {
    "lbfgs": OptimiserKind(Lbfgs, images=45),
    "plbfgs": OptimiserKind(PreconditionedLbfgs, images=47),
    "adam": OptimiserKind(Adam, images=23),
}
"""The optimisers, by value of the setting."""


def make_optimiser(name: str, image: Tensor, learning_rate: Tensor) -> Optimiser:
    """Returns the optimiser of a batch by setting `optimiser`."""
    return OPTIMISERS[name].make(image, learning_rate)
