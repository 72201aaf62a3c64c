"""The loop of an optimisation on a network that returns the image itself, and that can be made to fail."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from fixtures.optimisers import OPTIMISERS, RATES
from torch import Tensor, nn

from stylize_core.engine.divergence_guard import DivergenceGuard
from stylize_core.engine.objective import Objective
from stylize_core.engine.optimise import Leg, Optimised
from stylize_core.engine.optimise import optimise as optimise_along
from stylize_core.engine.scales import Stage
from stylize_core.errors import Stopped
from stylize_core.images.encode import to_8bit
from stylize_core.presets import resolve
from stylize_core.settings import Settings

CPU = torch.device("cpu")
NAN = float("nan")

Spoil = Callable[[int, Tensor], Tensor]
"""From the number of the evaluation, from 0, and features (B, 3, H, W) to the network's output."""


class Mirror(nn.Module):
    """Its only layer, conv1_1, is the image. Counts its evaluations."""

    def __init__(self, spoil: Spoil = lambda evaluation, features: features) -> None:
        super().__init__()
        self.spoil, self.evaluations = spoil, 0

    def forward(self, image: Tensor, read: Callable[..., object], *, recompute: bool) -> dict[str, object]:
        """Returns the image, changed by `spoil`."""
        features = self.spoil(self.evaluations, image * 1.0)
        self.evaluations += 1
        return {"conv1_1": read("conv1_1", features)}


def picture(batch: int, seed: int) -> Tensor:
    """Seeded images (B, 3, 6, 8) in [0.2, 0.8]."""
    return 0.2 + 0.6 * torch.rand(batch, 3, 6, 8, generator=torch.Generator().manual_seed(seed))


def settings_of(optimiser: str, **given: object) -> Settings:
    """Settings that use only conv1_1 and both terms."""
    plain = {"content_layers": "conv1_1", "style_layers": "conv1_1", "style_weight": 10.0, "steps": 20}
    return resolve("default-1", {**plain, "optimiser": optimiser, "learning_rate": RATES[optimiser], **given})


def objective_of(network: nn.Module, *settings: Settings) -> Objective:
    """An objective whose contents and styles are seeded images."""
    batch = len(settings)
    style = picture(batch, 2).flatten(2)
    grams = style @ style.mT / (3 * 48)
    targets = {"content": {"conv1_1": (picture(batch, 1),)}, "style": {"conv1_1": (grams,)}}
    return Objective(network, targets, settings, device=CPU)


def optimise(objective: Objective, start: Tensor, settings: Sequence[Settings], **others: Any) -> list[Optimised]:
    """Optimises at one size; otherwise as the module's."""
    stage = Stage(*start.shape[2:], settings[0].steps)
    return optimise_along([Leg(stage, lambda: objective)], start, settings, **others)


def at(*evaluations: int) -> Spoil:
    """Spoils some evaluations of every sample."""
    return lambda evaluation, features: features * NAN if evaluation in evaluations else features


@OPTIMISERS
@pytest.mark.parametrize("weight", [0.0, 1e-30, 1e-9, 1.0])
def test_runs_to_its_count(optimiser: str, weight: float) -> None:
    """There are steps + 1 evaluations and lines of losses, however small the loss and its changes."""
    network = Mirror()
    settings = settings_of(optimiser, content_weight=weight, style_weight=weight)
    (found,) = optimise(objective_of(network, settings), picture(1, 3), [settings])
    assert network.evaluations == 20 + 1 + 1  # one more for the final terms
    assert found.steps == 20
    assert found.losses.shape == (21, 6)
    assert found.seconds.shape == (21,)
    assert not found.diverged


@OPTIMISERS
def test_the_loss_falls(optimiser: str) -> None:
    """After 60 steps the total is a small part of the first, and the best step's total is the lowest."""
    settings = settings_of(optimiser, steps=60)
    (found,) = optimise(objective_of(Mirror(), settings), picture(1, 3), [settings])
    totals = found.losses[:, 0]
    assert totals[-1] < 0.2 * totals[0]
    assert totals[found.best_step] == totals.min()
    assert all(before <= after for before, after in pairwise(found.seconds.tolist()))


@OPTIMISERS
def test_lines_of_losses_are_those_of_the_images(optimiser: str) -> None:
    """Line 0 is the start's; the last is the result's; `final` is the same after rounding to 8 bits."""
    settings = settings_of(optimiser)
    objective, start = objective_of(Mirror(), settings), picture(1, 3)
    (found,) = optimise(objective, start, [settings])
    assert torch.equal(found.losses[0], objective(start).stacked()[0])
    assert torch.equal(found.final, objective(found.image[None] / 255).stacked()[0])
    torch.testing.assert_close(found.final, found.losses[-1], rtol=0.05, atol=1e-4)


@OPTIMISERS
def test_nothing_to_do_is_done(optimiser: str) -> None:
    """A start at the minimum, with total and gradient 0, does not change and does not diverge."""
    settings = settings_of(optimiser, style_weight=0.0, steps=40)
    (found,) = optimise(objective_of(Mirror(), settings), picture(1, 1), [settings])
    assert not found.diverged
    assert found.losses[:, 0].tolist() == [0] * 41
    assert torch.equal(found.image, to_8bit(picture(1, 1)[0]))


@OPTIMISERS
@pytest.mark.parametrize("style_weight", [1e-8, 1e-5, 1e-2])
def test_a_start_beside_the_minimum_is_done(optimiser: str, style_weight: float) -> None:
    """If the first steps would make a tiny loss much larger, shorter ones are tried until one does not."""
    settings = settings_of(optimiser, style_weight=style_weight, steps=60)
    (found,) = optimise(objective_of(Mirror(), settings), picture(1, 1), [settings])
    assert not found.diverged
    assert found.losses[-1, 0] <= DivergenceGuard.EXPLOSION * found.losses[0, 0]


@OPTIMISERS
def test_recovers_from_nan(optimiser: str) -> None:
    """After NaN evaluations a sample continues from its best image, and its loss falls further."""
    settings = settings_of(optimiser, steps=60)
    (found,) = optimise(objective_of(Mirror(at(4, 5, 20)), settings), picture(1, 3), [settings])
    totals = found.losses[:, 0]
    assert totals.isnan().nonzero().flatten().tolist() == [4, 5, 20]
    assert not found.diverged
    assert found.steps == 60
    assert totals[-1] < 0.5 * totals[3]
    assert totals[21:].max() <= DivergenceGuard.EXPLOSION * totals[:21].nan_to_num(torch.inf).min()


@OPTIMISERS
def test_recovers_from_infinity_in_one_number(optimiser: str) -> None:
    """One infinite feature at one evaluation costs a step and nothing else."""

    def spoil(evaluation: int, features: Tensor) -> Tensor:
        return features.index_fill(2, torch.tensor(0), torch.inf) if evaluation == 7 else features

    settings = settings_of(optimiser, steps=40)
    (found,) = optimise(objective_of(Mirror(spoil), settings), picture(1, 3), [settings])
    assert (~found.losses[:, 0].isfinite()).nonzero().flatten().tolist() == [7]
    assert not found.diverged
    assert found.losses[-1, 0] < found.losses[6, 0]


@OPTIMISERS
def test_stays_out_of_a_forbidden_region(optimiser: str) -> None:
    """If images beyond a border have no loss, a sample ends on this side of it with a finite loss."""

    def spoil(evaluation: int, features: Tensor) -> Tensor:
        return features * (NAN if features.max() > 0.79 else 1)

    start = 0.3 * picture(1, 3)
    settings = settings_of(optimiser, style_weight=0.0, steps=60)  # the content itself reaches 0.8
    (found,) = optimise(objective_of(Mirror(spoil), settings), start, [settings])
    assert found.losses[:, 0].isnan().any()
    assert not found.diverged
    assert found.final.isfinite().all()
    assert found.final[0] < found.losses[0, 0]


@OPTIMISERS
def test_recovers_from_an_explosion(optimiser: str) -> None:
    """A step size far too large is halved until the loss falls."""
    start = picture(1, 1) + 0.02 * (picture(1, 3) - 0.5)
    settings = settings_of(optimiser, style_weight=0.0, learning_rate=1000.0, steps=100)
    (found,) = optimise(objective_of(Mirror(), settings), start, [settings])
    totals = found.losses[:, 0]
    assert totals[1] > 100 * totals[0]
    assert not found.diverged
    assert totals[-1] < totals[0]


def hopeless(evaluation: int, features: Tensor) -> Tensor:
    """Sample 1 has no loss from evaluation 3 to the last of 40 steps."""
    return features.index_fill(0, torch.tensor(1), NAN) if 3 <= evaluation <= 40 else features


@OPTIMISERS
def test_a_hopeless_sample_ends_diverged_with_its_best_image(optimiser: str) -> None:
    """It is given up after its patience; its neighbours' numbers are the same as beside a healthy sample."""
    settings = [settings_of(optimiser, steps=40, snapshot_every=10, seed=b) for b in range(3)]
    found = optimise(objective_of(Mirror(hopeless), *settings), picture(3, 3), settings)
    calm = optimise(objective_of(Mirror(), *settings), picture(3, 3), settings)
    short = optimise(objective_of(Mirror(), *settings), picture(3, 3), [settings_of(optimiser, steps=2)] * 3)
    assert [sample.diverged for sample in found] == [False, True, False]
    assert found[1].steps == 3 + DivergenceGuard.PATIENCE == len(found[1].losses) - 1
    assert sorted(found[1].snapshots) == [10, 20]
    assert found[1].best_step == 2
    assert torch.equal(found[1].image, short[1].image)
    assert found[1].final.isfinite().all()
    for b in (0, 2):
        assert torch.equal(found[b].losses, calm[b].losses)
        assert torch.equal(found[b].image, calm[b].image)
        assert torch.equal(found[b].final, calm[b].final)
        assert found[b].snapshots.keys() == calm[b].snapshots.keys() == {10, 20, 30, 40}
        assert all(torch.equal(image, calm[b].snapshots[step]) for step, image in found[b].snapshots.items())


def test_a_hopeless_batch_ends_early() -> None:
    """If no sample is alive the remaining steps are not computed; a start without a loss ends at once."""
    settings = settings_of("lbfgs", steps=1000)
    late = Mirror(lambda evaluation, features: features * (NAN if evaluation >= 3 else 1))
    (found,) = optimise(objective_of(late, settings), picture(1, 3), [settings])
    assert found.diverged
    assert late.evaluations <= 3 + DivergenceGuard.PATIENCE + 25 + 1
    dead = Mirror(at(0))
    (found,) = optimise(objective_of(dead, settings), picture(1, 3), [settings])
    assert found.diverged
    assert found.steps == 0
    assert dead.evaluations == 2
    assert torch.equal(found.image, to_8bit(picture(1, 3)[0]))


@OPTIMISERS
def test_a_bad_last_step_gives_the_best_image(optimiser: str) -> None:
    """If the last evaluation is bad the result is the best image, from which the sample would have continued."""
    settings = settings_of(optimiser, steps=20)
    (found,) = optimise(objective_of(Mirror(at(20)), settings), picture(1, 3), [settings])
    (best,) = optimise(objective_of(Mirror(), settings), picture(1, 3), [settings_of(optimiser, steps=found.best_step)])
    assert found.losses[-1, 0].isnan()
    assert not found.diverged
    assert torch.equal(found.image, best.image)


def test_keep_names_the_result() -> None:
    """`last` gives the image after the last step, `best` that of the lowest total, sample by sample."""
    last, best = (settings_of("adam", learning_rate=0.2, keep=keep, steps=4) for keep in ("last", "best"))
    found = optimise(objective_of(Mirror(), last, best), picture(2, 3), [last, best])
    for sample, step in zip(found, (4, found[1].best_step), strict=True):
        totals = sample.losses[:, 0]
        assert totals[4] > 1.3 * totals[sample.best_step]  # such a large rate makes Adam oscillate
        assert sample.final[0].item() == pytest.approx(totals[step].item(), rel=0.05)


@OPTIMISERS
def test_snapshots_are_the_images_on_the_way(optimiser: str) -> None:
    """A snapshot at step k is the result of the same job with k steps; step 0 has none."""
    settings = settings_of(optimiser, steps=7, snapshot_every=3)
    found = optimise(objective_of(Mirror(), settings, settings), picture(2, 3), [settings] * 2)
    for b, sample in enumerate(found):
        assert sorted(sample.snapshots) == [3, 6]
        for step, image in sample.snapshots.items():
            short = [settings_of(optimiser, steps=step)] * 2
            assert torch.equal(image, optimise(objective_of(Mirror(), *short), picture(2, 3), short)[b].image)


def test_no_steps() -> None:
    """With 0 steps the start is evaluated once and is the result."""
    settings = settings_of("adam", steps=0)
    (found,) = optimise(objective_of(Mirror(), settings), picture(1, 3), [settings])
    assert (found.steps, found.best_step, len(found.losses)) == (0, 0, 1)
    assert torch.equal(found.image, to_8bit(picture(1, 3)[0]))


def test_progress_is_told_after_each_evaluation() -> None:
    """`on_step` gets each step with the totals of the batch, as they are recorded."""
    settings, heard = settings_of("adam", steps=4), []
    found = optimise(
        objective_of(Mirror(), settings, settings),
        picture(2, 3),
        [settings] * 2,
        on_step=lambda step, totals: heard.append((step, totals.tolist())),
    )
    assert heard == [(k, [sample.losses[k, 0].item() for sample in found]) for k in range(5)]


def test_stops_between_evaluations() -> None:
    """`should_stop` is called before each evaluation; after True no evaluation follows."""
    network, settings = Mirror(), settings_of("lbfgs")
    with pytest.raises(Stopped):
        optimise(
            objective_of(network, settings), picture(1, 3), [settings], should_stop=lambda: network.evaluations == 3
        )
    assert network.evaluations == 3


def test_results_say_how_many_shared_the_batch() -> None:
    """Each result has the size of its batch, and results are in the order of the settings."""
    settings = [settings_of("adam", learning_rate=rate, steps=1) for rate in (0.01, 0.1)]
    start = picture(1, 3).expand(2, -1, -1, -1)
    found = optimise(objective_of(Mirror(), *settings), start, settings)
    assert [sample.batch for sample in found] == [2, 2]
    moved = [(sample.image / 255 - start[0]).abs().mean() for sample in found]
    assert [float(move) for move in moved] == pytest.approx([0.01, 0.1], abs=0.002)
