"""Records when each step was done, without waiting for the device."""

import time

import torch
from torch import Tensor


class Clock:
    """Records moments; on a GPU, those at which it has finished all work submitted so far.

    Args:
        device: whose work is timed; the time starts here.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._moments: list[float] = []
        self._events: list[torch.cuda.Event] = []
        self.tick()

    def tick(self) -> None:
        """Records the current moment."""
        if self._device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record(torch.cuda.current_stream(self._device))
            self._events.append(event)
        else:
            self._moments.append(time.perf_counter())

    def seconds(self) -> Tensor:
        """Returns the seconds from the start to each moment, (moments,) float32; waits for the last one."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
            first = self._events[0]
            return torch.tensor([first.elapsed_time(event) / 1000 for event in self._events[1:]])
        return torch.tensor([moment - self._moments[0] for moment in self._moments[1:]])
