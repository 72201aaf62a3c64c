"""A partition sent to and run in another process, without Prefect."""

import dataclasses
import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import fsspec
import pytest

from stylize_core.chunk.chunk import run_chunk
from stylize_core.errors import StoreLocked, UsageError, WeightsError
from stylize_core.options import Options
from stylize_core.run.partition import open_partition, publish_partition, read_partition
from stylize_core.run.run import Run, open_run
from stylize_core.run.ticket import RunTicket
from stylize_core.store.following import CommitFollower
from stylize_core.store.holder import Holder

KINDS: list[dict[str, str]] = [{}, {"steps": "1"}, {"start": "image", "init": "content-2.png", "format": "jpeg"}]


@pytest.fixture
def options(manifests: Any, store: Any) -> Options:
    """A run of five rows in two groups, with one row per chunk."""
    rows = [{**row, **KINDS[number % 3]} for number, row in enumerate(manifests.rows(5))]
    return Options(
        manifest=manifests.write(rows), store=str(store.folder), weights="builtin", device="cpu", rows_per_task=1
    )


@pytest.fixture
def run(options: Options) -> Iterator[Run]:
    """The run, prepared."""
    with open_run(options) as opened:
        opened.prepare()
        yield opened


def _compute(options: Options, ticket: RunTicket, number: int = 1) -> set[str]:
    with open_partition(options, ticket, number) as work:
        for chunk in work.chunks:
            run_chunk(chunk, work.context)
        return work.context.committed


def test_parts(run: Run) -> None:
    """Parts have the unchanged chunks in order; the last one has the rest."""
    parts = run.chunks.parts(2)
    assert [len(part) for part in parts] == [2, 2, 1]
    assert [chunk for part in parts for chunk in part] == list(run.chunks)
    assert [part.jobs for part in parts] == [2, 2, 1]


def test_what_is_left(run: Run) -> None:
    """Without their done jobs, chunks keep their numbers, other jobs and attempts."""
    first, *others = run.chunks
    left = run.chunks.without({first.jobs[0].job_id})
    assert list(left) == others
    assert left.job_ids(0) == [job.job_id for job in others[0].jobs]
    assert list(left.without({job.job_id for chunk in others for job in chunk.jobs})) == []


def test_chunks_come_through_the_store(run: Run) -> None:
    """A published partition is read back with its numbers, complete jobs and attempts."""
    part = run.chunks.parts(3)[1]
    publish_partition(run.context, 2, part)
    assert list(read_partition(run.context.files, run.name, 2)) == list(part)


def test_a_partition_computes_for_its_run(options: Options, run: Run, store: Any) -> None:
    """Its commits belong to the run, which sees each of them once, ends normally, and keeps the lease."""
    follower = CommitFollower(run.context.files, run.name)
    for number, part in enumerate(run.chunks.parts(3), 1):
        committed = _compute(options, publish_partition(run.context, number, part), number)
        assert follower.look() == dict.fromkeys(committed, "done")
        assert follower.look() == {}
    run.context.before_commit()
    run.finish()
    assert run.outcome["done"] == 5
    assert set(store.lines["run"]) == {run.name}
    assert [path.name for path in (store.folder / "lease").iterdir()] == ["00000001.json"]


def test_under_the_lease_of_another(options: Options, run: Run) -> None:
    """A partition whose run has lost the store begins nothing, and does not commit what it has begun."""
    ticket = publish_partition(run.context, 1, run.chunks)
    with open_partition(options, ticket, 1) as work:
        run.context.files.publish("lease/00000002.json", Holder.here(2).to_json())
        with pytest.raises(StoreLocked, match="another run is writing"):
            run_chunk(work.chunks[0], work.context)
    with pytest.raises(StoreLocked, match="is over"):
        _compute(options, ticket)


def test_after_its_run(options: Options) -> None:
    """A partition whose run has released the lease begins nothing, and does not commit what it has begun."""
    with open_run(options) as run:
        run.prepare()
        ticket = publish_partition(run.context, 1, run.chunks)
        opened = open_partition(options, ticket, 1)
        work = opened.__enter__()
    with pytest.raises(StoreLocked, match="the run that held this store is over"):
        run_chunk(work.chunks[0], work.context)
    opened.__exit__(None, None, None)
    with pytest.raises(StoreLocked, match="is over"):
        _compute(options, ticket)
    assert run.context.files.list("results") == []


@pytest.mark.parametrize(
    ("change", "error"),
    [({"release": "0.0.1"}, UsageError), ({"weights_sha256": "0" * 64}, WeightsError), ({"run": "9"}, StoreLocked)],
)
def test_what_does_not_belong_to_the_run(
    change: dict[str, Any], error: type[Exception], options: Options, run: Run
) -> None:
    """With another release, other weights of that name, or a withdrawn partition, nothing is computed."""
    ticket = publish_partition(run.context, 1, run.chunks)
    with pytest.raises(error):
        _compute(options, dataclasses.replace(ticket, **change))


def test_secrets_are_seen(plan: Callable[..., Any], manifests: Any) -> None:
    """A plan knows whether an input's URL, or a link of one, has a secret that must not be in the store."""
    assert not plan(manifests.rows(2)).rows.has_secrets
    place, data, archive = "me:secret@bucket/content", (manifests.folder / "content-0.png").read_bytes(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.png", data)
    fsspec.filesystem("memory").pipe({f"/{place}.png": data, f"/{place}.zip": archive.getvalue()})
    for url in (f"memory://{place}.png", f"zip://a.png::memory://{place}.zip"):
        assert plan([*manifests.rows(1), *manifests.rows(1, content=url)]).rows.has_secrets
