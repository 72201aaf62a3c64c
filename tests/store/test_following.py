"""Following a run: what a look shows, and what it costs."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stylize_core.files.files import Files
from stylize_core.store import layout
from stylize_core.store.compact import compact
from stylize_core.store.following import RunFollower
from stylize_core.store.holder import Holder
from stylize_core.store.records import PLAN, RESULTS, ROWS
from stylize_core.store.store import open_store
from stylize_core.store.tables import publish_table

RUN = "20261120T023000.000-beef"
BEGAN = 1_700_000_000.0


class CountingFiles(Files):
    """Files with a journal of reads."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.journal: list[str] = []

    def read(self, path: str) -> bytes:
        """Reads a file and records it."""
        self.journal.append(path)
        return super().read(path)


@pytest.fixture
def counting(tmp_path: Path) -> CountingFiles:
    """A store on disk."""
    open_store(f"{tmp_path}/store", create=True)
    return CountingFiles(f"{tmp_path}/store")


def _set_time(files: Files, path: str, seconds: float) -> None:
    local = files.local_path(path)
    assert local
    os.utime(local, (BEGAN + seconds, BEGAN + seconds))


def _plan(files: Files, jobs: int, run: str = RUN) -> None:
    actions = {"run": jobs, "skip": 7, "keep_failed": 0, "reject": 1}
    files.publish(layout.run(run, "plan.json"), json.dumps({"actions": actions, "forecast": {"jobs": jobs}}).encode())
    publish_table(files, layout.run(run, "plan.parquet"), PLAN.empty_table())
    _set_time(files, layout.run(run, "plan.parquet"), 0)


def _commit(files: Files, number: int, lines: list[dict[str, Any]], run: str = RUN) -> str:
    fixed = {"commit": f"{run}-{number:019d}-00000000", "run": run, "attempt": 1}
    table = pa.Table.from_pylist(
        [{"job_id": f"{number}-{n}", **fixed, **line} for n, line in enumerate(lines)], RESULTS
    )
    path = layout.results(fixed["commit"])
    publish_table(files, path, table)
    _set_time(files, path, 10.0 * number)
    return path


def _hold(files: Files, n: int = 1, **changed: Any) -> None:
    holder = Holder.here(n)
    files.publish(layout.lease(n), json.dumps({**json.loads(holder.to_json()), **changed}).encode())


def _done(total: float) -> dict[str, Any]:
    return {"status": "done", "final_total": total}


def test_a_look_counts_the_commits_of_the_run(counting: CountingFiles) -> None:
    """Done, failed, errors and the last commit's medians; rate and time left by the store's clock: 4 jobs in 20 s."""
    _plan(counting, 10)
    _commit(counting, 1, [_done(1.0)], run="20261119T023000.000-cafe")
    _commit(counting, 1, [_done(1.0), {"status": "failed", "error_code": "diverged"}])
    _commit(counting, 2, [_done(2.0), _done(4.0)])
    view = RunFollower(counting).look()
    assert (view.run, view.jobs, view.done, view.failed, view.committed) == (RUN, 10, 3, 1, 4)
    assert view.errors == {"diverged": 1}
    assert view.medians == {"total": 3.0}
    assert view.planned["skip"] == 7
    assert (view.seconds, view.rate, view.last_commit) == (20.0, 0.2, BEGAN + 20)
    assert view.seconds_left(BEGAN + 20) == 30.0
    assert view.seconds_left(BEGAN + 25) == 25.0
    assert view.seconds_left(BEGAN + 999) == 0.0


def test_each_commit_is_read_once(counting: CountingFiles) -> None:
    """Each look reads only new commits, and never those of other runs."""
    _plan(counting, 10)
    others = _commit(counting, 1, [_done(1.0)], run="20261119T023000.000-cafe")
    paths = [_commit(counting, 1, [_done(1.0)])]
    follower = RunFollower(counting)
    for number in (2, 3, 4):
        follower.look()
        paths.append(_commit(counting, number, [_done(1.0)]))
    assert [follower.look().done for _ in range(3)] == [4, 4, 4]
    read = [path for path in counting.journal if path.startswith(layout.RESULTS)]
    assert sorted(read) == sorted(paths)
    assert others not in read


def test_compaction_changes_no_count(counting: CountingFiles) -> None:
    """Commits that are joined at the end of a run are not counted as new jobs."""
    _plan(counting, 40)
    for number in range(1, 21):
        _commit(counting, number, [_done(1.0)])
    follower = RunFollower(counting)
    assert follower.look().done == 20
    assert compact(counting) == 20
    assert follower.look().done == 20


def test_the_end_and_the_next_run(counting: CountingFiles) -> None:
    """A run that was seen before its end stays; one that was over at the first look is replaced by the next one."""
    follower = RunFollower(counting)
    assert (follower.look().run, follower.look().has_begun) == ("", False)
    _plan(counting, 1)
    assert follower.look().has_begun
    rows = [{"row": 1, "status": "done"}, {"row": 2, "status": "rejected"}]
    publish_table(counting, layout.run(RUN, "results.parquet"), pa.Table.from_pylist(rows, ROWS))
    view = follower.look()
    assert (view.has_begun, view.rows) == (True, {"done": 1, "rejected": 1})

    late = RunFollower(counting)
    assert not late.look().has_begun
    _plan(counting, 3, run="20261121T023000.000-f00d")
    view = late.look()
    assert (view.run, view.has_begun, view.jobs, view.rows) == ("20261121T023000.000-f00d", True, 3, None)


def test_who_writes(counting: CountingFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """A living holder, the time since its last renewal by this process's clock, and a dead holder."""
    now = [100.0]
    monkeypatch.setattr("stylize_core.store.following.time.monotonic", lambda: now[0])
    follower = RunFollower(counting)
    assert follower.look().holder is None
    _hold(counting)
    assert follower.look().silent_seconds == 0
    now[0] += 42
    view = follower.look()
    assert view.holder
    assert (view.holder.pid, view.silent_seconds) == (os.getpid(), 42)
    _hold(counting, renewed=1)
    assert follower.look().silent_seconds == 0
    _hold(counting, released=True)
    assert follower.look().holder is None
