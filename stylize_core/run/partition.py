"""A partition: some chunks of a run that another process computes under the run's lease.

The run publishes the partition's jobs in its own folder of the store, and reads from the store what was committed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stylize_core.chunk.context import RunContext
from stylize_core.errors import StoreLocked
from stylize_core.files.files import Files
from stylize_core.options import Options
from stylize_core.plan.chunks import LINES, Chunks
from stylize_core.run.environment import logged
from stylize_core.run.ticket import RunTicket
from stylize_core.run.work import Work
from stylize_core.store import layout
from stylize_core.store.records import PARTITION
from stylize_core.store.tables import publish_batches, read_batches


def publish_partition(context: RunContext, number: int, chunks: Chunks) -> RunTicket:
    """Publishes the jobs of chunks for another process; replaces what the partition had before.

    Args:
        context: of their run; none of their URIs may contain credentials, because they go into the store.
        number: of the partition, from 1.
        chunks: in order.

    Returns:
        The ticket with which another process opens it.

    Raises:
        StoreError: the store cannot be written, or the lease is lost.
    """
    ticket = RunTicket.of(context)
    publish_batches(context.files, layout.partition(context.run, number), PARTITION, chunks.lines())
    return ticket


@contextmanager
def open_partition(
    options: Options, ticket: RunTicket, number: int, *, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[Work]:
    """Opens a partition in its process: its chunks and everything needed to compute them.

    Args:
        options: of the run, as `Work` has them.
        ticket: from `publish_partition`.
        number: of the partition.
        should_stop: polled between evaluations.

    Raises:
        StoreLocked: the run of the partition is over.
        StylizeError: nothing could be started.
    """
    with logged() as log:
        context = ticket.open(options, should_stop=should_stop)
        chunks = read_partition(context.files, ticket.run, number)
        yield Work(options=options, context=context, chunks=chunks, log=log)


def read_partition(files: Files, run: str, number: int) -> Chunks:
    """Returns the chunks that `publish_partition` wrote.

    Raises:
        StoreError: they are missing, or cannot be read.
    """
    try:
        return Chunks.from_lines(read_batches(files, layout.partition(run, number), PARTITION, LINES))
    except FileNotFoundError as error:
        raise StoreLocked("the run of this partition is over", where=files.public_uri) from error
