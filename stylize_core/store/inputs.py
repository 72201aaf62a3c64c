"""Input files: reading them from anywhere, and remembering what they were, so that each is read once."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from stylize_core.errors import InputError, InputIsFolder, InputMissing, InputUnreadable
from stylize_core.job import public_uri
from stylize_core.store import layout
from stylize_core.store.files import Files
from stylize_core.store.tables import read_tables, to_parquet

_SCHEMA = pa.schema(
    [
        ("uri", pa.string()),
        ("size", pa.int64()),
        ("stamp", pa.string()),
        ("sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
    ]
)

_STAMPS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "created")
"""What file systems tell of a file's version, the surest first."""


class Fingerprint(NamedTuple):
    """What a file was when it was read.

    Attributes:
        sha256: of its bytes, 64 hex digits.
        width: pixels, after EXIF orientation.
        height: pixels, after EXIF orientation.
    """

    sha256: str
    width: int
    height: int


class Fingerprints:
    """The inputs that a store knows, by URI (without credentials), size and stamp."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, str], Fingerprint] = {}
        self._new: dict[tuple[str, int, str], Fingerprint] = {}

    @classmethod
    def load(cls, files: Files) -> "Fingerprints":
        """Returns what the store knows.

        Raises:
            StoreError: a file of fingerprints is damaged; it is named.
        """
        entries = files.list(layout.INPUTS, recursive=False)
        paths = [entry.path for entry in entries if entry.path.endswith(".parquet")]
        fingerprints = cls()
        columns = read_tables(files, paths, _SCHEMA).to_pydict().values()
        for uri, size, stamp, *rest in zip(*columns, strict=True):
            fingerprints._known[uri, size, stamp] = Fingerprint(*rest)
        return fingerprints

    def get(self, uri: str, size: int, stamp: str) -> Fingerprint | None:
        """Returns what is known of a file as `stat_input` describes it; None where it is new or has changed."""
        return self._known.get((public_uri(uri), size, stamp))

    def add(self, uri: str, size: int, stamp: str, fingerprint: Fingerprint) -> None:
        """Remembers a file. Without a stamp a change could go unnoticed: such a file is read again in each run."""
        if stamp:
            key = (public_uri(uri), size, stamp)
            self._known[key] = self._new[key] = fingerprint

    def save(self, files: Files) -> None:
        """Publishes what was added since the last time, as one more file.

        Raises:
            StoreFull: there is no space left.
            StoreUnusable: the store cannot be written.
        """
        if not self._new:
            return
        rows = [(*key, *fingerprint) for key, fingerprint in sorted(self._new.items())]
        data = to_parquet(pa.table(list(map(list, zip(*rows, strict=True))), schema=_SCHEMA))
        files.publish(f"{layout.INPUTS}/{hashlib.sha256(data).hexdigest()[:32]}.parquet", data)
        self._new.clear()


def stat_input(uri: str) -> tuple[int, str]:
    """Returns a file's size in bytes and a stamp that changes with its content, without reading it.

    Args:
        uri: an absolute path or an fsspec URL.

    Raises:
        InputMissing: there is no such file.
        InputIsFolder: it is a folder.
        InputUnreadable: it may not be read, is no regular file, or its server does not answer.
    """
    with _clear_errors(uri):
        fs, path = _locate(uri)
        if fs is None:
            status = _stat_local(path)
            return status.st_size, str(status.st_mtime_ns)
        info = fs.info(path)
        if info["type"] == "directory":
            raise IsADirectoryError(uri)
        stamps = (info[name] for name in _STAMPS if info.get(name))
        return info["size"] or 0, str(next(stamps, ""))


def read_input(uri: str) -> bytes:
    """Returns a file's bytes; arguments and errors as of `stat_input`."""
    with _clear_errors(uri):
        fs, path = _locate(uri)
        if fs is None:
            _stat_local(path)
            return Path(path).read_bytes()
        try:
            return bytes(fs.cat_file(path))
        except FileNotFoundError:  # an object store knows no folders, only names that go on
            if fs.isdir(path):
                raise IsADirectoryError(uri) from None
            raise


def _locate(uri: str) -> tuple[Any, str]:
    """Returns a file system and a path in it; None for this machine's disks, which are read without fsspec."""
    if "://" not in uri:
        return None, uri
    try:
        fs, path = url_to_fs(uri)
    except (ImportError, ValueError) as error:
        raise InputUnreadable(
            f"this kind of URL is not known here: {error}",
            where=public_uri(uri),
            todo="use a path, or a URL whose fsspec package is installed (s3fs for s3://)",
        ) from error
    return (None if isinstance(fs, LocalFileSystem) else fs), path


def _stat_local(path: str) -> os.stat_result:
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(path)
    if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device might never end
        raise InputUnreadable("the file is a pipe or a device", where=path, todo="name a regular file")
    return status


@contextmanager
def _clear_errors(uri: str) -> Iterator[None]:
    where = public_uri(uri)
    try:
        yield
    except InputError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputMissing("there is no such file", where=where) from error
    except IsADirectoryError as error:
        raise InputIsFolder("a folder, not a file", where=where) from error
    except Exception as error:  # each file system has its own library, and that its own errors
        # Only the system's own words: a library's text may repeat a signed URL.
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InputUnreadable(f"the file cannot be read: {reason}", where=where) from error
