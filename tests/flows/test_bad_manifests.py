"""Manifests that cannot be used as a whole: nothing is started, and the error says why."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stylize_flows import with_prefect

UNUSABLE = {
    "unknown column": (b"content,style,sise\nc,s,3\n", "unknown column 'sise'; did you mean 'size'?", ", line 1"),
    "missing column": (b"content,size\nc,3\n", "column 'style' is missing", ", line 1"),
    "empty": (b"", "the manifest is empty", ""),
    "only a header": (b"content,style\n", "the manifest has no data rows", ""),
    "not UTF-8": ("content,style\nc,s\nthé,s\n".encode("latin-1"), "not UTF-8: byte 0xe9", ", line 3"),
    "binary": (b"content,style\n\0\n", "contains a NUL byte", ", line 2"),
    "open quote": (b'content,style\n"c,s\n', "not valid CSV", ", line 2"),
}
"""By fault: the manifest's bytes, part of the error, and the addition of `where` to the file's name."""


@pytest.mark.parametrize(("data", "words", "place"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_manifest(
    data: bytes, words: str, place: str, tmp_path: Path, run_loop: Callable[..., Any], refused: Callable[..., str]
) -> None:
    """An unusable manifest ends with exit code 2; the error names the fault and its place."""
    path = tmp_path / "manifest.csv"
    path.write_bytes(data)
    error = refused(run_loop(str(path)))
    assert words in error
    assert f"where: {path}{place}\n" in error


def test_missing_manifest(tmp_path: Path, run_loop: Callable[..., Any], refused: Callable[..., str]) -> None:
    """A missing manifest is named."""
    error = refused(run_loop(f"{tmp_path}/nowhere.csv"))
    assert "the manifest cannot be read: there is no such file" in error
    assert f"where: {tmp_path}/nowhere.csv" in error


@pytest.mark.parametrize(("name", "words"), [("nowhere.csv", "there is no such file"), ("", "a folder, not a file")])
def test_a_missing_manifest_costs_no_server(
    name: str, words: str, tmp_path: Path, stylize: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told before anything of Prefect is started."""
    monkeypatch.setattr(with_prefect, "prepare_environment", lambda: pytest.fail("Prefect was prepared"))
    ended = stylize("run", f"{tmp_path}/{name}", "--store", f"{tmp_path}/store", "--runner", "local")
    assert ended.code == 2
    assert f"error: the manifest cannot be read: {words}\n" in ended.err


def test_folder_as_manifest(tmp_path: Path, run_loop: Callable[..., Any], refused: Callable[..., str]) -> None:
    """A folder is not a manifest."""
    assert "the manifest cannot be read: a folder, not a file" in refused(run_loop(str(tmp_path)))


def test_a_manifest_of_too_many_bytes(
    tmp_path: Path, run_loop: Callable[..., Any], refused: Callable[..., str]
) -> None:
    """It is refused before it is read, and the error says what to do."""
    path = tmp_path / "manifest.csv"
    path.touch()
    os.truncate(path, (1 << 30) + 1)
    error = refused(run_loop(str(path)))
    assert "the manifest has more than 1 GiB" in error
    assert "to do: write it as Parquet, or in several parts" in error


def test_every_row_rejected(
    manifests: Any, run_loop: Callable[..., Any], refused: Callable[..., str], store: Any
) -> None:
    """If every row is rejected nothing is started, and each row is reported."""
    error = refused(run_loop(manifests.write(manifests.rows(2, size="5"))))
    assert "2 of 2 rows are rejected" in error
    assert "line 2: column size: '5' is not allowed; use whole number from 16 to 8192" in error
    assert "line 3: " in error
    assert not (store.folder / "runs").exists()


def test_strict_starts_nothing_where_a_row_is_rejected(
    manifests: Any, run_loop: Callable[..., Any], refused: Callable[..., str], store: Any
) -> None:
    """With --strict one rejected row stops all others from being started; without it they run."""
    manifest = manifests.write([*manifests.rows(1), *manifests.rows(1, content="nowhere.png")])
    error = refused(run_loop(manifest, "--strict"))
    assert "1 of 2 rows are rejected; --strict allows none" in error
    assert "line 3: there is no such file" in error
    assert not (store.folder / "images").exists()
    assert run_loop(manifest).code == 3
    assert store.statuses() == ["done", "rejected"]


def test_a_manifest_through_a_pipe(
    manifests: Any, run_loop: Callable[..., Any], store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/dev/stdin` and `<(...)` are manifests with images in the current folder."""
    text = Path(manifests.write(manifests.rows(2))).read_bytes()
    monkeypatch.chdir(manifests.folder)
    read, write = os.pipe()
    os.write(write, text)
    os.close(write)
    assert run_loop(f"/dev/fd/{read}").code == 0
    os.close(read)
    assert store.statuses() == ["done", "done"]
