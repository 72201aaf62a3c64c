"""Small commits become large ones; nothing is lost if compaction is interrupted."""

import logging
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylize_core.errors import StoreLocked
from stylize_core.files.files import Files
from stylize_core.store import compact as compacting
from stylize_core.store import layout
from stylize_core.store.commits import commit_name, publish_commit
from stylize_core.store.compact import compact
from stylize_core.store.ledger import attempts, live, read_metrics, read_results
from stylize_core.store.records import METRICS, Outcome
from stylize_core.store.survey import survey
from stylize_core.store.sweep import sweep
from stylize_core.store.verify import verify

MakeOutcome = Callable[..., Outcome]
Seen = tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]


def commit(number: int) -> str:
    """Name of a commit."""
    return f"run-{number:019d}-0123abcd"


def mark(outcome: Outcome, number: int) -> Outcome:
    """Puts a number into a job's line and losses, which identifies both."""
    outcome.result.seconds = float(number)
    assert outcome.metrics is not None
    numbers = pa.array([float(number)] * len(outcome.metrics), pa.float32())
    outcome.metrics = outcome.metrics.set_column(METRICS.get_field_index("total"), METRICS.field("total"), numbers)
    return outcome


def seen(files: Files) -> Seen:
    """A reader's view of a store: live lines, their losses, and the attempts of each job, without names of commits."""
    results = read_results(files)
    lines = live(results)
    losses = read_metrics(files, lines).to_pandas().sort_values(["job_id", "step"], ignore_index=True)
    return lines.drop_columns(["commit"]).to_pandas(), losses, _highest(results)


def _highest(results: pa.Table) -> dict[str, int]:
    lines = attempts(results)
    return dict(zip(lines["job_id"].to_pylist(), lines["attempt"].to_pylist(), strict=True))


def assert_same(found: Seen, expected: Seen) -> None:
    """Two views of a store are equal."""
    pd.testing.assert_frame_equal(found[0], expected[0])
    pd.testing.assert_frame_equal(found[1], expected[1])
    assert found[2] == expected[2]


def names(files: Files, folder: str) -> list[str]:
    """Names of the commits that have a file in a folder."""
    return [entry.path.removeprefix(f"{folder}/").removesuffix(".parquet") for entry in files.list(folder)]


@pytest.fixture
def fill(outcome: MakeOutcome) -> Callable[..., None]:
    """Makes commits of two jobs each."""

    def make(files: Files, numbers: range) -> None:
        for n in numbers:
            jobs = [mark(outcome(f"{n:02x}{letter}"), n) for letter in "ab"]
            publish_commit(files, commit(n), jobs)

    return make


def test_many_small_commits_become_one(files: Files, fill: Callable[..., None]) -> None:
    """Readers see the same, in one file of results and one of losses; the store is sound."""
    fill(files, range(20))
    before = seen(files)
    assert compact(files) == 20
    assert names(files, "results") == names(files, "metrics") == [f"{commit(19)}_0001"]
    assert set(read_results(files)["commit"].to_pylist()) == {f"{commit(19)}_0001"}
    assert_same(seen(files), before)
    assert verify(files) == []
    assert sweep(files, survey(files)) == 0


def test_few_commits_are_left_alone(files: Files, fill: Callable[..., None]) -> None:
    """Compaction is worthwhile for many commits; the second time there is nothing to do."""
    fill(files, range(compacting.FEW - 1))
    assert compact(files) == 0
    fill(files, range(compacting.FEW))
    assert compact(files) == compacting.FEW
    assert compact(files) == 0


def test_nightly_runs_rewrite_little(
    local: Files, fill: Callable[..., None], outcome: MakeOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large commit is never read or written again; those before and those after it are joined separately."""
    fill(local, range(4))
    publish_commit(local, commit(4), [outcome(f"ff{n:04}") for n in range(300)])
    fill(local, range(5, 10))
    small, large = (Path(local.uri, "results", f"{commit(n)}.parquet").stat() for n in (0, 4))
    assert 5 * small.st_size < 4 * large.st_size
    monkeypatch.setattr(compacting, "FEW", 4)
    monkeypatch.setattr(compacting, "RESULTS_BYTES", 4 * large.st_size)
    before = seen(local)
    compact(local)
    assert names(local, "results") == [f"{commit(3)}_0001", commit(4), f"{commit(9)}_0001"]
    assert Path(local.uri, "results", f"{commit(4)}.parquet").stat().st_mtime_ns == large.st_mtime_ns
    assert_same(seen(local), before)


def test_files_stay_within_bounds(files: Files, fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of results and of losses bound what is joined at once."""
    fill(files, range(64))
    sizes = {folder: sum(entry.size for entry in files.list(folder)) for folder in ("results", "metrics")}
    for bound, folder in (("RESULTS_BYTES", "results"), ("METRICS_BYTES", "metrics")):
        with monkeypatch.context() as patch:
            patch.setattr(compacting, bound, sizes[folder] / 3)
            groups = compacting._groups(compacting._commits(files))
        assert [len(group) for group in groups] in ([21, 21, 21], [22, 21, 21], [21, 21, 22])


LINE = st.tuples(st.sampled_from("abcdef"), st.sampled_from(["done", "failed"]), st.integers(1, 2))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    commits=st.lists(st.lists(LINE, min_size=1, max_size=3, unique_by=lambda line: line[0]), min_size=2, max_size=9),
    rounds=st.integers(1, 3),
)
def test_readers_see_no_difference(
    commits: list[list[tuple[str, str, int]]], rounds: int, outcome: MakeOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers see the same for any jobs, attempts and commits, however often they are compacted."""
    monkeypatch.setattr(compacting, "FEW", 2)
    files = Files(f"memory://{uuid.uuid4().hex}")
    share = -(-len(commits) // rounds)
    for n, lines in enumerate(commits):
        jobs = [mark(outcome(job, status=status, attempt=attempt), n) for job, status, attempt in lines]
        publish_commit(files, commit_name("run"), jobs)
        if n % share == share - 1:
            before, faults = seen(files), verify(files)  # the image of a superseded attempt is a stray
            compact(files)
            assert_same(seen(files), before)
            assert verify(files) == faults
    assert len(names(files, "results")) <= 1 + len(commits) % share


def test_jobs_without_losses(files: Files, outcome: MakeOutcome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits of jobs that failed before they computed anything have no losses, before and after."""
    monkeypatch.setattr(compacting, "FEW", 2)
    for n in range(3):
        job = outcome(f"aa{n}", status="failed")
        job.image, job.metrics, job.snapshots, job.result.steps = None, None, {}, None
        publish_commit(files, commit(n), [job])
    before = seen(files)
    compact(files)
    assert names(files, "results") == [f"{commit(2)}_0001"]
    assert names(files, "metrics") == []
    assert_same(seen(files), before)


def test_a_damaged_file_costs_nothing(
    files: Files, fill: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """An unreadable file prevents compaction: nothing changes, and the log names the file."""
    fill(files, range(20))
    files.publish(layout.metrics(commit(7)), b"damaged")
    before = names(files, "results")
    with caplog.at_level(logging.WARNING):
        assert compact(files) == 0
    assert names(files, "results") == before
    assert layout.metrics(commit(7)) in caplog.text


def test_damage_stops_no_other_stretch(
    files: Files, fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two runs of commits the undamaged one is still joined."""
    monkeypatch.setattr(compacting, "FEW", 4)
    fill(files, range(8))
    monkeypatch.setattr(compacting, "RESULTS_BYTES", 4.5 * max(entry.size for entry in files.list("results")))
    files.publish(layout.metrics(commit(1)), b"damaged")
    assert compact(files) == 4
    assert names(files, "results") == [*map(commit, range(4)), f"{commit(7)}_0001"]


def test_damage_that_was_healed_is_no_hindrance(files: Files, outcome: MakeOutcome) -> None:
    """Damaged losses of superseded attempts are not read."""
    for n in range(20):
        publish_commit(files, commit(n), [mark(outcome("aa"), n)])
    files.publish(layout.metrics(commit(7)), b"damaged")
    before = seen(files)
    assert compact(files) == 20
    assert_same(seen(files), before)


def test_a_lost_lease_stops_it(files: Files, fill: Callable[..., None]) -> None:
    """A run whose lease was taken over, before or during compaction, changes no mark."""
    fill(files, range(20))
    before = [entry.path for entry in files.list("results")]
    for looks in range(2):
        left = iter(range(looks))

        def check(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise StoreLocked("another run is writing")

        with pytest.raises(StoreLocked):
            compact(files, check)
        assert [entry.path for entry in files.list("results")] == before
    assert len(files.list("metrics")) == 21  # a file without a mark, which is swept


KILLED = """
import os, signal, sys
from stylize_core.store import compact as compacting
from stylize_core.files.files import Files

compacting.FEW = 4
replace, unlink = os.replace, os.unlink

def compact_until(folder, last):
    changes = 0
    def counted(change):
        def call(*arguments):
            nonlocal changes
            changes += 1
            if changes == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*arguments)
        return call
    os.replace, os.unlink = counted(replace), counted(unlink)
    compacting.compact(Files(folder))
    os._exit(0)

for line in sys.stdin:
    folder, last = line.rsplit(maxsplit=1)
    pid = os.fork()
    if not pid:
        compact_until(folder, int(last))
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_costs_nothing(local: Files, fill: Callable[..., None], tmp_path: Path) -> None:
    """After `kill -9` before any change to the store, lines and losses are the same, and a sweep leaves it sound."""
    fill(local, range(5))
    before = seen(local)
    codes = []
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as compacter:
        assert compacter.stdin is not None
        assert compacter.stdout is not None
        while 0 not in codes:
            copy = tmp_path / f"killed-{len(codes)}"
            shutil.copytree(local.uri, copy)
            print(copy, len(codes) + 1, file=compacter.stdin, flush=True)
            codes.append(int(compacter.stdout.readline()))
            files = Files(str(copy))
            assert_same(seen(files), before)
            sweep(files, survey(files))
            assert_same(seen(files), before)
            assert verify(files) == []
        compacter.stdin.close()
    assert set(codes[:-1]) == {-9}
    assert len(codes) > 12
    assert names(files, "results") == [f"{commit(4)}_0001"]
