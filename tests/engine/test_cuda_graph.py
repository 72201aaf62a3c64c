"""When a step is called, captured and replayed, tested without a GPU on a substitute for CUDA's graphs."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from stylize_core.engine.cuda_graph import WARM_UP, Replayed
from stylize_core.engine.losses.style import STYLE_LOSSES
from stylize_core.engine.objective import Objective
from stylize_core.presets import resolve

GPU = torch.device("cuda")


class FakeGraph:
    """Counts replays."""

    replays = 0

    def replay(self) -> None:
        """Runs the captured calls."""
        FakeGraph.replays += 1


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> type[FakeGraph]:
    """Replaces CUDA's graphs: calls in a capture are recorded, not run."""

    @contextmanager
    def capture(graph: FakeGraph) -> Iterator[None]:
        yield

    FakeGraph.replays = 0
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    return FakeGraph


def test_a_cpu_is_called_each_time() -> None:
    """Without a GPU every call runs the function."""
    calls: list[int] = []
    replayed = Replayed(torch.device("cpu"))
    for _ in range(9):
        replayed(lambda: calls.append(1))
    assert len(calls) == 9


def test_a_gpu_captures_after_the_warm_up(graphs: type[FakeGraph]) -> None:
    """Of nine calls three are plain; then one is captured, without running, and replayed six times."""
    calls: list[int] = []
    replayed = Replayed(GPU)
    for _ in range(9):
        replayed(lambda: calls.append(1))
    assert len(calls) == WARM_UP + 1
    assert graphs.replays == 9 - WARM_UP


def test_what_waits_for_the_device_is_not_captured(graphs: type[FakeGraph]) -> None:
    """A function that cannot be captured is called each time; so is an objective with a loss that waits."""
    calls: list[int] = []
    replayed = Replayed(GPU, is_captured=False)
    for _ in range(9):
        replayed(lambda: calls.append(1))
    assert (len(calls), graphs.replays) == (9, 0)
    for style_loss in STYLE_LOSSES:
        settings = resolve("default-1", {"form": "relative", "style_loss": style_loss})
        assert Objective(nn.Module(), {}, [settings], device=torch.device("cpu")).is_captured is (
            style_loss != "wasserstein"
        )


def test_what_cannot_be_captured_goes_on(graphs: type[FakeGraph]) -> None:
    """If the capture is refused, calls stay plain: each step runs once, and there is one attempt."""
    calls: list[int] = []

    def function() -> None:
        calls.append(1)
        if len(calls) == WARM_UP + 1:
            raise RuntimeError("operation not permitted when stream is capturing")

    replayed = Replayed(GPU)
    for _ in range(9):
        replayed(function)
    assert graphs.replays == 0
    assert len(calls) == 9 + 1


def test_out_of_memory_in_the_capture_is_raised(graphs: type[FakeGraph]) -> None:
    """Out of memory in the capture raises, so that the caller halves the batch."""
    calls: list[int] = []

    def function() -> None:
        calls.append(1)
        if len(calls) > WARM_UP:
            raise torch.OutOfMemoryError("CUDA out of memory")

    replayed = Replayed(GPU)
    for _ in range(WARM_UP):
        replayed(function)
    with pytest.raises(torch.OutOfMemoryError):
        replayed(function)
