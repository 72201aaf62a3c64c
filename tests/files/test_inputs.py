"""Reading inputs from anywhere."""

import io
import os
import threading
import time
import uuid
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import fsspec
import pytest

from stylize_core.errors import InputIsFolder, InputMissing, InputTooLarge, InputUnreadable
from stylize_core.files import bounded
from stylize_core.files.bounded import MAX_BYTES, gather
from stylize_core.files.inputs import open_input, read_input, stat_input


@pytest.fixture(params=["path", "file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a folder: a path, a file URL and an object store."""
    places = {"path": str(tmp_path), "file": tmp_path.as_uri(), "memory": f"memory://{uuid.uuid4().hex}"}
    return places[request.param]


def write(uri: str, data: bytes) -> None:
    """Writes a file to a path or URL."""
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
    """The stamp is constant while the file is, and changes when it is written again, even with the same size."""
    write(f"{folder}/a.png", b"before")
    before = stat_input(f"{folder}/a.png")
    assert stat_input(f"{folder}/a.png") == before
    write(f"{folder}/a.png", b"after!")
    if (tmp := folder.removeprefix("file://")).startswith("/"):
        os.utime(f"{tmp}/a.png", ns=(0, 1))  # a disk's clock may be too coarse for two writes in a row
    assert stat_input(f"{folder}/a.png") != before


@pytest.mark.parametrize("is_new_file", [True, False])
def test_the_stamp_follows_a_file_of_the_same_size_and_time(tmp_path: Path, is_new_file: bool) -> None:
    """On a disk the stamp shows a replaced file, and new bytes in a file, even if size and time are restored."""
    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    before, times = stat_input(str(path)), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    if is_new_file:
        (tmp_path / "b.png").write_bytes(b"after!")
        os.utime(tmp_path / "b.png", ns=times)
        os.replace(tmp_path / "b.png", path)
    else:
        time.sleep(0.02)  # a disk's clock ticks every few milliseconds
        path.write_bytes(b"after!")
        os.utime(path, ns=times)
    assert path.stat().st_mtime_ns == times[1]
    assert stat_input(str(path)) != before


@pytest.mark.parametrize("act", [stat_input, read_input])
def test_a_missing_file(folder: str, act: type) -> None:
    """A missing file is InputMissing and named; so is a path below a file."""
    with pytest.raises(InputMissing) as caught:
        act(f"{folder}/none.png")
    assert caught.value.where == f"{folder}/none.png"
    write(f"{folder}/file", b"")
    with pytest.raises(InputMissing):
        act(f"{folder}/file/none.png")


@pytest.mark.parametrize(
    ("uri", "todo"),
    [
        (r"/d/photos\cats\1.png", "write / between folders"),
        ("/d/~/photos/1.png", "write the home folder out"),
        ("/d/~me/1.png", "write the home folder out"),
        ("memory://d/a#1.png", "check the path"),
        ("/d/a#1.png", "check the path"),
        ("/d/a~/1~.png", "check the path"),
    ],
)
def test_signs_that_mean_something_elsewhere(uri: str, todo: str) -> None:
    """A path in the form of Windows, a shell or a browser is missing; the error says what to write instead."""
    with pytest.raises(InputMissing) as caught:
        stat_input(uri)
    assert todo in caught.value.todo


def test_the_case_of_a_scheme_is_no_difference() -> None:
    """File URLs are read as in browsers."""
    write("memory://case/a.png", b"picture")
    assert read_input("MEMORY://case/a.png") == b"picture"


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
    """A path with NUL, or an overlong one, is an error of that input, not of the program."""
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(InputUnreadable):
            stat_input(f"{tmp_path}/{name}")


@pytest.mark.parametrize("start", ["file://", "file://localhost", "file:", "local://"])
def test_file_urls(tmp_path: Path, start: str) -> None:
    """They may contain escape codes and the name of this machine; a file named like a code is found too."""
    (tmp_path / "my photos").mkdir()
    (tmp_path / "my photos/é #1.png").write_bytes(b"coded")
    (tmp_path / "50%20.png").write_bytes(b"literal")
    for name, data in (
        ("my%20photos/%C3%A9%20%231.png", b"coded"),
        ("my photos/é #1.png", b"coded"),
        ("50%20.png", b"literal"),
    ):
        assert read_input(f"{start}{tmp_path}/{name}") == data
        assert stat_input(f"{start}{tmp_path}/{name}")[0] == len(data)
    with pytest.raises(InputMissing):
        read_input(f"{start}{tmp_path}/none%20.png")


def test_a_pipe_that_is_meant(tmp_path: Path) -> None:
    """If allowed, a pipe is read to its end; a device is not."""
    read, write = os.pipe()
    os.write(write, b"content,style\n")
    os.close(write)
    with open_input(f"/dev/fd/{read}", is_pipe_allowed=True) as data:
        assert data == b"content,style\n"
    os.close(read)
    with pytest.raises(InputUnreadable, match="pipe or a device"), open_input("/dev/zero", is_pipe_allowed=True):
        pass


def test_more_bytes_than_are_read(tmp_path: Path) -> None:
    """A file of more than 1 GiB is refused by its size, before it is read; one of 1 GiB is not."""
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(MAX_BYTES)
    assert stat_input(str(tmp_path / "huge.png"))[0] == 1 << 30
    os.truncate(tmp_path / "huge.png", MAX_BYTES + 1)
    for act in (stat_input, read_input):
        with pytest.raises(InputTooLarge, match="more than 1 GiB") as caught:
            act(str(tmp_path / "huge.png"))
        assert caught.value.where == f"{tmp_path}/huge.png"


@pytest.mark.parametrize("act", [stat_input, read_input])
def test_more_bytes_elsewhere(act: type, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit applies to every file system."""
    monkeypatch.setattr(bounded, "MAX_BYTES", 10)
    write(f"{folder}/ten", bytes(10))
    write(f"{folder}/eleven", bytes(11))
    act(f"{folder}/ten")
    with pytest.raises(InputTooLarge):
        act(f"{folder}/eleven")


def test_more_bytes_than_were_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of unknown size, like the system's virtual files, is read up to the limit."""
    assert stat_input("/proc/self/status")[0] == 0
    assert b"Threads" in read_input("/proc/self/status")
    monkeypatch.setattr(bounded, "MAX_BYTES", 10)
    with pytest.raises(InputTooLarge):
        read_input("/proc/self/status")


def test_one_large_file_at_a_time(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With any number of threads, memory holds one large file at a time, and small ones beside it."""
    monkeypatch.setattr(bounded, "LARGE_BYTES", 10)
    write(f"{folder}/small", bytes(10))
    write(f"{folder}/large", bytes(11))
    inside, most, first_is_in = Counter[str](), Counter[str](), threading.Barrier(5)

    def hold(name: str) -> None:
        with open_input(f"{folder}/{name}"):
            inside[name] += 1
            most[name] = max(most[name], inside[name])
            if name == "small":
                first_is_in.wait(timeout=30)  # four of them, and this test
            time.sleep(0.02)
            inside[name] -= 1

    with ThreadPoolExecutor(8) as pool, open_input(f"{folder}/large"):
        held = [pool.submit(hold, name) for name in ("large", "small") * 4]
        first_is_in.wait(timeout=30)
        assert most == {"small": 4}
    for one in held:
        one.result()
    assert most == {"small": 4, "large": 1}


def test_a_large_file_of_unknown_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the size is known only during reading, the file counts as large from that point."""
    monkeypatch.setattr(bounded, "LARGE_BYTES", 10)
    with ExitStack() as held:
        assert gather(iter([bytes(6), bytes(6)]), 0, held) == bytes(12)
        with ThreadPoolExecutor(1) as pool:
            assert not pool.submit(bounded._one_large.acquire, blocking=False).result()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(bounded._one_large.acquire, blocking=False).result()
        pool.submit(bounded._one_large.release).result()
