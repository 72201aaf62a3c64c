"""A partition in its own flow run of the same deployment: it computes its chunks under the lease of its run."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from stylize_core.errors import Stopped, StoreError, StylizeError
from stylize_core.files.files import Files
from stylize_core.options import Options
from stylize_core.run.partition import open_partition
from stylize_core.run.ticket import RunTicket
from stylize_core.store.holder import newest_holder
from stylize_core.store.lease import LeaseWatch
from stylize_flows.runners import FanOut
from stylize_flows.stop import StopFlag

LOOK_SECONDS = 1.0
"""Pause between two checks that the run that started the partition is still there."""


def carry_out_partition(options: Options, ticket: RunTicket, number: int, fan_out: FanOut) -> State[Any]:
    """Computes a partition and returns the final state of its flow run; the store has the outcome."""
    try:
        with (
            StopFlag() as stop,
            open_partition(options, ticket, number, should_stop=stop) as work,
            _ends_with(work.context.files, ticket.lease, stop),
        ):
            fan_out(work, stop)
    except Stopped as error:
        return Cancelled(message=str(error))
    except StylizeError as error:
        return Failed(message=str(error), data=error)
    return Completed(message=f"{len(work.context.committed)} of {work.chunks.jobs} jobs committed")


@contextmanager
def _ends_with(files: Files, lease: str, stop: StopFlag) -> Iterator[None]:
    """A block that is asked to stop as soon as the lease of this token is no longer valid."""
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(files, lease, stop, ended), name="run", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def _watch(files: Files, lease: str, stop: StopFlag, ended: threading.Event) -> None:
    watch = LeaseWatch()
    while not ended.wait(LOOK_SECONDS):
        try:
            newest = newest_holder(files)
        except StoreError:
            continue  # that says nothing of the holder
        if newest and (newest.token != lease or watch.is_free(newest)):
            stop.ask()
            return
