"""The chunks of a run in a plain loop in this process, each tried again after an error that may pass."""

import time

from stylize_core.chunk.chunk import run_chunk
from stylize_core.chunk.context import RunContext
from stylize_core.errors import DeviceLost, OutputRefused, Stopped, StylizeError
from stylize_core.job import Chunk
from stylize_core.run.run import Run

RETRY_SECONDS = (1.0, 5.0, 15.0)
"""Pauses before a chunk is tried again after an error that may pass, such as a store that does not answer."""

_LOOK_SECONDS = 0.1
"""How often a pause asks whether the run is to stop."""


def compute_chunks(run: Run) -> None:
    """Computes the chunks of a prepared run.

    Raises:
        Stopped: the run is to stop; what was finished is committed.
        StylizeError: what made a chunk fail for good.
    """
    for chunk in run.chunks:
        if run.context.should_stop():
            raise Stopped("the run was stopped")
        compute_chunk(chunk, run.context)


def compute_chunk(chunk: Chunk, context: RunContext) -> None:
    """Computes a chunk, and tries again after an error that may pass; errors as of `compute_chunks`."""
    for pause in RETRY_SECONDS:
        try:
            run_chunk(chunk, context)
            return
        except StylizeError as error:
            if not may_pass_here(error):
                raise
            _pause(pause, context)
    run_chunk(chunk, context)


def may_pass_here(error: object) -> bool:
    """Returns whether trying again soon, in this process, may help.

    After a lost device only another process can go on; what stands in an output's way does not go by itself.
    """
    return isinstance(error, StylizeError) and error.retryable and not isinstance(error, DeviceLost | OutputRefused)


def _pause(seconds: float, context: RunContext) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if context.should_stop():
            raise Stopped("the run was stopped")
        time.sleep(min(left, _LOOK_SECONDS))
