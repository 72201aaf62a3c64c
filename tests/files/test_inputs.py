"""Reading inputs from anywhere."""

import io
import os
import uuid
import zipfile
from pathlib import Path

import fsspec
import pytest

from stylize_core.errors import InputIsFolder, InputMissing, InputUnreadable
from stylize_core.files.inputs import read_input, stat_input


@pytest.fixture(params=["path", "file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a folder: a path, a file URL and an object store."""
    places = {"path": str(tmp_path), "file": tmp_path.as_uri(), "memory": f"memory://{uuid.uuid4().hex}"}
    return places[request.param]


def write(uri: str, data: bytes) -> None:
    """Writes a file anywhere."""
    with fsspec.open(uri, "wb") as file:
        file.write(data)


def test_bytes_and_size(folder: str) -> None:
    """A file is read in full, and its size is known without reading it."""
    write(f"{folder}/a.png", b"picture")
    assert read_input(f"{folder}/a.png") == b"picture"
    assert stat_input(f"{folder}/a.png")[0] == 7


def test_a_file_in_an_archive(folder: str) -> None:
    """A chain of URLs leads into an archive, or through a cache."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("in/a.png", b"picture")
    write(f"{folder}/a.zip", archive.getvalue())
    assert read_input(f"zip://in/a.png::{folder}/a.zip") == b"picture"
    assert stat_input(f"zip://in/a.png::{folder}/a.zip")[0] == 7
    with pytest.raises(InputMissing):
        read_input(f"zip://b.png::{folder}/a.zip")


def test_the_stamp_follows_the_content(folder: str) -> None:
    """The stamp stays while the file stays, and changes when it is written again, even with the same size."""
    write(f"{folder}/a.png", b"before")
    before = stat_input(f"{folder}/a.png")
    assert stat_input(f"{folder}/a.png") == before
    write(f"{folder}/a.png", b"after!")
    if (tmp := folder.removeprefix("file://")).startswith("/"):
        os.utime(f"{tmp}/a.png", ns=(0, 1))  # the clock of a disk may be too coarse for two writes in a row
    assert stat_input(f"{folder}/a.png") != before


@pytest.mark.parametrize("act", [stat_input, read_input])
def test_a_missing_file(folder: str, act: type) -> None:
    """A missing file is InputMissing, and named; so is a path that goes on below a file."""
    with pytest.raises(InputMissing) as caught:
        act(f"{folder}/none.png")
    assert caught.value.where == f"{folder}/none.png"
    write(f"{folder}/file", b"")
    with pytest.raises(InputMissing):
        act(f"{folder}/file/none.png")


@pytest.mark.parametrize("act", [stat_input, read_input])
def test_a_folder(folder: str, act: type) -> None:
    """A folder is InputIsFolder."""
    write(f"{folder}/sub/file", b"")
    with pytest.raises(InputIsFolder):
        act(f"{folder}/sub")


@pytest.mark.parametrize("act", [stat_input, read_input])
def test_a_pipe_is_not_waited_for(tmp_path: Path, act: type) -> None:
    """A pipe or a device is refused at once."""
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(InputUnreadable, match="pipe or a device"):
            act(path)


def test_no_permission(unprivileged: Path) -> None:
    """A file that may not be read is InputUnreadable, with the system's reason."""
    with pytest.raises(InputUnreadable, match="cannot be read: Permission denied"):
        read_input(str(unprivileged / "private"))


@pytest.mark.parametrize("act", [stat_input, read_input])
@pytest.mark.parametrize("uri", ["nonsense://user:password@host/a?sig=password", "memory://a?sig=password"])
def test_no_secret_in_errors(act: type, uri: str) -> None:
    """An error names the URL without its credentials."""
    with pytest.raises((InputUnreadable, InputMissing)) as caught:
        act(uri)
    assert "password" not in str(caught.value)


def test_a_path_the_system_refuses(tmp_path: Path) -> None:
    """A path with a NUL or of endless length is an error of that input, not of the program."""
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(InputUnreadable):
            stat_input(f"{tmp_path}/{name}")
