"""Missing or damaged results are computed again; a store that lacks its results is not changed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from stylize_core.store.records import METRICS


@pytest.fixture
def manifest(manifests: Any) -> str:
    """Four rows."""
    path: str = manifests.write(manifests.rows(4, snapshot_every="1"))
    return path


@pytest.fixture
def whole(manifest: str, run_loop: Callable[..., Any], store: Any) -> Any:
    """A store in which they are done, with a commit for each chunk."""
    assert run_loop(manifest, "--rows-per-task", "2").code == 0
    return store


def _flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


SPOILT: dict[str, Callable[[Path], None]] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "a link to nowhere": lambda path: (path.unlink(), path.symlink_to("nowhere")),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_done_job_without_its_image_runs_again(
    spoil: Callable[[Path], None], whole: Any, manifest: str, run_loop: Callable[..., Any], stylize: Callable[..., Any]
) -> None:
    """The next run computes the image again, with the same bytes, as the next attempt; the others are skipped."""
    images = whole.images
    path = sorted(images)[0]
    spoil(whole.folder / path)

    planned = stylize("plan", manifest, "--store", str(whole.folder), "--weights", "builtin")
    assert "4 rows: 1 to compute, 3 done before" in planned.out
    assert "warning: gone or damaged: what 1 job made; computed again where the manifest asks" in planned.err

    again = run_loop(manifest)
    assert again.code == 0, again.err
    assert sorted(whole.statuses()) == ["done", "skipped", "skipped", "skipped"]
    assert whole.images == images
    assert whole.lines.groupby("image")["attempt"].max()[path] == 2
    assert stylize("status", str(whole.folder), "--verify").out.endswith("verified: 0 faults\n")
    assert "4 rows: 0 done, 4 skipped" in run_loop(manifest).out


def _flip_image(store: Any) -> None:
    _flip(store.folder / sorted(store.images)[0], 100)


def _flip_losses(store: Any) -> None:
    path = sorted((store.folder / "metrics").iterdir())[0]
    column = pq.ParquetFile(path).metadata.row_group(0).column(METRICS.get_field_index("style"))
    _flip(path, column.dictionary_page_offset + column.total_compressed_size - 1)  # the last byte of its values


def _remove_losses(store: Any) -> None:
    sorted((store.folder / "metrics").iterdir())[0].unlink()


def _empty_snapshot(store: Any) -> None:
    sorted((store.folder / "snapshots").rglob("*.png"))[0].write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "jobs"), [(_flip_image, 1), (_flip_losses, 2), (_remove_losses, 2), (_empty_snapshot, 1)]
)
def test_verify_heals(
    spoil: Callable[[Any], None],
    jobs: int,
    whole: Any,
    manifest: str,
    run_loop: Callable[..., Any],
    stylize: Callable[..., Any],
) -> None:
    """`run --verify` computes again exactly what `status --verify` names; a plain run skips it."""
    images = whole.images
    spoil(whole)
    assert stylize("status", str(whole.folder), "--verify").code == 1
    assert "4 skipped" in run_loop(manifest).out
    planned = stylize("plan", manifest, "--store", str(whole.folder), "--weights", "builtin", "--verify")
    assert f"4 rows: {jobs} to compute, {4 - jobs} done before" in planned.out

    healed = run_loop(manifest, "--verify")
    assert healed.code == 0, healed.err
    assert f"{jobs} done, {4 - jobs} skipped" in healed.out
    assert whole.images == images
    assert stylize("status", str(whole.folder), "--verify").out.endswith("verified: 0 faults\n")
    assert "4 skipped" in run_loop(manifest, "--verify").out


def test_damaged_losses_are_left_out(
    whole: Any, manifest: str, run_loop: Callable[..., Any], stylize: Callable[..., Any]
) -> None:
    """A run with damaged losses succeeds; report, log and terminal say what is missing and how to restore it."""
    _flip_losses(whole)
    (damaged,) = [path for path in (whole.folder / "metrics").iterdir() if not _is_readable(path)]
    said = f"left out: a file of the store is damaged · {damaged} · restore it from a backup, or run the manifest"
    for ended in (run_loop(manifest), stylize("report", str(whole.folder))):
        assert ended.code == 0
        assert f"warning: {said}" in ended.err
    run = whole.folder / "runs" / whole.runs[-1]
    assert "The losses of 2 jobs are missing or damaged" in (run / "report.html").read_text()
    assert said in (run / "log.txt").read_text()


def test_records_that_nothing_depends_on(
    whole: Any, manifest: str, run_loop: Callable[..., Any], stylize: Callable[..., Any]
) -> None:
    """Damaged fingerprints, environment or forecast do not end a run; each is named as left out."""
    run = whole.folder / "runs" / whole.runs[0]
    spoilt = [run / "environment.json", run / "plan.json", *(whole.folder / "inputs").glob("*.parquet")]
    for path in spoilt:
        path.write_bytes(b"[" * 100_000)
    drawn = stylize("report", str(whole.folder))
    watched = stylize("status", str(whole.folder), "--watch")
    again = run_loop(manifest)
    assert (drawn.code, watched.code, again.code) == (0, 0, 0)
    for ended, names in ((drawn, spoilt[:2]), (watched, spoilt[1:2]), (again, spoilt[2:])):
        assert all("warning: left out: " in ended.err and str(path) in ended.err for path in names)


def _is_readable(path: Path) -> bool:
    try:
        pq.read_table(path, page_checksum_verification=True)
    except OSError:
        return False
    return True


def test_a_lost_image_that_cannot_be_made_again(
    whole: Any, manifest: str, run_loop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the job fails this time, its row is failed with the reason, although it was done before."""
    (whole.folder / sorted(whole.images)[0]).unlink()

    def fail(*_: object, **__: object) -> bytes:
        raise OSError("no codec")

    monkeypatch.setattr("stylize_core.chunk.outcomes.encode", fail)
    ended = run_loop(manifest)
    assert ended.code == 3, ended.err
    rows = whole.rows()
    assert sorted(rows["status"]) == ["failed", "skipped", "skipped", "skipped"]
    assert rows["error"][rows["status"] == "failed"].str.contains("no codec").all()


def test_results_that_are_not_copied_yet(
    whole: Any, manifest: str, run_loop: Callable[..., Any], stylize: Callable[..., Any], refused: Callable[..., str]
) -> None:
    """A store with images but without results is refused; nothing is deleted, and restoring the results restores it."""
    images, results = whole.images, whole.folder / "results"
    results.rename(whole.folder.parent / "results")
    plan = ("plan", manifest, "--store", str(whole.folder), "--weights", "builtin")
    for ended in (run_loop(manifest), stylize(*plan)):
        error = refused(ended)
        assert "4 images have no line in results/" in error
        assert f"where: {results}\n  to do: copy or restore that folder in full" in error
    assert whole.images == images
    shutil.rmtree(results, ignore_errors=True)
    (whole.folder.parent / "results").rename(results)
    assert "4 skipped" in run_loop(manifest).out
