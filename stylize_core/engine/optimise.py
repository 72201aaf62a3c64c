"""The optimisation of a batch to its number of steps, and the result of each sample."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from stylize_core.engine.clock import Clock
from stylize_core.engine.objective import Objective
from stylize_core.engine.quality import Quality
from stylize_core.engine.scales import Stage, resized
from stylize_core.engine.solver import Solver
from stylize_core.errors import Stopped
from stylize_core.images.encode import to_8bit
from stylize_core.settings import Settings

OnStep = Callable[[int, Tensor], None]
"""Called after each evaluation with the step and the totals (B,), which may still be on the device."""

LIVENESS_STEPS = 25
"""Steps between two checks whether any sample of a batch is still alive; each check waits for the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimised:
    """The result of one sample.

    Attributes:
        image: (3, H, W) uint8.
        diverged: whether it was given up.
        steps: updates done.
        best_step: step with the lowest total among those at the last size.
        columns: names of the losses, see `Objective.columns`.
        losses: (steps + 1, columns) float32 on the CPU.
        sizes: (steps + 1,) int32, the long edge at which each step's losses were computed, pixels.
        seconds: (steps + 1,) float32, wall time since the batch began.
        batch: number of samples that were optimised together.
        final: (columns) like `losses`, of the clamped 8-bit image.
        snapshots: (3, H, W) uint8 by step.
        quality: figures of the image; none if it was not judged.
    """

    image: Tensor
    diverged: bool
    steps: int
    best_step: int
    columns: tuple[str, ...]
    losses: Tensor
    sizes: Tensor
    seconds: Tensor
    batch: int
    final: Tensor
    snapshots: dict[int, Tensor]
    quality: Quality = field(default_factory=Quality)


class Leg(NamedTuple):
    """The part of an optimisation at one size.

    Attributes:
        stage: the size and the number of updates.
        objective: makes the objective of that size; called when the leg begins, so that only one is in memory.
    """

    stage: Stage
    objective: Callable[[], Objective]


def optimise(
    legs: Sequence[Leg],
    start: Tensor,
    settings: Sequence[Settings],
    *,
    on_step: OnStep = lambda step, totals: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Optimised]:
    """Optimises a batch to its number of steps, size by size; each size starts from the result of the previous one.

    The losses of step k, after k updates, are those at the size of the next update.

    Args:
        legs: from the coarsest size to that of the results.
        start: (B, 3, h, w) in [0, 1] at the first size, on the objective's device and in its dtype.
        settings: one per sample; those that fix the graph are equal.
        on_step: progress.
        should_stop: called between evaluations.

    Returns:
        One result per sample, in order.

    Raises:
        Stopped: `should_stop` returned True; the batch is lost.
    """
    way = _Way(legs[-1].stage, settings[0].snapshot_every, Clock(start.device), on_step, should_stop)
    image = start
    for leg, following in pairwise(legs):
        solver = Solver(leg.objective(), image, settings, evaluations=leg.stage.steps)
        way.go(solver, leg.stage)
        image = resized(solver.leave(), following.stage.height, following.stage.width)
        del solver  # and its objective, before the next one is made
    last = legs[-1]
    solver = Solver(last.objective(), image, settings, evaluations=last.stage.steps + 1)
    began = way.step
    way.go(solver, last.stage, is_last=True)
    return _results(solver, settings, way, began)


class _Way:
    """What is recorded of a batch during its optimisation."""

    def __init__(
        self, end: Stage, snapshot_every: int, clock: Clock, on_step: OnStep, should_stop: Callable[[], bool]
    ) -> None:
        self.step, self.clock = 0, clock
        self.losses: list[Tensor] = []
        self.sizes: list[int] = []
        self.snapshots: dict[int, Tensor] = {}
        self._end, self._every, self._on_step, self._should_stop = end, snapshot_every, on_step, should_stop

    def go(self, solver: Solver, stage: Stage, *, is_last: bool = False) -> None:
        """Evaluates once per update at this size, and at the last size once more."""
        for _ in range(stage.steps + is_last):
            if self._should_stop():
                raise Stopped("the optimisation was stopped")
            totals = solver.advance()
            self.clock.tick()
            self._on_step(self.step, totals)
            self.sizes.append(max(stage.height, stage.width))
            if self._every and self.step and self.step % self._every == 0:
                self.snapshots[self.step] = to_8bit(resized(solver.image, self._end.height, self._end.width))
            if is_last and solver.evaluated % LIVENESS_STEPS == 1 and not solver.guard.alive.any():
                break
            self.step += 1
        self.losses.append(solver.losses)


def _results(solver: Solver, settings: Sequence[Settings], way: _Way, began: int) -> list[Optimised]:
    """Returns the result of each sample; the last size decides whether it was given up, and its best step."""
    guard, last = solver.guard, solver.image
    keep_best = torch.tensor([s.keep == "best" for s in settings], device=last.device)
    image = to_8bit(torch.where((keep_best | ~guard.alive)[:, None, None, None], guard.best, last))
    with torch.no_grad():
        final = solver.objective(image.to(last.dtype) / 255).stacked().float().cpu()
    losses, image, times = torch.cat(way.losses).float().cpu(), image.cpu(), way.clock.seconds()
    sizes = torch.tensor(way.sizes, dtype=torch.int32)
    last_steps, best_steps = (guard.last_step + began).tolist(), (guard.best_step + began).tolist()
    alive = guard.alive.tolist()
    return [
        Optimised(
            image=image[b],
            diverged=not alive[b],
            steps=last_steps[b],
            best_step=best_steps[b],
            columns=solver.objective.columns,
            losses=losses[: last_steps[b] + 1, b],
            sizes=sizes[: last_steps[b] + 1],
            seconds=times[: last_steps[b] + 1],
            batch=len(settings),
            final=final[b],
            snapshots={step: taken[b].cpu() for step, taken in way.snapshots.items() if step <= last_steps[b]},
        )
        for b in range(len(settings))
    ]
