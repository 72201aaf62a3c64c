"""A partition: some chunks of a run that another process computes, under the lease of the run that sent it out.

The run publishes the partition's jobs in its own folder of the store, and reads there what was committed. The process
of the partition never takes the lease, sweeps or compacts; it asks before each commit whether the lease still counts.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from stylize_core.chunk.context import Progress, RunContext
from stylize_core.errors import StoreLocked, UsageError, WeightsError
from stylize_core.files.files import Files
from stylize_core.job import Chunk, Job, Source
from stylize_core.options import Options
from stylize_core.plan.chunks import Chunks
from stylize_core.plan.job_spool import JobSpool
from stylize_core.release import versions
from stylize_core.run.environment import logged
from stylize_core.run.run import Run, load_engine
from stylize_core.run.work import Work
from stylize_core.settings import Settings
from stylize_core.store import layout
from stylize_core.store.holder import Holder, check_held, newest_holder
from stylize_core.store.records import PARTITION
from stylize_core.store.store import open_store
from stylize_core.store.tables import publish_batches, read_batches

LINES = 5000
"""Jobs in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Which chunks a process has to compute, and what it must have in common with the run; plain values.

    Attributes:
        run: name of the run.
        number: of the partition, from 1.
        lease: token of the run's lease.
        weights_sha256: of the network.
        release: of this program.
    """

    run: str
    number: int
    lease: str
    weights_sha256: str
    release: str


def publish_partition(run: Run, number: int, chunks: Iterable[Chunk]) -> Partition:
    """Publishes the jobs of chunks for another process, in place of what the partition had before.

    Args:
        run: theirs; none of their URIs may hold credentials, which would be in the store.
        number: of the partition.
        chunks: in their order.

    Raises:
        StoreError: the store cannot be written, or the lease is lost.
    """
    run.context.before_commit()
    holder = newest_holder(run.context.files)
    assert holder, "a run holds the lease"
    lines = (_line(chunk, job) for chunk in chunks for job in chunk.jobs)
    publish_batches(run.context.files, layout.partition(run.name, number), PARTITION, _batches(lines))
    return Partition(
        run=run.name,
        number=number,
        lease=holder.token,
        weights_sha256=run.context.engine.weights.sha256,
        release=versions()["stylize"],
    )


@contextmanager
def open_partition(
    options: Options,
    partition: Partition,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Iterator[tuple[Work, Holder]]:
    """Opens a partition in its process: its chunks with an engine, and who holds the store for it.

    Args:
        options: of the run; the precision as the run resolved it.
        partition: from `publish_partition`.
        should_stop: polled between evaluations.
        on_progress: told of steps and finished batches.

    Raises:
        StoreLocked: the run that sent the partition out is over.
        StylizeError: nothing could be started.
    """
    if partition.release != versions()["stylize"]:
        what = f"the run is of release {partition.release}, this machine has {versions()['stylize']}"
        raise UsageError(what, todo="install the same release everywhere")
    files = open_store(options.store, create=False)
    holder = _holder(files, partition)
    chunks = read_partition(files, partition)
    engine = load_engine(options)
    if engine.weights.sha256 != partition.weights_sha256:
        what = "this machine has other weights of that name than the run"
        raise WeightsError(what, where=options.weights, todo="copy the run's file here")
    with logged() as log:
        context = RunContext(
            engine=engine,
            files=files,
            run=partition.run,
            before_commit=partial(check_held, files, holder),
            should_stop=should_stop,
            on_progress=on_progress,
            job_timeout=options.job_timeout,
        )
        yield (
            Work(name=partition.run, options=options, context=context, chunks=chunks, jobs=chunks.jobs, log=log),
            holder,
        )


def read_partition(files: Files, partition: Partition) -> Chunks:
    """Returns the chunks that `publish_partition` wrote.

    Raises:
        StoreError: they are not there, or cannot be read.
    """
    spool = JobSpool()
    places, attempts, numbers = [], [], []
    try:
        for table in read_batches(files, layout.partition(partition.run, partition.number), PARTITION, LINES):
            for line in table.to_pylist():
                places.append(spool.add(_job(line), line["settings"]))
                attempts.append(line["attempt"] - 1)
                numbers.append(line["chunk"])
    except FileNotFoundError as error:
        raise StoreLocked("the run that sent out this partition is over", where=files.public_uri) from error
    found, starts = np.unique(np.array(numbers, np.int64), return_index=True)
    ends = np.append(starts, len(numbers)).astype(np.int64)
    return Chunks(spool, np.array(places, np.int64), np.array(attempts, np.int64), ends, found)


def _holder(files: Files, partition: Partition) -> Holder:
    newest = newest_holder(files)
    if newest is None or newest.token != partition.lease or not newest.may_be_alive():
        raise StoreLocked("the run that sent out this partition is over", where=files.public_uri)
    return newest


def _batches(lines: Iterator[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    while batch := list(islice(lines, LINES)):
        yield pa.RecordBatch.from_pylist(batch, schema=PARTITION)


def _line(chunk: Chunk, job: Job) -> dict[str, Any]:
    ((style, weight),) = job.styles
    return {
        "chunk": chunk.number,
        "job_id": job.job_id,
        "attempt": chunk.attempts[job.job_id],
        "content": asdict(job.content),
        "style": asdict(style),
        "style_weight": weight,
        "init": asdict(job.init) if job.init else None,
        "settings": job.settings.to_json(),
        "height": job.height,
        "width": job.width,
    }


def _job(line: dict[str, Any]) -> Job:
    return Job(
        job_id=line["job_id"],
        content=Source(**line["content"]),
        styles=((Source(**line["style"]), line["style_weight"]),),
        init=Source(**line["init"]) if line["init"] else None,
        settings=Settings.from_dict(json.loads(line["settings"])),
        height=line["height"],
        width=line["width"],
    )
