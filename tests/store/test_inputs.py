"""Reading inputs from anywhere, and what the store remembers of them."""

import os
import uuid
from pathlib import Path

import fsspec
import pytest

from stylize_core.errors import InputIsFolder, InputMissing, InputUnreadable
from stylize_core.store.files import Files
from stylize_core.store.inputs import Fingerprint, Fingerprints, read_input, stat_input

PRINT = Fingerprint("0" * 64, 640, 480)


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


def test_fingerprints_are_remembered(files: Files) -> None:
    """What was added is known at once, and in the store once it is saved."""
    fingerprints = Fingerprints.load(files)
    assert fingerprints.get("/a.png", 7, "1") is None
    fingerprints.add("/a.png", 7, "1", PRINT)
    assert fingerprints.get("/a.png", 7, "1") == PRINT
    assert Fingerprints.load(files).get("/a.png", 7, "1") is None
    fingerprints.save(files)
    assert Fingerprints.load(files).get("/a.png", 7, "1") == PRINT


@pytest.mark.parametrize("other", [("/b.png", 7, "1"), ("/a.png", 8, "1"), ("/a.png", 7, "2")])
def test_a_changed_file_is_not_known(other: tuple[str, int, str]) -> None:
    """Another path, size or stamp is another file."""
    fingerprints = Fingerprints()
    fingerprints.add("/a.png", 7, "1", PRINT)
    assert fingerprints.get(*other) is None


def test_only_what_is_new_is_saved(files: Files) -> None:
    """Each save writes one file with the new lines alone, and none where nothing is new."""
    fingerprints = Fingerprints.load(files)
    fingerprints.save(files)
    assert files.list("inputs") == []
    for name in ("/a.png", "/b.png"):
        fingerprints.add(name, 7, "1", PRINT)
        fingerprints.save(files)
        fingerprints.save(files)
    assert len(files.list("inputs")) == 2
    again = Fingerprints.load(files)
    again.save(files)
    assert len(files.list("inputs")) == 2
    assert again.get("/a.png", 7, "1") == again.get("/b.png", 7, "1") == PRINT


def test_without_a_stamp_nothing_is_remembered() -> None:
    """A file whose changes could go unnoticed is never taken for known."""
    fingerprints = Fingerprints()
    fingerprints.add("https://host/a.png", 7, "", PRINT)
    assert fingerprints.get("https://host/a.png", 7, "") is None


def test_credentials_are_not_stored(local: Files) -> None:
    """The store keeps URIs without credentials, and knows a file whoever asks for it."""
    fingerprints = Fingerprints.load(local)
    fingerprints.add("ftp://user:password@host/a.png?sig=password", 7, "1", PRINT)
    fingerprints.save(local)
    assert all(b"password" not in local.read(entry.path) for entry in local.list("inputs"))
    assert Fingerprints.load(local).get("ftp://other:word@host/a.png", 7, "1") == PRINT


def test_pictures_of_inputs_are_no_fingerprints(files: Files) -> None:
    """The small pictures beside the fingerprints are passed over."""
    files.publish("inputs/ab/abcd.jpg", b"picture")
    assert Fingerprints.load(files).get("/a.png", 7, "1") is None
