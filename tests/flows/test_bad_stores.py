"""Unusable stores: refused before anything runs, or, if the disk is full, completed by running again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def run_into(stylize: Callable[..., Any], manifests: Any) -> Callable[[Path | str], Any]:
    """Runs a tiny manifest into a store."""
    manifest = manifests.write(manifests.rows(3))
    return lambda store: stylize("run", manifest, "--store", str(store), "--weights", "builtin", "--runner", "loop")


def test_store_without_permission(
    unprivileged: Path, stylize: Callable[..., Any], refused: Callable[..., str], tmp_path_factory: Any
) -> None:
    """A store without write permission is refused with the system's reason, also for a user who is not root."""
    manifest = unprivileged.parent / f"{unprivileged.name}.csv"
    manifest.write_text("content,style\na.png,b.png\n")
    store = unprivileged / "store"
    error = refused(stylize("run", str(manifest), "--store", str(store), "--weights", "builtin", "--runner", "loop"))
    manifest.unlink()
    assert "the store cannot be written: Permission denied" in error
    assert f"where: {store}" in error


def test_file_as_store(run_into: Callable[..., Any], refused: Callable[..., str], tmp_path: Path) -> None:
    """A file is not a store."""
    (tmp_path / "file").write_text("mine")
    assert "the store cannot be read: Not a directory" in refused(run_into(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


def test_folder_of_other_things_as_store(
    run_into: Callable[..., Any], refused: Callable[..., str], tmp_path: Path
) -> None:
    """A folder with other things in it does not become a store."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "letter.txt").write_text("mine")
    assert "the folder is not empty and is not a store" in refused(run_into(tmp_path / "folder"))
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["letter.txt"]


def test_store_of_another_version(run_into: Callable[..., Any], refused: Callable[..., str], tmp_path: Path) -> None:
    """A store of another schema version is refused with that version."""
    header = tmp_path / "old" / "store.json"
    header.parent.mkdir()
    header.write_text(json.dumps({"product": "stylize", "schema_version": 99}))
    error = refused(run_into(tmp_path / "old"))
    assert "the store has schema version 99; this release reads version 1" in error
    assert str(header) in error


def test_unknown_kind_of_store(run_into: Callable[..., Any], refused: Callable[..., str]) -> None:
    """A URL with an unknown protocol is refused."""
    assert "this kind of store is not known here" in refused(run_into("carrier-pigeon://bucket/store"))


@pytest.mark.parametrize("command", ["status", "report"])
def test_no_store(command: str, stylize: Callable[..., Any], refused: Callable[..., str], tmp_path: Path) -> None:
    """Commands that only read do not create a missing store."""
    assert "there is no store here" in refused(stylize(command, f"{tmp_path}/nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_a_disk_that_is_full_for_the_report(
    small_disk: Callable[[str], Path], manifests: Any, drive: Callable[..., Any], view: Callable[[Path], Any]
) -> None:
    """If images and record fit and the report does not, the run is done, and a warning says what is missing."""
    disk = small_disk("8m")
    (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free - 1024 * 240))
    options = ("--store", str(disk / "store"), "--weights", "builtin", "--runner", "loop")
    ended = drive("run", manifests.write(manifests.rows(3)), *options).ended()
    assert ended.code == 0
    assert "warning: the report cannot be drawn: there is no space left for the store" in ended.err
    assert view(disk / "store").statuses() == ["done", "done", "done"]


@pytest.mark.parametrize("free_kb", [0, 40, 72])
def test_full_disk(
    free_kb: int,
    small_disk: Callable[[str], Path],
    manifests: Any,
    drive: Callable[..., Any],
    stylize: Callable[..., Any],
    view: Callable[[Path], Any],
) -> None:
    """Wherever the disk becomes full the error says so; once there is space, the same command completes the run."""
    disk = small_disk("8m")
    filler, store = disk / "filler", disk / "store"
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - 1024 * free_kb))
    command = ["run", manifests.write(manifests.rows(3)), "--store", str(store), "--weights", "builtin"]
    command += ["--runner", "loop"]

    full = drive(*command)
    assert full.wait() == (1 if "3 to compute" in full.output else 2)
    error = full.output
    assert "error: there is no space left for the store\n  where: " in error
    assert "  to do: free some space, then run the same command again: finished jobs are kept\n" in error
    assert "Traceback" not in error
    kept = view(store).seeds()

    filler.unlink()
    assert stylize(*command).code == 0
    assert view(store).statuses() == ["skipped" if str(seed) in kept else "done" for seed in range(3)]
    assert "verified: 0 faults" in stylize("status", str(store), "--verify").out
