"""Starts, and noise that depends only on a job's seed."""

import pytest
import torch
from torch import Tensor

from stylize_core.engine.starts import start_image
from stylize_core.presets import resolve
from stylize_core.settings import Settings

CONTENT = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(99))


def settings_of(start: str, **given: object) -> Settings:
    """The preset `default` with another start."""
    return resolve("default-1", {"start": start, **given})


def started(start: str, **given: object) -> Tensor:
    """The start of a job whose content is CONTENT."""
    return start_image(settings_of(start, **given), CONTENT, None)


def test_content_is_a_copy() -> None:
    """The start `content` is a copy of the content."""
    start = started("content")
    assert torch.equal(start, CONTENT)
    assert start.data_ptr() != CONTENT.data_ptr()


def test_image_is_a_copy_of_the_given_one() -> None:
    """The start `image` is the image of column `init`, whatever the content."""
    init = 1 - CONTENT
    start = start_image(settings_of("image"), CONTENT, init)
    assert torch.equal(start, init)
    assert start.data_ptr() != init.data_ptr()


def test_noise_is_uniform() -> None:
    """Noise has the content's shape, lies in [0, 1], and has the moments of the uniform distribution."""
    noise = started("noise")
    assert noise.shape == CONTENT.shape
    assert noise.dtype == torch.float32
    assert noise.min() >= 0
    assert noise.max() <= 1
    assert noise.mean().item() == pytest.approx(1 / 2, abs=0.03)
    assert noise.var().item() == pytest.approx(1 / 12, abs=0.01)


@pytest.mark.parametrize("start", ["noise", "mix"])
def test_the_seed_decides_the_noise(start: str) -> None:
    """Equal seeds give equal starts, other seeds others; torch's global random state is neither used nor changed."""
    before = torch.random.get_rng_state()
    first = started(start, seed=1)
    torch.rand(5)
    assert torch.equal(started(start, seed=1), first)
    assert not torch.equal(started(start, seed=2), first)
    torch.random.set_rng_state(before)
    started(start, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_noise_does_not_depend_on_the_content() -> None:
    """Two jobs with equal seed and size start from the same noise."""
    assert torch.equal(start_image(settings_of("noise"), 1 - CONTENT, None), started("noise"))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_mix_lies_between_content_and_noise(share: float) -> None:
    """A mix moves the content by the share `noise` towards the seed's noise."""
    expected = (1 - share) * CONTENT + share * started("noise", seed=5)
    torch.testing.assert_close(started("mix", seed=5, noise=share), expected, rtol=1e-6, atol=1e-7)


def test_the_largest_seed_works() -> None:
    """The generator takes every seed that settings allow."""
    assert not torch.equal(started("noise", seed=2**63 - 1), started("noise", seed=0))
