"""Input files: what they are and what they hold, wherever they lie."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stylize_core.errors import InputError, InputIsFolder, InputMissing, InputUnreadable
from stylize_core.files.error_kinds import ErrorKind, error_kind, words
from stylize_core.files.remote import SILENCES, Remote, UnknownPlace, locate
from stylize_core.job import public_uri

_STAMPS = ("ETag", "etag", "mtime", "LastModified", "Last-Modified", "last_modified", "created")
"""What file systems tell of a file's version, the surest first."""


def stat_input(uri: str) -> tuple[int, str]:
    """Returns a file's size in bytes and a stamp that changes with its content, without reading it.

    Args:
        uri: an absolute path or an fsspec URL.

    Raises:
        InputMissing: there is no such file.
        InputIsFolder: it is a folder.
        InputUnreadable: it may not be read, is no regular file, its server does not answer, or a web server redirects
            to a local address.
    """
    with _clear_errors(uri):
        remote, path = _locate(uri)
        if remote is None:
            status = _stat_local(path)
            return status.st_size, str(status.st_mtime_ns)
        info = remote.ask("info", path)
        if info["type"] == "directory":
            raise IsADirectoryError(uri)
        stamps = (info[name] for name in _STAMPS if info.get(name))
        return info["size"] or 0, str(next(stamps, ""))


def read_input(uri: str) -> bytes:
    """Returns a file's bytes; arguments and errors as of `stat_input`."""
    with _clear_errors(uri):
        remote, path = _locate(uri)
        if remote is None:
            _stat_local(path)
            return Path(path).read_bytes()
        try:
            return bytes(remote.ask("cat_file", path))
        except FileNotFoundError:  # an object store knows no folders, only names that go on
            if remote.ask("isdir", path):
                raise IsADirectoryError(uri) from None
            raise


def _locate(uri: str) -> tuple[Remote | None, str]:
    try:
        remote, path = locate(uri)
    except UnknownPlace as error:
        what = f"this kind of URL is not known here: {error.reason}"
        raise InputUnreadable(what, where=public_uri(uri), todo=error.todo) from error
    if remote and remote.is_given_up:
        what = f"its server has not answered {SILENCES} times in a row, and is not asked for a while"
        raise InputUnreadable(what, where=public_uri(uri))
    return remote, path


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
    except IsADirectoryError as error:
        raise InputIsFolder("a folder, not a file", where=where) from error
    except Exception as error:  # each file system has its own library, and that its own errors
        if isinstance(error, NotADirectoryError) or error_kind(error) is ErrorKind.MISSING:
            raise InputMissing("there is no such file", where=where) from error
        raise InputUnreadable(f"the file cannot be read: {words(error)}", where=where) from error
