"""However a run ends, every row is accounted for."""

from collections.abc import Iterator
from contextlib import contextmanager

from stylize_core.errors import EngineError, Stopped
from stylize_core.run.run import Run


@contextmanager
def accounted(run: Run) -> Iterator[None]:
    """A block that carries a run out; where it ends early, it still says in the store what became of every row.

    Raises:
        Stopped: the run was asked to stop; the message says how far it was.
        KeyboardInterrupt: the same, by Ctrl-C in a program that has no handler for it.
        StylizeError: what ended the block. After an error of the store no row can be accounted for.
    """
    try:
        yield
    except Stopped as problem:
        run.finish(at_once=True)
        raise Stopped(f"the run was stopped; {run.summary}") from problem
    except (KeyboardInterrupt, EngineError):
        if run.plan:  # the store is there
            run.finish(at_once=True)
        raise
