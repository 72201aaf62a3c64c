"""Where chunks run: a plain loop, or Prefect tasks on this machine's device. Both leave the same store."""

from collections.abc import Callable
from contextvars import ContextVar

from stylize_core.chunk.context import Progress
from stylize_core.options import Options
from stylize_core.run.accounting import accounted
from stylize_core.run.loop import compute_chunks
from stylize_core.run.run import Run, open_run
from stylize_core.run.work import Work
from stylize_flows.stop import StopFlag

Compute = Callable[[Run, StopFlag], None]
"""Runs the chunks of a prepared run; raises Stopped if asked to stop."""

FanOut = Callable[[Work, StopFlag], None]
"""Runs chunks as Prefect tasks of the calling flow run; raises Stopped if asked to stop."""


class Watcher:
    """Ignores all events; to be overridden."""

    def prepared(self, run: Run) -> None:
        """The plan is made."""

    def progressed(self, progress: Progress) -> None:
        """A step or a commit; called from the computing thread."""

    def ended(self, run: Run, error: Exception | None) -> None:
        """The run is over: all rows are accounted for, or `error` says why not."""


watcher: ContextVar[Watcher] = ContextVar("watcher")
"""The watcher, in a context variable because the parameters of a flow must be plain values."""


def carry_out(
    options: Options, prepare: Callable[[Run], None], compute: Compute, collect: Callable[[Run], None]
) -> Run:
    """Carries out a run from its options to its report; shared by all runners.

    Args:
        options: of the run.
        prepare: makes the plan.
        compute: runs the chunks.
        collect: publishes rows, sheets and report.

    Raises:
        Stopped: by a signal; every row is accounted for.
        StylizeError: nothing could be started, or the store failed for good; what was committed is kept.
    """
    look = watcher.get(Watcher())
    with StopFlag() as stop, open_run(options, should_stop=stop, on_progress=look.progressed) as run:
        error: Exception | None = None
        try:
            with accounted(run):
                prepare(run)
                look.prepared(run)
                compute(run, stop)
                collect(run)
        except Exception as problem:
            error = problem
            raise
        finally:
            look.ended(run, error)
        return run


def loop(options: Options) -> Run:
    """Carries out a run in a plain loop, without Prefect."""
    return carry_out(options, Run.prepare, lambda run, _: compute_chunks(run), Run.finish)
