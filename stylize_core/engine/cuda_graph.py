"""CUDA graphs: a step's hundreds of kernels are launched once and for all, and then replayed."""

import logging
from collections.abc import Callable

import torch

log = logging.getLogger(__name__)

WARM_UP = 3
"""Calls before the capture: libraries choose their algorithms and reserve their memory in the first ones."""


class Replayed:
    """Calls a function that works in place on fixed tensors; on a GPU, from a CUDA graph after some calls.

    Each call does exactly what the function does. What cannot be captured goes on as plain calls. The function is not
    kept: an owner's method would make a cycle, and the tensors of a batch would outlive it.

    Args:
        device: where the function's tensors lie.
        is_captured: whether to capture at all: a function that waits for the device cannot be.
    """

    def __init__(self, device: torch.device, *, is_captured: bool = True) -> None:
        self._device, self._is_captured = device, is_captured and device.type == "cuda"
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, function: Callable[[], None]) -> None:
        """Does a function's work once; on a GPU it may be done later.

        Args:
            function: the same each time; without arguments and result, and without a branch on the values of tensors.
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
            with torch.cuda.graph(graph):  # records, does not run
                function()
        except torch.OutOfMemoryError:
            raise  # the caller halves the batch
        except RuntimeError:
            log.warning("a step could not be captured as a CUDA graph; going on without", exc_info=True)
            return None
        return graph
