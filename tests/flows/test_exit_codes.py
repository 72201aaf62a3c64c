"""Exit codes: done, too many failed rows, nothing started."""

from collections.abc import Callable
from typing import Any

import pytest

import stylize_core.run.run


@pytest.fixture
def ten_rows(damaged: Any, manifests: Any) -> str:
    """A manifest of ten rows: eight good ones, one that fails, one that is rejected."""
    rows = manifests.rows(10)
    rows[3]["content"], rows[7]["content"] = "truncated.jpg", "nowhere.png"
    return str(manifests.write(rows))


def test_max_failed(ten_rows: str, run_loop: Callable[..., Any], store: Any) -> None:
    """--max-failed is a number or a share of failed and rejected rows; it affects only the exit code."""
    assert run_loop(ten_rows, "--max-failed", "0").code == 3
    assert store.statuses().count("done") == 8
    for max_failed, code in (("1", 3), ("2", 0), ("19%", 3), ("20%", 0), ("29.9%", 0), ("100%", 0)):
        assert run_loop(ten_rows, "--max-failed", max_failed).code == code, max_failed
        assert (store.statuses().count("skipped"), store.statuses().count("failed")) == (8, 1)


def test_second_run_skips_everything(manifests: Any, run_loop: Callable[..., Any], store: Any) -> None:
    """Running the same command again computes nothing, whatever the order and number of the rows."""
    rows = manifests.rows(3)
    assert run_loop(manifests.write(rows)).code == 0
    images, lines = store.images, len(store.lines)

    ended = run_loop(manifests.write([rows[2], rows[0]], "other.csv"), "--rows-per-task", "1")

    assert ended.code == 0
    assert "2 rows: 2 done before" in ended.out
    assert store.statuses() == ["skipped", "skipped"]
    assert (store.images, len(store.lines)) == (images, lines)


def test_duplicates_are_computed_once_and_reported_for_each(
    manifests: Any, run_loop: Callable[..., Any], store: Any
) -> None:
    """Rows with the same job share its image; each row has its own line with its own id."""
    row = manifests.rows(1)[0]
    in_other_words = {"content": "./content-0.png", "style_size": "32", "preset": "default", "noise": ".5"}
    run_loop(manifests.write([{**row, "id": "first"}, {**row, **in_other_words, "id": "again"}]))
    rows = store.rows()
    assert list(rows["id"]) == ["first", "again"]
    assert list(rows["status"]) == ["done", "done"]
    assert rows["image"].nunique() == len(store.images) == len(store.lines) == 1


@pytest.mark.parametrize(
    ("retry_failed", "attempts"), [("none", [1]), ("transient", [1]), ("all", [1, 2])], ids=["none", "transient", "all"]
)
def test_retry_of_a_permanent_failure(
    retry_failed: str, attempts: list[int], damaged: Any, manifests: Any, run_loop: Callable[..., Any], store: Any
) -> None:
    """A job whose file is damaged runs again only with --retry-failed all; else it stays failed, with its reason."""
    manifest = manifests.write([*manifests.rows(1), *manifests.rows(1, content="truncated.jpg")])
    run_loop(manifest)

    ended = run_loop(manifest, "--retry-failed", retry_failed)

    assert ended.code == 3
    assert store.statuses() == ["skipped", "failed"]
    assert store.rows()["error_code"][1] == "image_truncated"
    assert list(store.lines["attempt"][store.lines["status"] == "failed"]) == attempts


@pytest.mark.parametrize(("retry_failed", "status"), [("none", "failed"), ("transient", "done"), ("all", "done")])
def test_retry_of_a_passing_failure(
    retry_failed: str,
    status: str,
    manifests: Any,
    run_loop: Callable[..., Any],
    store: Any,
    draw: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A job whose file changed during the run may succeed later: it runs again unless --retry-failed none."""
    manifest = manifests.write(manifests.rows(1, content="late.png"))
    picture = draw(manifests.folder / "late.png", 7)
    planned = picture.read_bytes()
    prepare = stylize_core.run.run.Run.prepare

    def prepare_and_change(run: Any) -> None:
        prepare(run)
        draw(picture, 8)

    with monkeypatch.context() as patch:
        patch.setattr(stylize_core.run.run.Run, "prepare", prepare_and_change)
        assert run_loop(manifest).code == 3
    assert store.rows()["error_code"][0] == "input_changed"

    picture.write_bytes(planned)
    run_loop(manifest, "--retry-failed", retry_failed)
    assert store.statuses() == [status]


def test_a_mended_file_is_a_new_job(
    damaged: Any, manifests: Any, run_loop: Callable[..., Any], store: Any, draw: Callable[..., Any]
) -> None:
    """Once the damaged file is replaced, the row is another job, which runs; the failed one no longer matters."""
    manifest = manifests.write(manifests.rows(1, content="truncated.jpg"))
    assert run_loop(manifest).code == 3
    draw(damaged / "truncated.jpg", 9)
    assert run_loop(manifest).code == 0
    assert store.statuses() == ["done"]
    assert sorted(store.lines["status"]) == ["done", "failed"]
