"""The one class through which everything touches a store: a local folder, or any fsspec URL."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from stylize_core.errors import OutputRefused, StoreFull, StoreUnusable
from stylize_core.job import public_uri
from stylize_core.store import disk

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_IN_THE_WAY = (IsADirectoryError, NotADirectoryError, PermissionError)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a store.

    Attributes:
        path: relative to the store's root.
        size: bytes.
        modified: seconds since 1970 when it was last written; 0 where the file system does not say.
    """

    path: str
    size: int
    modified: float


class Files:
    """The files of a store. Paths are relative to its root, with forward slashes.

    A published file is there in full or not at all. On a local disk that takes a temporary name, a sync and a rename;
    an object store does it by itself when an object is put with one request.

    Args:
        uri: a folder (it need not exist yet), or an fsspec URL.
        storage_options: passed to fsspec: credentials, endpoints.

    Attributes:
        uri: the absolute path, or the URL as given; it may hold credentials.
        public_uri: the same without credentials, for messages and records.

    Raises:
        StoreUnusable: the URL's protocol is unknown or its package is missing. Every method raises it too, for a
            path outside the store and whenever the file system refuses.
        StoreFull: by every method that writes.
        OutputRefused: by every method that writes, where it is about one file and not the store.
    """

    def __init__(self, uri: str, **storage_options: Any) -> None:
        try:
            self._fs, root = url_to_fs(uri, **storage_options)
        except (ImportError, ValueError) as error:
            raise StoreUnusable(
                f"this kind of store is not known here: {error}",
                where=public_uri(uri),
                todo="name a folder, or a URL whose fsspec package is installed (s3fs for s3://)",
            ) from error
        self._is_local = isinstance(self._fs, LocalFileSystem)
        self._root = root.rstrip("/")
        self.uri: str = self._root if self._is_local else uri.rstrip("/")
        self.public_uri = public_uri(self.uri)

    def read(self, path: str) -> bytes:
        """Returns a file's bytes.

        Raises:
            FileNotFoundError: there is no such file.
        """
        with self._clear_errors("read", path):
            full = self._full(path)
            if self._is_local:
                return Path(full).read_bytes()
            return bytes(self._fs.cat_file(full))

    def publish(self, path: str, data: bytes) -> None:
        """Writes a file, or replaces it, in one step."""
        with self._clear_errors("written", path):
            target = self._target(path)
            if self._is_local:
                disk.replace(target, data)
            else:
                self._fs.pipe_file(target, data)

    def create(self, path: str, data: bytes) -> bool:
        """Writes a file unless it exists; of several callers, here or elsewhere, exactly one gets True."""
        with self._clear_errors("written", path):
            target = self._target(path)
            if self._is_local:
                return disk.create(target, data)
            try:
                self._fs.pipe_file(target, data, mode="create")
            except FileExistsError:
                return False
            return True

    def delete(self, paths: Iterable[str]) -> None:
        """Deletes files; those that are not there are passed over."""
        for path in paths:
            with self._clear_errors("written", path), suppress(FileNotFoundError):
                target = self._target(path)
                os.unlink(target) if self._is_local else self._fs.rm_file(target)

    def exists(self, path: str) -> bool:
        """Returns whether there is a file, or a folder, of this path."""
        with self._clear_errors("read", path):
            return bool(self._fs.exists(self._full(path)))

    def is_empty(self) -> bool:
        """Returns whether the root holds nothing but left-over temporary files, or is not there at all."""
        with self._clear_errors("read", ""), suppress(FileNotFoundError):
            return all(disk.TEMPORARY in name.rpartition("/")[2] for name in self._fs.ls(self._root, detail=False))
        return True

    def list(self, folder: str, *, recursive: bool = True) -> list[Entry]:
        """Returns the files below a folder ("" is the root), sorted by path; none where it does not exist."""
        with self._clear_errors("read", folder):
            top = self._full(folder) if folder else self._root
            found = self._walk_local(top, recursive) if self._is_local else self._walk_remote(top, recursive)
            return sorted(found, key=lambda entry: entry.path)

    def local_path(self, path: str) -> Path | None:
        """Returns where a file lies on this machine's disks; None for a store elsewhere."""
        return Path(self._full(path)) if self._is_local else None

    def _walk_local(self, top: str, recursive: bool) -> Iterator[Entry]:
        start = len(self._root) + 1
        for path, status in disk.walk(top or "/", recursive=recursive):
            yield Entry(path[start:], status.st_size, status.st_mtime)

    def _walk_remote(self, top: str, recursive: bool) -> Iterator[Entry]:
        self._fs.invalidate_cache(top)  # others write too
        start = len(self._root) + 1
        for path, info in self._fs.find(top, maxdepth=None if recursive else 1, detail=True).items():
            yield Entry(path[start:], info["size"], _modified(info))

    def _full(self, path: str) -> str:
        if "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
            raise StoreUnusable("a path leads out of the store", where=f"{self.public_uri}: {path!r}")
        return f"{self._root}/{path}"

    def _target(self, path: str) -> str:
        full = self._full(path)
        if self._is_local and not disk.is_inside(self._root, full):
            raise OutputRefused(
                "a link leads out of the store",
                where=f"{self.public_uri}/{path}",
                todo="replace the link by a real folder",
            )
        return full

    @contextmanager
    def _clear_errors(self, done: str, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if done == "read" and isinstance(error, FileNotFoundError):
                raise
            where = f"{self.public_uri}/{path}".rstrip("/")
            if error.errno in _NO_SPACE:
                raise StoreFull("there is no space left for the store", where=where) from error
            # Only the system's own words: a library's text may repeat a signed URL.
            reason = error.strerror or type(error).__name__
            refused = done == "written" and isinstance(error, _IN_THE_WAY)
            kind = OutputRefused if refused else StoreUnusable
            raise kind(f"the store cannot be {done}: {reason}", where=where) from error


def _modified(info: dict[str, Any]) -> float:
    time = info.get("mtime") or info.get("LastModified") or info.get("created") or 0.0
    return time.timestamp() if isinstance(time, datetime) else float(time)
