"""Who looks on while a run goes: the command line's progress bar, or nobody.

A context variable carries the watcher, because a flow's parameters must be plain values.
"""

from contextvars import ContextVar

from stylize_core.chunk.context import Progress
from stylize_core.errors import StylizeError
from stylize_core.run.run import Run


class Watcher:
    """Sees nothing; to be overridden."""

    def prepared(self, run: Run) -> None:
        """The plan is made."""

    def progressed(self, progress: Progress) -> None:
        """A step or a commit; comes from the thread that computes."""

    def ended(self, run: Run, error: StylizeError | None) -> None:
        """The run is over: all rows are accounted for, or `error` says why not."""


watcher: ContextVar[Watcher] = ContextVar("watcher")
