"""When a step is called, captured and replayed. No GPU is needed: CUDA's graphs are stood in for."""

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
        """Does what was captured."""
        FakeGraph.replays += 1


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> type[FakeGraph]:
    """Stands in for CUDA's graphs: what runs in a capture is recorded, not done."""

    @contextmanager
    def capture(graph: FakeGraph) -> Iterator[None]:
        yield

    FakeGraph.replays = 0
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    return FakeGraph


def test_a_cpu_is_called_each_time() -> None:
    """Without a GPU every call is the function's."""
    calls: list[int] = []
    replayed = Replayed(torch.device("cpu"))
    for _ in range(9):
        replayed(lambda: calls.append(1))
    assert len(calls) == 9


def test_a_gpu_captures_after_the_warm_up(graphs: type[FakeGraph]) -> None:
    """Of nine calls three are plain; then one is captured, without being done, and six times replayed."""
    calls: list[int] = []
    replayed = Replayed(GPU)
    for _ in range(9):
        replayed(lambda: calls.append(1))
    assert len(calls) == WARM_UP + 1
    assert graphs.replays == 9 - WARM_UP


def test_what_waits_for_the_device_is_not_captured(graphs: type[FakeGraph]) -> None:
    """A function that says so is called each time; an objective says so where one of its losses waits."""
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
    """Where the capture is refused, calls stay plain: each step is done once, and there is one attempt."""
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
    """The caller halves the batch then."""
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
