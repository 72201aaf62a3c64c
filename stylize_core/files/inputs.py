"""Reads input files and their status from anywhere."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from stylize_core.errors import InputError, InputIsFolder, InputMissing, InputTooLarge, InputUnreadable
from stylize_core.files.bounded import BLOCK_BYTES, MAX_BYTES, TooManyBytes, check_size, gather
from stylize_core.files.error_kinds import ErrorKind, error_kind, is_web_refusal, words
from stylize_core.files.remote import LONGEST_S, SILENCES, Remote, UnknownPlace, locate
from stylize_core.files.web_body import web_blocks
from stylize_core.job import public_uri

_STAMPS = ("ETag", "etag", "mtime", "LastModified", "Last-Modified", "last_modified", "created")
"""Attributes with which file systems describe a file's version, the most reliable first."""

_OF_REFUSALS = (
    "check the address and its signature; if the server accepts only browsers, set another user agent: "
    """FSSPEC_HTTP_CLIENT_KWARGS='{"headers": {"User-Agent": "..."}}'"""
)


def stat_input(uri: str) -> tuple[int, str]:
    """Returns a file's size in bytes and a timestamp that changes with its content, without reading it.

    Args:
        uri: an absolute path or an fsspec URL.

    Raises:
        InputMissing: there is no such file.
        InputIsFolder: it is a folder.
        InputTooLarge: it has more bytes than the limit.
        InputUnreadable: it is not readable or not a regular file, its server does not answer, or a web server redirects
            to a local address.
    """
    with _clear_errors(uri):
        remote, path = _locate(uri)
        if remote is None:
            status = _stat_local(path)
            check_size(status.st_size)
            # Others can set a file's mtime, but not the ctime that the system records.
            return status.st_size, f"{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
        info = _info(remote, path)
        stamps = (info[name] for name in _STAMPS if info.get(name))
        return info["size"] or 0, str(next(stamps, ""))


def read_input(uri: str) -> bytes:
    """Returns a file's bytes; for arguments and errors see `stat_input`."""
    with open_input(uri) as data:
        return data


@contextmanager
def open_input(uri: str, *, is_pipe_allowed: bool = False) -> Iterator[bytes]:
    """Yields a file's bytes; during the block this process holds no other large file in memory.

    Raises as `stat_input` does; it never reads more than the limit, whatever the file or server says.

    Args:
        uri: an absolute path or an fsspec URL.
        is_pipe_allowed: whether to read a pipe to its end, however long that takes.
    """
    with ExitStack() as held:
        with _clear_errors(uri):
            remote, path = _locate(uri)
            data = _read_local(path, held, is_pipe_allowed) if remote is None else _read_remote(remote, path, held)
        yield data


def _read_local(path: str, held: ExitStack, is_pipe_allowed: bool) -> bytes:
    is_pipe = is_pipe_allowed and stat.S_ISFIFO(os.stat(path).st_mode)
    size = 0 if is_pipe else _stat_local(path).st_size
    with open(path, "rb", buffering=0) as file:
        return gather(iter(partial(file.read, BLOCK_BYTES), b""), size, held)


def _read_remote(remote: Remote, path: str, held: ExitStack) -> bytes:
    if remote.is_web:  # it need not announce the size
        return remote.again(lambda: gather(web_blocks(remote.fs, path, LONGEST_S), 0, held))
    size = _info(remote, path)["size"]
    return gather(_whole(remote, path, size), size or 0, held)


def _whole(remote: Remote, path: str, size: int | None) -> Iterator[bytes]:
    """Yields a file as one block: separate parts could come from two versions of it."""
    limit = {"start": 0, "end": MAX_BYTES + 1} if size is None else {}
    yield bytes(remote.ask("cat_file", path, **limit))


def _info(remote: Remote, path: str) -> dict[str, Any]:
    info: dict[str, Any] = remote.ask("info", path)
    if info["type"] == "directory":
        raise IsADirectoryError(path)
    check_size(info["size"] or 0)
    return info


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


def _misread(uri: str) -> str:
    """Returns the advice for a character in a path that has a meaning elsewhere but not here."""
    is_url = "://" in uri
    if "\\" in uri and not is_url:
        return "write / between folders: a backslash is a letter of the name here"
    if re.search(r"(^|/)~[^/]*/", uri) and not is_url:
        return "write the home folder out: ~ is a letter of the name here"
    if "#" in uri and uri.startswith(("http://", "https://")):
        return "write %23 for #, which ends an address"
    return ""


@contextmanager
def _clear_errors(uri: str) -> Iterator[None]:
    where = public_uri(uri)
    try:
        yield
    except InputError:
        raise
    except TooManyBytes as error:
        raise InputTooLarge(f"the file has more than {MAX_BYTES >> 30} GiB", where=where) from error
    except IsADirectoryError as error:
        raise InputIsFolder("a folder, not a file", where=where) from error
    except Exception as error:  # each file system has its own library with its own errors
        if isinstance(error, NotADirectoryError) or error_kind(error) is ErrorKind.MISSING:
            raise InputMissing("there is no such file", where=where, todo=_misread(uri)) from error
        todo = _OF_REFUSALS if is_web_refusal(error) else ""
        raise InputUnreadable(f"the file cannot be read: {words(error)}", where=where, todo=todo) from error
