"""CUDA graphs: a step's hundreds of kernels are captured once and then replayed."""

import logging
from collections.abc import Callable

import torch

log = logging.getLogger(__name__)

WARM_UP = 3
"""Calls before the capture: in the first calls, libraries choose their algorithms and reserve their memory."""


class Replayed:
    """Calls a function that works in place on fixed tensors; on a GPU, replays it as a CUDA graph after some calls.

    Each call does exactly what the function does. A function that cannot be captured is called normally. The function
    is not stored: an owner's method would make a cycle, and the tensors of a batch would outlive it.

    Args:
        device: of the function's tensors.
        is_captured: whether to capture at all: a function that waits for the device cannot be captured.
    """

    def __init__(self, device: torch.device, *, is_captured: bool = True) -> None:
        self._device, self._is_captured = device, is_captured and device.type == "cuda"
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, function: Callable[[], None]) -> None:
        """Runs a function once; on a GPU its work may finish later.

        Args:
            function: always the same; without arguments, result, or branches on the values of tensors.
        """
        if self._is_captured and self._calls == WARM_UP:
            self._graph = self._captured(function)
        self._calls += 1
        if self._graph is not None:
            self._graph.replay()
        else:
            function()

    def _captured(self, function: Callable[[], None]) -> torch.cuda.CUDAGraph | None:
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(self._device)
        try:
            with torch.cuda.graph(graph):  # records without running
                function()
        except torch.OutOfMemoryError:
            raise  # the caller halves the batch
        except RuntimeError:
            log.warning("a step could not be captured as a CUDA graph; continuing without", exc_info=True)
            return None
        return graph
