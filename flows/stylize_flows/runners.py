"""Where chunks run: a plain loop, or Prefect tasks on this machine's device. Both leave the same store."""

from collections.abc import Callable
from contextvars import ContextVar

from stylize_core.chunk.chunk import run_chunk
from stylize_core.chunk.context import Progress, RunContext
from stylize_core.errors import DeviceLost, EngineError, OutputRefused, Stopped, StylizeError
from stylize_core.job import Chunk
from stylize_core.options import Options
from stylize_core.run.run import Run, open_run
from stylize_core.run.work import Work
from stylize_flows.stop import StopFlag

RETRY_SECONDS = (1.0, 5.0, 15.0)
"""Pauses before a chunk is tried again after an error that may pass, such as a store that does not answer."""

Compute = Callable[[Run, StopFlag], None]
"""Runs the chunks of a prepared run; raises Stopped where it is asked to stop."""

FanOut = Callable[[Work, StopFlag], None]
"""Runs chunks as Prefect tasks of the flow run that calls it; raises Stopped where it is asked to stop."""


class Watcher:
    """Sees nothing; to be overridden."""

    def prepared(self, run: Run) -> None:
        """The plan is made."""

    def progressed(self, progress: Progress) -> None:
        """A step or a commit; comes from the thread that computes."""

    def ended(self, run: Run, error: Exception | None) -> None:
        """The run is over: all rows are accounted for, or `error` says why not."""


watcher: ContextVar[Watcher] = ContextVar("watcher")
"""Who looks on: a context variable carries it, because the parameters of a flow must be plain values."""


def carry_out(
    options: Options, prepare: Callable[[Run], None], compute: Compute, collect: Callable[[Run], None]
) -> Run:
    """Carries out a run from its options to its report; what every runner shares.

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
            prepare(run)
            look.prepared(run)
            compute(run, stop)
            collect(run)
        except Stopped as problem:
            error = problem
            run.finish(at_once=True)
            raise Stopped(f"the run was stopped; {run.summary}") from problem
        except Exception as problem:
            error = problem
            if run.plan and isinstance(problem, EngineError):  # the store is there: every row is accounted for
                run.finish(at_once=True)
            raise
        finally:
            look.ended(run, error)
        return run


def loop(options: Options) -> Run:
    """Carries out a run in a plain loop, without Prefect."""
    return carry_out(options, Run.prepare, _compute_in_loop, Run.finish)


def may_pass_here(error: object) -> bool:
    """Returns whether trying again soon, in this process, may help.

    After a lost device only another process can go on; what stands in an output's way does not go by itself.
    """
    return isinstance(error, StylizeError) and error.retryable and not isinstance(error, DeviceLost | OutputRefused)


def _compute_in_loop(run: Run, stop: StopFlag) -> None:
    for chunk in run.chunks:
        if stop():
            raise Stopped("the run was stopped")
        compute_chunk(chunk, run.context, stop)


def compute_chunk(chunk: Chunk, context: RunContext, stop: StopFlag) -> None:
    """Computes a chunk without Prefect, and tries again after an error that may pass.

    Raises:
        Stopped: by a signal; what was finished is committed.
        StylizeError: what made it fail for good.
    """
    for pause in RETRY_SECONDS:
        try:
            run_chunk(chunk, context)
            return
        except StylizeError as error:
            if not may_pass_here(error):
                raise
            if stop.wait(pause):
                raise Stopped("the run was stopped") from error
    run_chunk(chunk, context)
