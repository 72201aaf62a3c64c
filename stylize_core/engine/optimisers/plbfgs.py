"""L-BFGS with a preconditioner."""

from torch import Tensor

from stylize_core.engine.optimisers.lbfgs import Lbfgs
from stylize_core.engine.precondition import Preconditioner


class PreconditionedLbfgs(Lbfgs):
    """L-BFGS in coordinates z with image = P^½ z, where P is a `Preconditioner`.

    P mixes pixels. If many are at a bound (a saturated picture), their gradients would mislead the others, so a step
    leaves out pixels that their gradient holds at a bound (Bertsekas, SIAM J. Control Optim. 20:2, 1982).
    """

    FIRST_STEP, LONGEST_STEP = 0.05, 0.1
    BOLDNESS = 1.5
    """The noise of bfloat16 in y makes γ too small."""

    def __init__(self, image: Tensor, learning_rate: Tensor) -> None:
        super().__init__(image, learning_rate)
        self.preconditioner = Preconditioner(image)

    def move(self, image: Tensor, gradient: Tensor) -> Tensor:
        """See `Lbfgs`; drops the pairs made with an earlier P."""
        changed = self.preconditioner.observe(gradient * _free(image, gradient))
        self.usable &= ~changed
        self.fresh |= changed
        return super().move(image, gradient)

    def _precondition(self, gradient: Tensor) -> Tensor:
        return self.preconditioner(gradient)

    def _direction(self, image: Tensor, gradient: Tensor, right: Tensor) -> Tensor:
        free = _free(image, gradient)
        return super()._direction(image, gradient, right * free) * free.flatten(1)


def _free(image: Tensor, gradient: Tensor) -> Tensor:
    """Returns which pixels are not held at a bound of the box by their gradient."""
    return ~((image <= 0) & (gradient > 0) | (image >= 1) & (gradient < 0))
