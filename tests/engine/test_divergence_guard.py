"""The guard on totals written by hand: which samples return, which are given up, and what is kept."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from stylize_core.engine.divergence_guard import DivergenceGuard

NAN, INF = float("nan"), float("inf")


def flat(*values: float) -> Tensor:
    """Images (B, 3, 2, 2), each with one value."""
    return torch.tensor(values, dtype=torch.float32)[:, None, None, None].expand(-1, 3, 2, 2).clone()


def watch(*totals: Sequence[float]) -> tuple[DivergenceGuard, list[Tensor]]:
    """A guard after totals by sample and step, and the samples that returned at each step.

    At step k every sample's image is k, and its gradient -k.
    """
    guard, backs = DivergenceGuard(flat(*[0.0] * len(totals))), []
    for step, column in enumerate(zip(*totals, strict=True)):
        image = flat(*[float(step)] * len(totals))
        backs.append(guard.check(step, image, torch.tensor(column), -image)[2])
    return guard, backs


def test_the_best_is_the_lowest_total() -> None:
    """The image with the lowest total is kept with its step; of equal totals, the earliest."""
    guard, backs = watch([5, 3, 4, 3, 6], [1, 2, 3, 4, 5], [5, 4, 3, 2, 1])
    assert guard.best_step.tolist() == [1, 0, 4]
    assert torch.equal(guard.best, flat(1, 0, 4))
    assert guard.last_step.tolist() == [4, 4, 4]
    assert not torch.stack(backs).any()


@pytest.mark.parametrize("bad", [NAN, INF, -INF, 1e9])
def test_a_bad_total_goes_back_to_the_best(bad: float) -> None:
    """After a total that is NaN, infinite or exploding, image and gradient are those of the best step."""
    guard, _ = watch([5, 3, 4], [5, 3, 4])
    image, gradient, back = guard.check(3, flat(9, 9), torch.tensor([bad, 4.0]), flat(7, 7))
    assert back.tolist() == [True, False]
    assert torch.equal(image, flat(1, 9))
    assert torch.equal(gradient, flat(-1, 7))
    assert guard.alive.all()


@pytest.mark.parametrize("bad", [NAN, INF])
def test_a_bad_gradient_goes_back_to_the_best(bad: float) -> None:
    """One number of the gradient that is not finite is enough, and such an image is never the best."""
    guard, _ = watch([5, 3])
    slope = flat(7)
    slope[0, 1, 0, 1] = bad
    image, gradient, back = guard.check(2, flat(9), torch.tensor([1.0]), slope)
    assert back.tolist() == [True]
    assert torch.equal(image, flat(1))
    assert torch.equal(gradient, flat(-1))
    assert guard.best_step.tolist() == [1]


@pytest.mark.parametrize(
    ("totals", "sent_back"),
    [
        ([100, 10, 99], False),  # 9.9 times the best
        ([100, 10, 101], True),
        ([100, 0.01, 0.9], False),  # 90 times the best, but less than a hundredth of the first
        ([100, 0.01, 1.1], True),
        ([0, 0, 0], False),
        ([0, 0, 1e-9], True),
    ],
)
def test_explosion(totals: list[float], sent_back: bool) -> None:
    """A loss explodes if it is above ten times its best and above a hundredth of the first."""
    assert bool(watch(totals)[1][-1]) == sent_back


def test_recovery_renews_the_patience() -> None:
    """Each new best resets a sample's number of failures."""
    spell = [NAN] * DivergenceGuard.PATIENCE
    guard, _ = watch([5, *spell, 4, *spell, 3, *spell])
    assert guard.alive.all()
    assert guard.best_step.item() == 2 * (DivergenceGuard.PATIENCE + 1)


def test_a_sample_that_does_not_recover_is_given_up() -> None:
    """A sample with more returns than its patience without a new best is dead, whatever comes later."""
    returns = [NAN] * DivergenceGuard.PATIENCE
    assert watch([5, 4, *returns, 5])[0].alive.all()
    dead, backs = watch([5, 4, *returns, NAN, 1, 1], [5, 4, *[3] * (DivergenceGuard.PATIENCE + 3)])
    assert dead.alive.tolist() == [False, True]
    assert dead.best_step.tolist() == [1, 2]
    assert dead.last_step.tolist() == [2 + DivergenceGuard.PATIENCE, 4 + DivergenceGuard.PATIENCE]
    assert not torch.stack(backs)[:, 1].any()


def test_a_dead_sample_rests_at_its_best() -> None:
    """From then on each step starts from its best image, which is not a return; other samples do not change."""
    guard, _ = watch([5, *[NAN] * (DivergenceGuard.PATIENCE + 1)], [5, *[4] * (DivergenceGuard.PATIENCE + 1)])
    image, gradient, back = guard.check(99, flat(9, 9), torch.tensor([1.0, 3.0]), flat(7, 7))
    assert torch.equal(image, flat(0, 9))
    assert torch.equal(gradient, flat(0, 7))
    assert not back.any()


@pytest.mark.parametrize("bad", [NAN, INF])
def test_a_start_that_cannot_be_evaluated_is_given_up_at_once(bad: float) -> None:
    """Without any finite total a sample returns to its start."""
    guard, _ = watch([bad, 1], [2, 1])
    assert guard.alive.tolist() == [False, True]
    assert guard.last_step.tolist() == [0, 1]
    assert torch.equal(guard.best, flat(0, 1))
