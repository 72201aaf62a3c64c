"""Runs a partition as a subflow in this process, within the flow run of its run."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.states import Cancelled, Completed, Failed

from stylize_core.errors import Stopped, StylizeError
from stylize_core.plan.chunks import Chunks
from stylize_core.run.run import Run
from stylize_flows import local_runner
from stylize_flows.lost_server import hang_up, has_lost_server
from stylize_flows.runners import FanOut
from stylize_flows.stop import StopFlag


def compute_partition(run: Run, chunks: Chunks, number: int, count: int, fan_out: FanOut, stop: StopFlag) -> None:
    """Computes the rest of a partition.

    Args:
        run: the run; its committed jobs are updated.
        chunks: of the partition.
        number: of the partition, from 1.
        count: number of partitions.
        fan_out: computes the chunks.
        stop: of the run.

    Raises:
        Stopped: by a signal; what was finished is committed.
        StylizeError: a chunk failed for good.
    """
    if has_lost_server():
        fan_out(replace(run.work, chunks=chunks.without(run.context.committed)), stop)
        return
    context = replace(run.context, committed=set())
    work = replace(run.work, context=context, chunks=chunks.without(run.context.committed))
    try:
        _in_flow_run(lambda: fan_out(work, stop), run.name, number, count, stop)
    finally:
        run.context.committed |= context.committed


def _in_flow_run(compute: Callable[[], None], run: str, number: int, count: int, stop: StopFlag) -> None:
    """Calls a function in a flow run within the current one, and raises what the function raises."""
    outcome: list[StylizeError | None] = []  # at most one: a lost server does not return it

    @flow(
        name="stylize partition",
        flow_run_name=f"partition {number} of {count}",
        task_runner=local_runner.ONE_DEVICE,
        persist_result=False,
    )
    def stylize_partition(run: str, number: int) -> State[Any]:
        try:
            with stop:  # Prefect takes over the signals for every flow run
                compute()
            outcome.append(None)
        except StylizeError as error:
            outcome.append(error)
            message = str(error)
            return Cancelled(message=message) if isinstance(error, Stopped) else Failed(message=message, data=error)
        finally:
            if has_lost_server():
                hang_up()
        return Completed(message=f"partition {number} of run {run} is done")

    try:
        state = stylize_partition(run, number, return_state=True)
    except TerminationSignal as signal:  # the signal came while Prefect handled signals
        stop.ask()
        raise Stopped("the run was stopped") from signal
    except RuntimeError:
        if not (outcome and has_lost_server()):
            raise
    else:
        if not outcome:
            state.result()  # raises unexpected errors
    if error := next(iter(outcome), None):
        raise error
