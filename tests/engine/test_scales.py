"""Coarse to fine: the sizes, the distribution of steps, and the record."""

import pytest
import torch
from fixtures.optimisers import OPTIMISERS, RATES
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.engine.engine import Engine
from stylize_core.engine.pair import Pair
from stylize_core.engine.scales import Stage, coarsest, count_scales, resized, stages
from stylize_core.engine.weights import Weights
from stylize_core.presets import resolve

CPU = torch.device("cpu")


def test_stages_by_hand() -> None:
    """96 x 64 with three sizes and 70 steps: each size has twice the steps of the next."""
    assert stages(64, 96, 3, 70) == [Stage(16, 24, 40), Stage(32, 48, 20), Stage(64, 96, 10)]
    assert stages(64, 96, 1, 70) == [Stage(64, 96, 70)]
    assert coarsest(64, 96, 3) == (16, 24)


@given(st.integers(16, 2000), st.integers(16, 2000), st.integers(0, 5), st.integers(0, 500))
def test_no_step_is_lost(height: int, width: int, scales: int, steps: int) -> None:
    """The steps add up, the last size is the picture's own, sizes rise, and every other size has a step."""
    found = stages(height, width, scales, steps)
    assert sum(stage.steps for stage in found) == steps
    assert found[-1][:2] == (height, width)
    assert all(stage.steps for stage in found[:-1])
    assert [stage.height for stage in found] == sorted(stage.height for stage in found)
    assert len(found) <= count_scales(scales, height, width) <= 5


@pytest.mark.parametrize(("edge", "count"), [(64, 1), (191, 1), (192, 2), (383, 2), (384, 3), (768, 4), (8000, 5)])
def test_auto_follows_the_size(edge: int, count: int) -> None:
    """One more size for each doubling from 192 px, at most five."""
    assert count_scales(0, edge, edge // 2) == count
    assert count_scales(3, edge, edge // 2) == 3


def test_a_picture_of_its_own_size_stays_as_it_is() -> None:
    """Resizing keeps the range, averages when it shrinks, and does not change a picture of that size."""
    image = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    assert resized(image, 8, 12) is image
    small = resized(image[0], 4, 6)
    assert small.shape == (3, 4, 6)
    assert 0 <= small.min() <= small.max() <= 1
    assert torch.allclose(resized(torch.full((3, 8, 8), 0.3), 4, 4), torch.tensor(0.3))


def picture(seed: int, height: int = 32, width: int = 48) -> torch.Tensor:
    """A smooth seeded picture."""
    coarse = torch.rand(1, 3, 4, 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)[0]


def pair(number: int, **given: object) -> Pair:
    """A job of two sizes in shallow layers."""
    layers = {"content_layers": "conv2_1", "style_layers": "conv1_1 conv2_1"}
    settings = resolve(
        "default", {**layers, "scales": 2, "steps": 9, "form": "relative", "style_weight": 30.0, **given}
    )
    return Pair(settings=settings, content=picture(number), style=picture(number + 50), style_key=str(number))


@OPTIMISERS
def test_losses_of_all_sizes_are_kept(builtin: Weights, optimiser: str) -> None:
    """A line per step, with the size of its computation; the last line has the image's size and its loss."""
    engine = Engine(builtin, device=CPU, precision="float32")
    given = {"optimiser": optimiser, "learning_rate": RATES[optimiser], "steps": 30, "snapshot_every": 12}
    (found,) = engine.optimise([pair(1, **given)])
    assert found.sizes.tolist() == [24] * 20 + [48] * 11
    assert len(found.losses) == len(found.seconds) == found.steps + 1 == 31
    assert found.losses[19, 0] < found.losses[0, 0]
    assert found.losses[-1, 0] < found.losses[20, 0]
    assert found.image.shape == (3, 32, 48)
    assert {step: tuple(image.shape) for step, image in found.snapshots.items()} == {12: (3, 32, 48), 24: (3, 32, 48)}
    assert found.final[0].item() == pytest.approx(found.losses[-1, 0].item(), rel=0.02)


def test_neighbours_are_not_felt(builtin: Weights) -> None:
    """At equal B, other neighbours and another slot give the identical image and losses over all sizes."""
    engine = Engine(builtin, device=CPU, precision="float32")
    mine, others = pair(1), [pair(2, seed=3, start="noise"), pair(3, style_weight=3.0)]
    first = engine.optimise([mine, *others])[0]
    last = engine.optimise([others[1], others[0], mine])[2]
    assert torch.equal(first.image, last.image)
    assert torch.equal(first.losses, last.losses)


def test_one_size_is_what_it_was(builtin: Weights) -> None:
    """scales=1, the neutral value, is bit-identical to a plain optimisation."""
    engine = Engine(builtin, device=CPU, precision="float32")
    (found,) = engine.optimise([pair(1, scales=1, steps=4)])
    assert found.sizes.tolist() == [48] * 5
