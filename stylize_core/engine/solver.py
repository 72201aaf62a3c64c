"""The loop body of an optimisation: evaluate, record, guard, step; every tensor stays on the device."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stylize_core.engine.cuda_graph import Replayed
from stylize_core.engine.divergence_guard import DivergenceGuard
from stylize_core.engine.objective import Objective
from stylize_core.engine.optimisers import make_optimiser
from stylize_core.settings import Settings


class Solver:
    """The optimisation of a batch at one size; nothing here waits for the device.

    Args:
        objective: of the batch.
        start: (B, 3, H, W) in [0, 1], on the objective's device and in its dtype.
        settings: one per sample; the optimiser is shared.
        evaluations: greatest number of evaluations.

    Attributes:
        image: the current images, (B, 3, H, W), overwritten by each step.
        guard: the best images, and the samples that are alive.
        losses: (evaluations, B, columns), see `Objective.columns`.
        evaluated: number of evaluations so far.
    """

    def __init__(
        self,
        objective: Objective,
        start: Tensor,
        settings: Sequence[Settings],
        *,
        evaluations: int,
    ) -> None:
        rates = torch.tensor([s.learning_rate for s in settings], device=start.device, dtype=start.dtype)
        self.objective, self.image, self.guard = objective, start.clone(), DivergenceGuard(start)
        self.losses = start.new_empty(evaluations, len(start), len(objective.columns))
        self.evaluated = 0
        self._gradient = torch.zeros_like(start)
        self._optimiser = make_optimiser(settings[0].optimiser, start, rates)
        self._step = torch.zeros(1, dtype=torch.long, device=start.device)
        self._replayed = Replayed(start.device, is_captured=objective.is_captured)

    def advance(self) -> Tensor:
        """Takes a step, except before the first evaluation, then evaluates; returns the totals, (B,)."""
        if self.evaluated == 0:
            self._evaluate()
        else:
            self._replayed(self._update_and_evaluate)
        self.evaluated += 1
        return self.losses[self.evaluated - 1, :, 0]

    @torch.no_grad()
    def leave(self) -> Tensor:
        """Takes a step after the last evaluation; returns the images, and for given-up samples their best ones."""
        image = self._optimiser.step(self.image, self._gradient)
        return torch.where(self.guard.alive[:, None, None, None], image, self.guard.best)

    def _update_and_evaluate(self) -> None:
        self.image.copy_(self._optimiser.step(self.image, self._gradient))
        self._evaluate()

    def _evaluate(self) -> None:
        losses, gradient = self.objective.evaluate(self.image)
        self.losses.index_copy_(0, self._step, losses.stacked()[None])
        image, gradient, back = self.guard.check(self._step, self.image, losses.total, gradient)
        self.image.copy_(image)
        self._gradient.copy_(gradient)
        self._optimiser.restart(back)
        self._step += 1
