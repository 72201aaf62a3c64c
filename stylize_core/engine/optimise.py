"""The optimisation of a batch to its number of steps, and what comes of each sample."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from stylize_core.engine.clock import Clock
from stylize_core.engine.objective import Objective
from stylize_core.engine.quality import Quality
from stylize_core.engine.solver import Solver
from stylize_core.errors import Stopped
from stylize_core.images.encode import to_8bit
from stylize_core.settings import Settings

OnStep = Callable[[int, Tensor], None]
"""Called after each evaluation with the step and the totals (B,), which may still lie on the device."""

LIVENESS_STEPS = 25
"""How often a batch looks whether any of its samples is still alive; each look waits for the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimised:
    """What came of one sample.

    Attributes:
        image: (3, H, W) uint8.
        diverged: whether it was given up.
        steps: updates done.
        best_step: step with the lowest total.
        columns: names of the losses, see `Objective.columns`.
        losses: (steps + 1, columns) float32 on the CPU.
        seconds: (steps + 1,) float32, wall, since the batch began.
        batch: number of samples that were optimised together.
        final: (columns) like `losses`, of the clamped 8-bit image.
        snapshots: (3, H, W) uint8 by step.
        quality: figures of the image; none unless somebody judged it.
    """

    image: Tensor
    diverged: bool
    steps: int
    best_step: int
    columns: tuple[str, ...]
    losses: Tensor
    seconds: Tensor
    batch: int
    final: Tensor
    snapshots: dict[int, Tensor]
    quality: Quality = field(default_factory=Quality)


def optimise(
    objective: Objective,
    start: Tensor,
    settings: Sequence[Settings],
    *,
    on_step: OnStep = lambda step, totals: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Optimised]:
    """Optimises a batch to its number of steps.

    Args:
        objective: of the batch.
        start: (B, 3, H, W) in [0, 1], on the objective's device and in its dtype.
        settings: one a sample; optimiser, steps and snapshots are shared.
        on_step: progress.
        should_stop: asked between evaluations.

    Returns:
        One result a sample, in order.

    Raises:
        Stopped: `should_stop` said so; the batch is lost.
    """
    shared, clock = settings[0], Clock(start.device)
    solver = Solver(objective, start, settings, evaluations=shared.steps + 1)
    snapshots: dict[int, Tensor] = {}
    for step in range(shared.steps + 1):
        if should_stop():
            raise Stopped("the optimisation was stopped")
        totals = solver.advance()
        clock.tick()
        on_step(step, totals)
        if shared.snapshot_every and step and step % shared.snapshot_every == 0:
            snapshots[step] = to_8bit(solver.image)
        if step % LIVENESS_STEPS == 0 and not solver.guard.alive.any():
            break
    return _results(solver, settings, clock.seconds(), snapshots)


def _results(
    solver: Solver, settings: Sequence[Settings], times: Tensor, snapshots: dict[int, Tensor]
) -> list[Optimised]:
    guard, last = solver.guard, solver.image
    keep_best = torch.tensor([s.keep == "best" for s in settings], device=last.device)
    image = to_8bit(torch.where((keep_best | ~guard.alive)[:, None, None, None], guard.best, last))
    with torch.no_grad():
        final = solver.objective(image.to(last.dtype) / 255).stacked().float().cpu()
    losses, image = solver.losses.float().cpu(), image.cpu()
    last_steps, best_steps, alive = guard.last_step.tolist(), guard.best_step.tolist(), guard.alive.tolist()
    return [
        Optimised(
            image=image[b],
            diverged=not alive[b],
            steps=last_steps[b],
            best_step=best_steps[b],
            columns=solver.objective.columns,
            losses=losses[: last_steps[b] + 1, b],
            seconds=times[: last_steps[b] + 1],
            batch=len(settings),
            final=final[b],
            snapshots={step: taken[b].cpu() for step, taken in snapshots.items() if step <= last_steps[b]},
        )
        for b in range(len(settings))
    ]
