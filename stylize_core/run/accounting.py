"""Accounts for every row, however a run ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from stylize_core.errors import EngineError, Stopped
from stylize_core.run.run import Run


@contextmanager
def accounted(run: Run) -> Iterator[None]:
    """A block that carries out a run; even if it ends early, the store gets the outcome of every row.

    Raises:
        Stopped: the run was asked to stop; the message gives its progress.
        KeyboardInterrupt: the same, after Ctrl-C in a program without a handler for it.
        StylizeError: the error that ended the block. After an error of the store no row can be accounted for.
    """
    try:
        yield
    except Stopped as problem:
        run.finish(at_once=True)
        raise Stopped(f"the run was stopped; {run.summary}") from problem
    except (KeyboardInterrupt, EngineError):
        if run.plan:  # then the store exists
            run.finish(at_once=True)
        raise
