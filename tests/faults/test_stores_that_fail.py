"""Stores that fail during a run: a clear end, nothing lost, and the next run completes it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def _is_clean(stylize: Callable[..., Any], folder: Path) -> bool:
    return bool(stylize("status", str(folder), "--verify").out.endswith("verified: 0 faults\n"))


@pytest.fixture
def disk(small_disk: Callable[[str], Path]) -> Iterator[Path]:
    """A disk that can be made read-only."""
    folder = small_disk("8m")
    yield folder
    _remount(folder, "rw")


def _remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)


@pytest.mark.parametrize("event", ["after plan.parquet 1", "before results 2"])
def test_a_store_that_turns_read_only(
    event: str,
    disk: Path,
    manifests: Any,
    run_with: Callable[..., Any],
    view: Callable[[Path], Any],
    stylize: Callable[..., Any],
) -> None:
    """The run ends with the system's reason; once the store can be written, the next run continues from the commits."""
    manifest, store = manifests.write(manifests.rows(3)), disk / "store"
    options = ("--rows-per-task", "1")

    ended = run_with(manifest, *options, store=store, commands={event: f"mount -o remount,ro {disk}"})
    assert ended.code == 1
    assert "error: the store cannot be written: Read-only file system\n  where: " in ended.err
    assert "Traceback" not in ended.err
    kept = view(store).seeds()
    assert len(kept) == (1 if event == "before results 2" else 0)

    _remount(disk, "rw")
    assert run_with(manifest, *options, store=store).code == 0
    assert view(store).statuses() == ["skipped" if str(seed) in kept else "done" for seed in range(3)]
    assert _is_clean(stylize, store)


@pytest.mark.parametrize("where", ["image", "folder", "snapshots"])
def test_an_output_that_the_store_refuses(
    where: str, manifests: Any, run_with: Callable[..., Any], store: Any, tmp_path: Path, view: Callable[[Path], Any]
) -> None:
    """An obstacle at the path of a job's output fails that job; once it is removed, the job is done."""
    manifest = manifests.write(manifests.rows(3, snapshot_every="1"))
    assert run_with(manifest, store=tmp_path / "other").code == 0
    other = view(tmp_path / "other")
    image = other.lines["image"][1]
    place = {"image": image, "folder": Path(image).parent, "snapshots": f"snapshots/{Path(image).parent.name}"}[where]
    in_the_way = store.folder / place
    make = f"mkdir -p {in_the_way}" if where == "image" else f"mkdir -p {in_the_way.parent} && touch {in_the_way}"

    ended = run_with(manifest, commands={"after plan.parquet 1": make})
    assert ended.code == 3, ended.err
    failed = store.rows()[store.rows()["status"] == "failed"]
    assert other.lines["job_id"][1] in set(failed["job_id"])
    assert set(failed["error_code"]) == {"output_refused"}
    assert failed["error"].str.contains(str(in_the_way)).all()
    assert set(failed["image"]) == {""}

    in_the_way.rmdir() if where == "image" else in_the_way.unlink()
    assert run_with(manifest).code == 0
    assert set(store.statuses()) == {"done", "skipped"}


def test_a_kill_while_a_failed_image_is_replaced(
    manifests: Any, run_with: Callable[..., Any], store: Any, stylize: Callable[..., Any]
) -> None:
    """The image of a failed attempt matches its line until the line of the next attempt is published."""
    manifest = manifests.write(manifests.rows(1))
    assert run_with(manifest, faults={0: "nan"}).code == 3
    assert store.rows()["error_code"][0] == "diverged"
    (failed_image,) = store.images

    killed = run_with(manifest, "--retry-failed", "all", kill="before results 1")
    assert killed.code == -9
    (stray,) = set(store.images) - {failed_image}
    assert f"{stray}: stray file without a mark\n" in (said := stylize("status", str(store.folder), "--verify").out)
    assert failed_image not in said
    assert run_with(manifest).code == 3  # this run keeps failed jobs and sweeps
    assert list(store.images) == [failed_image]
    assert _is_clean(stylize, store.folder)

    assert run_with(manifest, "--retry-failed", "all").code == 0
    assert failed_image not in store.images
    assert len(store.images) == 1
    assert _is_clean(stylize, store.folder)
