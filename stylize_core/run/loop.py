"""Computes the chunks of a run in a plain loop in this process; retries a chunk after a transient error."""

import time

from stylize_core.chunk.chunk import run_chunk
from stylize_core.chunk.context import RunContext
from stylize_core.errors import DeviceLost, OutputRefused, Stopped, StylizeError
from stylize_core.job import Chunk
from stylize_core.run.run import Run

RETRY_SECONDS = (1.0, 5.0, 15.0)
"""Pauses before the retries of a chunk after a transient error, such as a store that does not answer."""

_LOOK_SECONDS = 0.1
"""How often a pause checks whether to stop."""


def compute_chunks(run: Run) -> None:
    """Computes the chunks of a prepared run.

    Raises:
        Stopped: the run was asked to stop; what was finished is committed.
        StylizeError: a chunk failed for good.
    """
    for chunk in run.chunks:
        if run.context.should_stop():
            raise Stopped("the run was stopped")
        compute_chunk(chunk, run.context)


def compute_chunk(chunk: Chunk, context: RunContext) -> None:
    """Computes a chunk, with retries after transient errors; raises as `compute_chunks` does."""
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

    After a lost device only another process can continue; an obstacle in an output's place does not vanish by itself.
    """
    return isinstance(error, StylizeError) and error.retryable and not isinstance(error, DeviceLost | OutputRefused)


def _pause(seconds: float, context: RunContext) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if context.should_stop():
            raise Stopped("the run was stopped")
        time.sleep(min(left, _LOOK_SECONDS))
