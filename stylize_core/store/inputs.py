"""Input files: what they are and what they hold, wherever they lie."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from stylize_core.errors import InputError, InputIsFolder, InputMissing, InputUnreadable
from stylize_core.job import public_uri

_STAMPS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "created")
"""What file systems tell of a file's version, the surest first."""


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
