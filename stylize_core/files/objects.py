"""Files of an object store; each is put by one request, so it exists completely or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from stylize_core.files.error_kinds import ErrorKind, error_kind
from stylize_core.files.remote import Remote

_LARGEST_PUT = 5 * 2**30  # bytes of one request to S3


class Objects:
    """The files below a root, by their paths relative to it; the remote counterpart of `Disk`.

    Every method raises the errors of the file system's library, see `answers.py`.
    """

    def __init__(self, remote: Remote, root: str) -> None:
        self._remote = remote
        self._root = root
        # s3fs would split files above 100 MB into parts, and cleans up only if it is not killed.
        self._put: dict[str, Any] = {"chunksize": _LARGEST_PUT // 2} if remote.is_s3 else {}

    def read(self, path: str) -> bytes:
        """Returns a file's bytes."""
        return bytes(self._remote.ask("cat_file", self._full(path)))

    def write(self, path: str, data: bytes) -> None:
        """Writes a file, or replaces it, in one step."""
        self._remote.ask("pipe_file", self._full(path), data, **self._put)

    def create(self, path: str, data: bytes) -> bool:
        """Writes a file unless it exists; see `Files.create`."""
        try:
            self._remote.ask("pipe_file", self._full(path), data, mode="create", **self._put)
        except Exception as error:
            if error_kind(error) is not ErrorKind.EXISTS:
                raise
            # An answer may be lost and the request retried by a lower layer: then the existing file is our own.
            return self._holds(path, data)
        return True

    def delete(self, path: str) -> None:
        """Deletes a file; ignores a missing one."""
        with _nothing_missing():
            self._remote.ask("rm_file", self._full(path))

    def exists(self, path: str) -> bool:
        """Returns whether there is a file, or a folder, at this path."""
        with _nothing_missing():
            self._remote.ask("info", self._full(path))
            return True
        return False

    def walk(self, folder: str, *, recursive: bool = True) -> Iterator[tuple[str, int, float]]:
        """Yields path, size and modification time of every file below a folder ("" is the root)."""
        top = self._full(folder) if folder else self._root
        infos: list[dict[str, Any]] = []
        with _nothing_missing():
            # Not `find` with a depth: it takes a failed listing for an empty one.
            infos = list(self._remote.ask("find", top, detail=True).values()) if recursive else self._level(top)
        for info in infos:
            if info["type"] != "directory" and info["name"].startswith(f"{top}/"):
                yield info["name"][len(self._root) + 1 :], info["size"], _modified(info)

    def is_empty(self) -> bool:
        """Returns whether there is nothing below the root."""
        with _nothing_missing():
            return not self._level(self._root)
        return True

    def _level(self, top: str) -> list[dict[str, Any]]:
        return list(self._remote.ask("ls", top, detail=True))

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _holds(self, path: str, data: bytes) -> bool:
        with _nothing_missing():
            return self.read(path) == data
        return False


@contextmanager
def _nothing_missing() -> Iterator[None]:
    """Suppresses the error that there is no such file."""
    try:
        yield
    except Exception as error:
        if error_kind(error) is not ErrorKind.MISSING:
            raise


def _modified(info: dict[str, Any]) -> float:
    time = info.get("mtime") or info.get("LastModified") or info.get("created") or 0.0
    return time.timestamp() if isinstance(time, datetime) else float(time)
