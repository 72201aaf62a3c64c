"""Files of a store: whole or absent, never outside the store, clear errors."""

import errno
import os
import pickle
import socket
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stylize_core.errors import StoreFull, StoreUnusable
from stylize_core.files.files import Files


def test_what_is_published_is_read_again(files: Files) -> None:
    """A published file has the given bytes and their size; publishing again replaces it."""
    files.publish("a/b/c.bin", b"first")
    files.publish("a/b/c.bin", b"second")
    assert files.read("a/b/c.bin") == b"second"
    assert [(entry.path, entry.size) for entry in files.list("a")] == [("a/b/c.bin", 6)]
    assert files.list("a")[0].modified > 1.7e9


def test_create_succeeds_once(files: Files) -> None:
    """Creating an existing file returns False and does not change it."""
    assert files.create("a/one", b"first") is True
    assert files.create("a/one", b"second") is False
    assert files.read("a/one") == b"first"
    assert [entry.path for entry in files.list("a")] == ["a/one"]


@pytest.fixture(params=["EPERM", "EOPNOTSUPP", "ENOSYS", "EACCES", "EMLINK"])
def no_links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without hard links: exFAT, SMB, many file systems in user space; they cannot sync folders either."""
    number = getattr(errno, request.param)
    sync = os.fsync

    def refuse(source: str, target: str) -> None:
        raise OSError(number, os.strerror(number))

    def sync_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        sync(descriptor)

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "fsync", sync_files)


@pytest.mark.usefixtures("no_links")
def test_without_hard_links(local: Files) -> None:
    """On a disk without hard links, files are still created once and whole, and nothing is left beside them."""
    assert local.create("a/one", b"first") is True
    assert local.create("a/one", b"second") is False
    local.publish("a/two", b"published")
    assert local.read("a/one") == b"first"
    assert [entry.path for entry in local.list("a")] == ["a/one", "a/two"]


@pytest.mark.parametrize("links", [True, False])
def test_one_of_many_creates(links: bool, local: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """If several create a file at once, exactly one succeeds, and the file is whole and its own."""
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no links")))
    for heat in range(20):
        barrier = threading.Barrier(8)

        def race(racer: int, heat: int = heat, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait()
            return local.create(f"heat-{heat}", bytes([racer]) * 100_000)

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(race, range(8)))
        assert sum(won) == 1
        assert local.read(f"heat-{heat}") == bytes([won.index(True)]) * 100_000


def test_a_kill_between_claim_and_content(local: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without hard links a kill may leave an empty file, never half a file; nobody else can create it."""
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no links")))
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            local.create("a/one", b"first")
    assert local.read("a/one") == b""
    assert local.create("a/one", b"second") is False


def test_missing_file(files: Files) -> None:
    """Reading a missing file raises FileNotFoundError; deleting it is not an error."""
    with pytest.raises(FileNotFoundError):
        files.read("a/none")
    assert not files.exists("a/none")
    files.delete(["a/none"])


def test_list_is_sorted_and_recursive(files: Files) -> None:
    """A listing has every file below a folder by path, or only those directly in it; a missing folder has none."""
    for path in ("f/b", "f/a/z", "f/c", "g/x"):
        files.publish(path, b"")
    assert [entry.path for entry in files.list("f")] == ["f/a/z", "f/b", "f/c"]
    assert [entry.path for entry in files.list("f", recursive=False)] == ["f/b", "f/c"]
    assert [entry.path for entry in files.list("")] == ["f/a/z", "f/b", "f/c", "g/x", "store.json"]
    assert files.list("missing") == []


def test_delete(files: Files) -> None:
    """Deleting removes exactly the named files."""
    for path in ("f/a", "f/b", "f/c"):
        files.publish(path, b"")
    files.delete(["f/a", "f/c"])
    assert [entry.path for entry in files.list("f")] == ["f/b"]


def test_local_path(local: Files) -> None:
    """A local store gives the paths of its files on the disk; others do not."""
    local.publish("a/b", b"x")
    path = local.local_path("a/b")
    assert path is not None
    assert path.read_bytes() == b"x"
    assert Files("memory://anywhere").local_path("a/b") is None


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/x", "a//b", "./a", "a/..", "", "a\0b"])
def test_paths_outside_are_refused(files: Files, path: str) -> None:
    """No path leads out of the store: `..`, absolute paths and empty parts are refused."""
    for act in (files.read, files.exists, lambda p: files.publish(p, b""), lambda p: files.create(p, b"")):
        with pytest.raises(StoreUnusable, match="out of the store"):
            act(path)
    with pytest.raises(StoreUnusable, match="out of the store"):
        files.delete([path])


def test_links_out_are_not_followed(local: Files, tmp_path: Path) -> None:
    """A link to a folder outside the store is not followed for writing, deleting or listing."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"kept")
    (tmp_path / "local" / "images").symlink_to(outside)
    for act in (lambda p: local.publish(p, b""), lambda p: local.create(p, b""), lambda p: local.delete([p])):
        with pytest.raises(StoreUnusable, match="a link leads out"):
            act("images/kept")
    assert (outside / "kept").read_bytes() == b"kept"
    assert list(outside.iterdir()) == [outside / "kept"]
    assert "images/kept" not in [entry.path for entry in local.list("")]


def test_a_linked_store_works(tmp_path: Path) -> None:
    """The store itself may be a link, and links within it may point to places within it."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    files = Files(str(tmp_path / "link"))
    files.publish("a/b", b"x")
    (tmp_path / "real" / "c").symlink_to("a")
    files.publish("c/d", b"y")
    assert (tmp_path / "real" / "a" / "d").read_bytes() == b"y"


def test_a_linked_file_is_replaced_not_followed(local: Files, tmp_path: Path) -> None:
    """Publishing over a link replaces the link; what it pointed to keeps its bytes."""
    outside = tmp_path / "outside"
    outside.write_bytes(b"kept")
    (tmp_path / "local" / "a").symlink_to(outside)
    local.publish("a", b"new")
    assert outside.read_bytes() == b"kept"
    assert local.read("a") == b"new"


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def _dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def _link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


NO_FILES = (_pipe, _socket, _dangling_link, _link_to_itself, _link_to_a_device)


@pytest.mark.parametrize("make", NO_FILES)
def test_what_is_no_file_is_refused(
    make: Callable[[Path], None], local: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe, a socket, a device or a broken link is never read, because this could block; it can be replaced."""
    monkeypatch.chdir(local.uri)  # the path of a socket must be short
    make(Path("odd"))
    for read in (local.read, lambda path: local.open(path).close()):
        with pytest.raises(StoreUnusable, match="remove") as refused:
            read("odd")
        assert refused.value.where == f"{local.uri}/odd"
    assert local.create("odd", b"new") is False
    assert "odd" in [entry.path for entry in local.list("")]
    local.publish("odd", b"new")
    assert local.read("odd") == b"new"


def test_links_to_files_are_files(local: Files, tmp_path: Path) -> None:
    """A link to a file is read and listed like that file; a listing does not follow links to folders."""
    (tmp_path / "kept").write_bytes(b"twelve bytes")
    Path(local.uri, "a").symlink_to(tmp_path / "kept")
    Path(local.uri, "folder").symlink_to(tmp_path)
    assert [(entry.path, entry.size) for entry in local.list("")][:1] == [("a", 12)]
    assert [entry.path for entry in local.list("")] == ["a", "store.json"]
    assert local.read("a") == b"twelve bytes"


def test_open(files: Files) -> None:
    """An open file can be read at any position; a missing one raises FileNotFoundError."""
    files.publish("a", b"0123456789")
    with files.open("a") as file:
        file.seek(7)
        assert file.read() == b"789"
    with pytest.raises(FileNotFoundError):
        files.open("gone")


def test_failed_rename_leaves_nothing(local: Files, tmp_path: Path) -> None:
    """If the last step fails, the temporary file is removed too."""
    (tmp_path / "local" / "taken").mkdir()
    (tmp_path / "local" / "taken" / "x").write_bytes(b"")
    with pytest.raises(StoreUnusable, match="Is a directory"):
        local.publish("taken", b"data")
    assert [entry.path for entry in local.list("")] == ["store.json", "taken/x"]


def test_what_is_published_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncs each new folder, then the file before it gets its name, then its folder."""
    done: list[tuple[str, str]] = []
    sync, replace = os.fsync, os.replace

    def note(what: str, path: str) -> None:
        name = os.path.relpath(path, tmp_path)
        done.append((what, "temporary" if ".tmp-" in name else name))

    def sync_and_note(descriptor: int) -> None:
        note("sync", os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    def replace_and_note(source: str, target: str) -> None:
        note("rename", target)
        replace(source, target)

    monkeypatch.setattr(os, "fsync", sync_and_note)
    monkeypatch.setattr(os, "replace", replace_and_note)
    Files(str(tmp_path / "store")).publish("a/b", b"1")
    folders = [("sync", "."), ("sync", "store")]
    assert done == [*folders, ("sync", "temporary"), ("rename", "store/a/b"), ("sync", "store/a")]


def test_full_disk(small_disk: Callable[[str], Path]) -> None:
    """A full disk raises StoreFull, leaves no partial file, and keeps the existing file."""
    disk = small_disk("1m")
    files = Files(str(disk))
    files.publish("a", b"x" * 100_000)
    for act in (files.publish, files.create):
        with pytest.raises(StoreFull) as caught:
            act("b", b"x" * 2_000_000)
        assert caught.value.where == f"{disk}/b"
    with pytest.raises(StoreFull):
        files.publish("a", b"y" * 2_000_000)
    assert [entry.path for entry in files.list("")] == ["a"]
    assert files.read("a") == b"x" * 100_000


def test_no_permission(unprivileged: Path) -> None:
    """If the user may not write or read, the error says so and names the file."""
    files = Files(str(unprivileged))
    for act in (lambda: files.publish("new", b""), lambda: files.create("new", b""), lambda: files.delete(["private"])):
        with pytest.raises(StoreUnusable, match="cannot be written: Permission denied") as caught:
            act()
        assert caught.value.where.startswith(f"{unprivileged}/")
    with pytest.raises(StoreUnusable, match="cannot be read: Permission denied"):
        files.read("private")


def test_a_file_as_folder(tmp_path: Path) -> None:
    """A store whose address is a file cannot be used."""
    (tmp_path / "file").write_bytes(b"")
    files = Files(str(tmp_path / "file"))
    with pytest.raises(StoreUnusable, match="Not a directory"):
        files.publish("a", b"")
    with pytest.raises(StoreUnusable, match="Not a directory"):
        files.list("")


def test_unknown_protocol() -> None:
    """A URL that no installed package can open is refused without its password."""
    with pytest.raises(StoreUnusable, match="Protocol not known: nonsense") as caught:
        Files("nonsense://user:password@host/bucket")
    assert "password" not in str(caught.value)


def test_uris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder becomes absolute; the public URI has no credentials."""
    monkeypatch.chdir(tmp_path)
    assert Files("here/").uri == str(tmp_path / "here")
    assert Files((tmp_path / "here").as_uri()).uri == str(tmp_path / "here")
    files = Files("memory://user:password@bucket/x/")
    assert (files.uri, files.public_uri) == ("memory://user:password@bucket/x", "memory://bucket/x")


def test_files_cross_a_process_border(files: Files) -> None:
    """Files can be pickled, as needed for workers on other machines."""
    files.publish("a", b"x")
    assert pickle.loads(pickle.dumps(files)).read("a") == b"x"


def test_a_left_over_does_not_fill_a_folder(local: Files, tmp_path: Path) -> None:
    """A folder with only the temporary file of a killed publication counts as empty."""
    folder = tmp_path / "new.tmp-1"
    assert Files(str(folder)).is_empty()
    folder.mkdir()
    (folder / "store.json.tmp-0123456789ab").write_bytes(b"{")
    assert Files(str(folder)).is_empty()
    (folder / "photo.jpg").write_bytes(b"")
    assert not Files(str(folder)).is_empty()
    assert not local.is_empty()


def test_published_files_follow_the_umask(local: Files) -> None:
    """Other users may read a result exactly if the umask allows it."""
    previous = os.umask(0o027)
    try:
        local.publish("a", b"")
    finally:
        os.umask(previous)
    path = local.local_path("a")
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o640
