"""A run's files in the store, and their order."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest

from stylize_core.chunk.chunk import run_chunk
from stylize_core.errors import ManifestError, Stopped, StoreLocked
from stylize_core.files.files import Files
from stylize_core.manifest.private_copy import manifest_file
from stylize_core.options import Options
from stylize_core.run.look_ahead import look_ahead
from stylize_core.run.run import open_run
from stylize_core.store.runs import latest_run


@pytest.fixture
def options(manifests: Any, store: Any) -> Callable[..., Options]:
    """Options of a run of rows into `tmp_path / "store"`."""

    def make(rows: list[dict[str, str]], **others: Any) -> Options:
        return Options(manifest=manifests.write(rows), store=str(store.folder), weights="builtin", **others)

    return make


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the published files, in order, without leases."""
    paths: list[str] = []
    publish = Files.publish

    def note(files: Files, path: str, data: bytes) -> None:
        publish(files, path, data)
        if not path.startswith("lease"):
            paths.append(path)

    monkeypatch.setattr(Files, "publish", note)
    return paths


def _run(options: Options) -> Any:
    with open_run(options) as run:
        run.prepare()
        for chunk in run.chunks:
            run_chunk(chunk, run.context)
        run.finish()
    return run


def test_a_whole_run(options: Callable[..., Options], manifests: Any, store: Any) -> None:
    """Manifest, plan, environment, log, rows, sheets and report are in the run's folder; the outcome has the counts."""
    rows = [*manifests.rows(2), *manifests.rows(1, content="nowhere.png")]
    run = _run(options(rows, max_failed="1"))
    assert store.runs == [run.name]
    names = {path.name for path in (store.folder / "runs" / run.name).iterdir()}
    assert names == {
        "manifest.csv",
        "plan.json",
        "plan.parquet",
        "environment.json",
        "log.txt",
        "results.csv",
        "results.parquet",
        "failed.csv",
        "contact-sheets",
        "report.html",
    }
    assert run.outcome == {"done": 2, "skipped": 0, "failed": 0, "rejected": 1, "stopped": 0}
    assert run.summary == "3 rows: 2 done, 0 skipped, 0 failed, 1 rejected, 0 stopped"
    assert not run.too_many_failed
    assert run.folder_uri == f"{store.folder}/runs/{run.name}"


def test_order_of_publishing(options: Callable[..., Options], manifests: Any, published: list[str]) -> None:
    """A run's plan is published last of its folder, before the first job; the report comes at the end."""
    _run(options(manifests.rows(1)))
    names = [path.rpartition("/")[2] for path in published]
    plan = names.index("plan.parquet")
    assert {"manifest.csv", "plan.json", "environment.json"} < set(names[:plan])
    assert not any(path.startswith(("images", "results", "metrics")) for path in published[:plan])
    assert names[-1] == "report.html"


def test_names_sort_by_time(options: Callable[..., Options], manifests: Any, store: Any) -> None:
    """A later run has a later name."""
    asked = options(manifests.rows(1))
    with open_run(asked) as first:
        pass
    with open_run(asked) as second:
        pass
    assert first.name[:15] <= second.name[:15]
    assert first.name != second.name


def test_environment(
    options: Callable[..., Options], manifests: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It records the versions and options of the run, without passwords."""
    monkeypatch.setattr("sys.argv", ["stylize", "run", "s3://key:secret@bucket/m.csv?token=secret"])
    run = _run(options(manifests.rows(1)))
    text = (store.folder / "runs" / run.name / "environment.json").read_text()
    record = json.loads(text)
    assert record["run"] == run.name
    assert record["weights"]["name"] == "builtin"
    assert record["options"]["retry_failed"] == "transient"
    assert record["rows"] == run.outcome
    assert record["started"] <= record["finished"]
    assert "s3://bucket/m.csv" in record["command"]
    assert "secret" not in text


def test_log(options: Callable[..., Options], manifests: Any, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback of a job's unexpected failure is in the run's log, not on the terminal."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault of the program")

    monkeypatch.setattr("stylize_core.engine.engine.Engine.optimise", fail)
    run = _run(options(manifests.rows(1)))
    assert run.outcome["failed"] == 1
    log = (store.folder / "runs" / run.name / "log.txt").read_text()
    assert "failed unexpectedly" in log
    assert "Traceback" in log
    assert "ZeroDivisionError: a fault of the program" in log


def test_prepare_sweeps_what_a_killed_run_left(options: Callable[..., Options], manifests: Any, store: Any) -> None:
    """Files without a mark are deleted before the first job, and those with one are kept."""
    asked = options(manifests.rows(1))
    _run(asked)
    stray = store.folder / "images" / "ff" / f"{'f' * 24}.png"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"stray")
    images = len(store.images)
    with open_run(asked) as run:
        run.prepare()
        assert any("files without a mark deleted: 1 in images" in line for line in run.log)
    assert not stray.exists()
    assert len(store.images) == images - 1


def test_rejected_manifests_sweep_nothing(options: Callable[..., Options], manifests: Any, store: Any) -> None:
    """A run that may not start does not change the store."""
    _run(options(manifests.rows(1)))
    stray = store.folder / "images" / "ff" / f"{'f' * 24}.png"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"stray")
    with open_run(options(manifests.rows(2, size="5"))) as run, pytest.raises(ManifestError):
        run.prepare()
    assert stray.exists()
    assert len(store.runs) == 1


def test_a_store_has_one_run_at_a_time(options: Callable[..., Options], manifests: Any) -> None:
    """While a run is open another one is refused; afterwards it is not."""
    asked = options(manifests.rows(1))
    with open_run(asked), pytest.raises(StoreLocked), open_run(asked):
        pass
    with open_run(asked):
        pass


def test_a_lost_lease_stops_the_commits(options: Callable[..., Options], manifests: Any, store: Any) -> None:
    """A run whose lease was taken over publishes nothing more."""
    with open_run(options(manifests.rows(1))) as run:
        run.prepare()
        lease = sorted((store.folder / "lease").iterdir())[-1]
        taken = json.loads(lease.read_text()) | {"n": 2, "token": "another"}
        (store.folder / "lease" / "00000002.json").write_text(json.dumps(taken))
        with pytest.raises(StoreLocked):
            run_chunk(run.chunks[0], run.context)
    assert store.images == {}


def test_look_ahead_plans_what_the_run_plans(options: Callable[..., Options], manifests: Any, store: Any) -> None:
    """Before and after a run, looking ahead gives the run's plan, and creates no store."""
    asked = options(manifests.rows(3))
    ahead = look_ahead(asked)
    assert not store.folder.exists()
    run = _run(asked)
    assert list(ahead.chunks) == list(run.plan.chunks)
    assert list(ahead.lines()) == list(run.plan.lines())
    assert look_ahead(asked).counts["skip"] == 3


def test_unreadable_manifest(tmp_path: Path) -> None:
    """A missing manifest is a manifest error, with its location and without credentials."""
    with pytest.raises(ManifestError) as raised, manifest_file(f"{tmp_path}/nowhere.csv"):
        pass
    assert raised.value.where == f"{tmp_path}/nowhere.csv"
    with pytest.raises(ManifestError) as raised, manifest_file("carrier-pigeon://me:secret@loft/m.csv"):
        pass
    assert "secret" not in str(raised.value)


def test_a_stop_while_planning(options: Callable[..., Options], manifests: Any, store: Any) -> None:
    """No row begins, and nothing of the run is published."""
    asked: list[bool] = []
    with open_run(options(manifests.rows(3)), should_stop=lambda: bool(asked)) as run:
        asked.append(True)
        with pytest.raises(Stopped):
            run.prepare()
        run.finish(at_once=True)
    assert run.summary == "nothing was begun"
    assert not (store.folder / "runs").exists()


def test_a_manifest_as_parquet(options: Callable[..., Options], manifests: Any, store: Any) -> None:
    """A Parquet manifest gives the same jobs as its CSV twin, and is kept as read."""
    asked = options(manifests.rows(2))
    path = Path(asked.manifest).with_suffix(".parquet")
    pd.read_csv(asked.manifest).to_parquet(path)
    run = _run(replace(asked, manifest=str(path)))
    assert run.outcome["done"] == 2
    assert (store.folder / "runs" / run.name / "manifest.parquet").read_bytes() == path.read_bytes()
    assert _run(asked).outcome["skipped"] == 2


def test_credentials_stay_out_of_the_plan(
    options: Callable[..., Options], manifests: Any, store: Any, pictures: Path
) -> None:
    """Jobs have the full URLs of their inputs; the published plan does not."""
    place = "me:secret@bucket/content.png"
    fsspec.filesystem("memory").pipe(f"/{place}", (pictures / "content-0.png").read_bytes())
    with open_run(options(manifests.rows(1, content=f"memory://{place}"))) as run:
        run.prepare()
        assert run.chunks[0].jobs[0].content.uri == f"memory://{place}"
    table = pd.read_parquet(store.folder / "runs" / run.name / "plan.parquet")
    assert table["content"].tolist() == ["memory://bucket/content.png"]
    assert not any("secret" in str(cell) for cell in table.to_numpy().ravel())


def test_a_clock_that_was_set_back(
    options: Callable[..., Options], manifests: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest run is the last planned one, even if its name sorts before an earlier run's."""
    asked = options(manifests.rows(1))
    first = _run(asked)

    class Yesterday(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) - timedelta(days=1)

    monkeypatch.setattr("stylize_core.run.run.datetime", Yesterday)
    second = _run(asked)
    assert second.name < first.name
    assert latest_run(second.context.files) == second.name
