"""Files on a local disk that exist completely or not at all, even after a kill or a power cut."""

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
"""Errors of file systems that cannot sync: some network drives cannot sync folders, some FUSE systems nothing."""

_TEMPORARY = re.compile(r".+\.tmp-[0-9a-f]{12}")


def is_temporary(path: str) -> bool:
    """Returns whether a file is still being written, or was when its writer was killed; release 0.1 used no dot."""
    return bool(_TEMPORARY.fullmatch(path.rpartition("/")[2]))


class PathRefused(OSError):
    """A path, or a link in it, leads out of the root; or there is something other than a file.

    Attributes:
        todo: what to do about it.
    """

    def __init__(self, what: str, todo: str = "") -> None:
        super().__init__(what)
        self.todo = todo


class Disk:
    """The files below a folder, by their paths relative to it; every method raises OSError.

    A file is written under a temporary name, synced and renamed. The name begins with a dot, so that readers of whole
    folders, such as pandas and pyarrow, ignore it.

    Args:
        root: absolute, without a trailing slash; it need not exist yet.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    def read(self, path: str) -> bytes:
        """Returns a file's bytes."""
        with self.open(path) as file:
            return file.read()

    def open(self, path: str) -> BinaryIO:
        """Opens a file for reading."""
        full = self.full(path)
        try:
            mode = os.stat(full).st_mode
        except OSError as error:
            if os.path.islink(full):
                raise PathRefused("there is a link that leads to no file", "remove it, or restore the file") from error
            raise
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # reading it might never end
            raise PathRefused("there is a pipe, a socket or a device, not a file", "remove it")
        return open(full, "rb")

    def write(self, path: str, data: bytes) -> None:
        """Writes a file, or replaces it, in one step."""
        target = self._target(path)
        with _written_beside(target, data) as temporary:
            os.replace(temporary, target)
        _sync_folder(os.path.dirname(target))

    def create(self, path: str, data: bytes) -> bool:
        """Writes a file unless it exists; exactly one of several callers gets True.

        On a disk without hard links the file is empty for a moment, and stays empty if its writer is killed then.
        """
        target = self._target(path)
        with _written_beside(target, data) as temporary:
            try:
                os.link(temporary, target)  # unlike a rename, a link never replaces
            except FileExistsError:
                return False
            except OSError:  # many disks have no hard links: exFAT, network drives, FUSE
                if not _claim(target):
                    return False
                _replace_claim(temporary, target)
        _sync_folder(os.path.dirname(target))
        return True

    def delete(self, path: str) -> None:
        """Deletes a file; ignores a missing one."""
        with suppress(FileNotFoundError):
            os.unlink(self._target(path))

    def exists(self, path: str) -> bool:
        """Returns whether there is a file, or a folder, at this path."""
        return os.path.exists(self.full(path))

    def walk(self, folder: str, *, recursive: bool = True) -> Iterator[tuple[str, int, float]]:
        """Yields path, size and modification time of every file below a folder ("" is the root); follows no links."""
        start = len(self._root) + 1
        for path, status in _walk((self.full(folder) if folder else self._root) or "/", recursive=recursive):
            yield path[start:], status.st_size, status.st_mtime

    def is_empty(self) -> bool:
        """Returns whether the root contains only left-over temporary files, or does not exist."""
        with suppress(FileNotFoundError):
            return all(map(is_temporary, os.listdir(self._root or "/")))
        return True

    def full(self, path: str) -> str:
        """Returns a file's absolute path."""
        return f"{self._root}/{path}"

    def _target(self, path: str) -> str:
        full = self.full(path)
        real_root = os.path.realpath(self._root or "/").rstrip("/")
        if not f"{os.path.realpath(os.path.dirname(full))}/".startswith(f"{real_root}/"):
            raise PathRefused("a link leads out of the store", "replace the link by a real folder")
        return full


def _walk(folder: str, *, recursive: bool = True) -> Iterator[tuple[str, os.stat_result]]:
    """Yields every file below a folder with its status, sorted within each folder; links to folders are left out."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            with suppress(FileNotFoundError):  # deleted since the folder was read
                if not stat.S_ISDIR((status := _status(entry)).st_mode):
                    yield entry.path, status
        elif recursive:
            yield from _walk(entry.path)


def _status(entry: os.DirEntry[str]) -> os.stat_result:
    """Returns the status of a file; for a link that of its target, for a dangling link its own."""
    try:
        return entry.stat()
    except OSError:
        return entry.stat(follow_symlinks=False)


@contextmanager
def _written_beside(target: str, data: bytes) -> Iterator[str]:
    folder, name = os.path.split(target)
    _make_folder(folder)
    temporary = f"{folder}/.{name}.tmp-{secrets.token_hex(6)}"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            _sync(file.fileno())
        yield temporary
    finally:
        with suppress(OSError):  # renamed, or never created; the original error matters more
            os.unlink(temporary)


def _claim(target: str) -> bool:
    """Creates an empty file, which only one of several callers can do; returns whether this one did."""
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileExistsError:
        return False
    return True


def _replace_claim(temporary: str, target: str) -> None:
    try:
        os.replace(temporary, target)
    except OSError:
        with suppress(OSError):
            os.unlink(target)
        raise


def _make_folder(folder: str) -> None:
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    _make_folder(parent)
    with suppress(FileExistsError):
        os.mkdir(folder)
    _sync_folder(parent)


def _sync_folder(folder: str) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # write permission does not imply permission to list
        return
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    """Waits until a file or a folder is on the disk, if the file system supports it."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
