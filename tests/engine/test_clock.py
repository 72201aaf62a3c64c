"""The times of steps."""

import time

import torch

from stylize_core.engine.clock import Clock


def test_moments_count_from_the_beginning() -> None:
    """Each tick has the time since the clock was made, in order."""
    began = time.perf_counter()
    clock = Clock(torch.device("cpu"))
    time.sleep(0.01)
    clock.tick()
    time.sleep(0.02)
    clock.tick()
    first, second = clock.seconds().tolist()
    assert 0.01 <= first <= second - 0.02
    assert second <= time.perf_counter() - began


def test_no_tick_no_moment() -> None:
    """A clock without ticks has no times."""
    assert Clock(torch.device("cpu")).seconds().tolist() == []
