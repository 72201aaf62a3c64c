"""The only class that accesses a store: a local folder, or any fsspec URL."""

import errno
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from fsspec.implementations.local import LocalFileSystem

from stylize_core.errors import OutputRefused, StoreDenied, StoreFull, StoreUnusable
from stylize_core.files.disk import Disk, PathRefused
from stylize_core.files.error_kinds import ErrorKind, error_kind, words
from stylize_core.files.objects import Objects
from stylize_core.files.remote import UnknownPlace, locate
from stylize_core.job import public_uri

_THREADS = 8  # for many small files: most time is spent waiting for the disk or the network
_IN_THE_WAY = (IsADirectoryError, NotADirectoryError, PermissionError)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a store.

    Attributes:
        path: relative to the store's root.
        size: bytes.
        modified: when it was last written, in seconds since 1970; 0 if the file system does not say.
    """

    path: str
    size: int
    modified: float


class Files:
    """The files of a store. Paths are relative to its root, with forward slashes.

    A published file exists completely or not at all, and changes by others are visible at once: nothing is cached.
    fsspec's packages find credentials and endpoints in the environment or in their own files.

    Args:
        uri: a folder (it need not exist yet), or an fsspec URL.

    Attributes:
        uri: the absolute path, or the URL as given; it may contain credentials.
        public_uri: the same without credentials, for messages and records.

    Raises:
        StoreUnusable: the URL's protocol is unknown or its package is missing. Every method raises it too, for a
            path outside the store and whenever the file system refuses.
        StoreDenied: by every method, if an object store refuses permanently.
        StoreFull: by every method that writes.
        OutputRefused: by every method that writes, if the error concerns one file and not the store.
    """

    def __init__(self, uri: str) -> None:
        try:
            remote, root = locate(uri)
        except UnknownPlace as error:
            what = f"this kind of store is not known here: {error.reason}"
            raise StoreUnusable(what, where=public_uri(uri), todo=error.todo) from error
        root = (root if remote else str(LocalFileSystem._strip_protocol(root))).rstrip("/")
        self._place = Objects(remote, root) if remote else Disk(root)
        self.uri: str = uri.rstrip("/") if remote else root
        self.public_uri = public_uri(self.uri)

    def __reduce__(self) -> tuple[object, ...]:  # another process opens it again, with that machine's credentials
        return (Files, (self.uri,))

    def read(self, path: str) -> bytes:
        """Returns a file's bytes.

        Raises:
            FileNotFoundError: there is no such file.
        """
        with self._clear_errors("read", path):
            return self._place.read(_checked(path))

    def open(self, path: str) -> BinaryIO:
        """Opens a file for reading: a local file from its disk; a remote file is loaded into memory.

        Raises:
            FileNotFoundError: there is no such file.
        """
        if not isinstance(self._place, Disk):
            return BytesIO(self.read(path))
        with self._clear_errors("read", path):
            return self._place.open(_checked(path))

    def publish(self, path: str, data: bytes) -> None:
        """Writes a file, or replaces it, in one step."""
        with self._clear_errors("written", path):
            self._place.write(_checked(path), data)

    def create(self, path: str, data: bytes) -> bool:
        """Writes a file unless it exists; exactly one of several callers, here or elsewhere, gets True.

        On an object store the callers' data must differ, because a caller recognises its own file by the data if the
        answer to its request was lost. Whether only one of several simultaneous callers succeeds depends on the
        server: `lease.py` checks again.
        """
        with self._clear_errors("written", path):
            return self._place.create(_checked(path), data)

    def delete(self, paths: Iterable[str]) -> None:
        """Deletes files; ignores missing ones."""
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(self._delete, paths))

    def exists(self, path: str) -> bool:
        """Returns whether there is a file, or a folder, at this path."""
        with self._clear_errors("read", path):
            return self._place.exists(_checked(path))

    def is_empty(self) -> bool:
        """Returns whether the root contains only left-over temporary files, or does not exist."""
        with self._clear_errors("read", ""):
            return self._place.is_empty()

    def list(self, folder: str, *, recursive: bool = True) -> list[Entry]:
        """Returns the files below a folder ("" is the root), sorted by path; none if it does not exist."""
        with self._clear_errors("read", folder):
            found = self._place.walk(_checked(folder) if folder else "", recursive=recursive)
            return sorted((Entry(*one) for one in found), key=lambda entry: entry.path)

    def local_path(self, path: str) -> Path | None:
        """Returns the path of a file on this machine's disks; None for a remote store."""
        with self._clear_errors("read", path):
            return Path(self._place.full(_checked(path))) if isinstance(self._place, Disk) else None

    def _delete(self, path: str) -> None:
        with self._clear_errors("written", path):
            self._place.delete(_checked(path))

    @contextmanager
    def _clear_errors(self, done: str, path: str) -> Iterator[None]:
        where, kind = f"{self.public_uri}/{path}".rstrip("/"), StoreUnusable
        try:
            yield
        except PathRefused as error:
            if error.todo:  # it concerns this file
                raise OutputRefused(str(error), where=where, todo=error.todo) from error
            raise StoreUnusable(str(error), where=f"{self.public_uri}: {path!r}") from error  # an invalid path
        except Exception as error:
            found = error_kind(error)
            if done == "read" and found is ErrorKind.MISSING:
                raise FileNotFoundError(errno.ENOENT, "no such file in the store", path) from error
            if isinstance(self._place, Disk) and not isinstance(error, OSError):
                raise  # not an error of a disk
            if found is ErrorKind.FULL:
                raise StoreFull("there is no space left for the store", where=where) from error
            if found is ErrorKind.REFUSED:
                kind = StoreDenied
            if done == "written" and isinstance(self._place, Disk) and isinstance(error, _IN_THE_WAY):
                kind = OutputRefused
            raise kind(f"the store cannot be {done}: {words(error)}", where=where) from error


def _checked(path: str) -> str:
    if "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise PathRefused("a path leads out of the store")
    return path
