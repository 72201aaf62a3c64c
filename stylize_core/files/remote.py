"""Remote file systems: one connection per server, requests with retries, no caching."""

import os
import random
import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import unquote

from fsspec.asyn import AsyncFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from stylize_core.files.error_kinds import ErrorKind, error_kind, is_silence
from stylize_core.files.http_guard import CONNECT_S, SILENCE_S, guarded_client
from stylize_core.release import install_extra

PAUSES_S = (1.0, 3.0)
"""Pauses before an operation is retried as a whole; botocore has then tried each of its requests four times."""

PATIENCE_S = 60.0
"""After this time there are no more retries."""

SILENCES = 5
"""Unanswered operations in a row, each with retries, after which a server is given up for a while."""

GIVEN_UP_S = 60.0

LONGEST_S = 300.0
"""Longest duration of a request, however slow it is: a server that stops reading would block us for ever."""

T = TypeVar("T")

_OF_EXTRA_S3 = ("s3", "http")
"""Kinds of URLs that need s3fs, or aiohttp, which s3fs installs."""


class UnknownPlace(Exception):
    """No installed package knows this kind of URL.

    Attributes:
        reason: without the URL, which may contain a password.
        todo: what to do about it.
    """

    def __init__(self, reason: str, todo: str) -> None:
        super().__init__(reason, todo)
        self.reason = reason
        self.todo = todo


class Remote:
    """A remote file system.

    Args:
        fs: the fsspec file system.
    """

    def __init__(self, fs: Any) -> None:
        self.fs = fs
        self.is_s3 = "s3" in fs.protocol
        self._silences, self._given_up = 0, -GIVEN_UP_S
        self.is_web = "http" in fs.protocol
        self._limit = {"timeout": LONGEST_S} if isinstance(fs, AsyncFileSystem) else {}
        if self.is_s3:
            _configure(fs)

    def ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Calls a method of the file system, like `again`."""
        return self.again(lambda: getattr(self.fs, method)(*arguments, **options, **self._limit))

    def again(self, call: Callable[[], T]) -> T:
        """Calls a function, with retries after transient errors; raises the last error unchanged."""
        start = time.monotonic()
        for pause in (*PAUSES_S, 0.0):
            try:
                found = call()
            except Exception as error:
                is_over = not pause or time.monotonic() - start > PATIENCE_S
                if is_over or error_kind(error) is not ErrorKind.FAULT:
                    self._note(is_silence(error))
                    raise
            else:
                self._note(False)
                return found
            time.sleep(pause * random.uniform(0.5, 1.5))
        raise AssertionError("the last round returns or raises")

    @property
    def is_given_up(self) -> bool:
        """Whether the server has not answered for some time, so that callers with many requests can skip them."""
        return time.monotonic() - self._given_up < GIVEN_UP_S

    def _note(self, is_silent: bool) -> None:
        self._silences = self._silences + 1 if is_silent else 0
        if self._silences >= SILENCES:
            self._given_up = time.monotonic()
        elif not is_silent:
            self._given_up = -GIVEN_UP_S


def locate(uri: str) -> tuple[Remote | None, str]:
    """Returns the file system of a path or URL and the path in it; None for this machine's disks.

    Raises:
        UnknownPlace: no installed package knows this kind of URL.
    """
    if "://" not in uri or uri.startswith(("file://", "local://")):
        return None, local_path(uri)
    kind, _, rest = uri.partition("://")
    kind = kind.lower()  # as browsers do
    uri = f"{kind}://{rest}"
    # All paths on one server share a connection; a forked process needs its own.
    place = uri if "::" in uri else f"{kind}://{re.split('[/?#]', rest)[0]}"
    try:
        fs, remote, first_path = _connect(place, os.getpid())
        path = first_path if place == uri else str(fs._strip_protocol(uri))  # for a chain, the path in its first link
    except ImportError as error:
        todo = install_extra("s3") if kind.startswith(_OF_EXTRA_S3) else "install its fsspec package"
        raise UnknownPlace(f"{kind}:// needs a package that is missing", todo) from error
    except ValueError as error:
        reason = str(error) if str(error).startswith("Protocol not known") else "it cannot be read"
        raise UnknownPlace(reason, "name a path, or a URL that fsspec knows") from error
    return (None if isinstance(fs, LocalFileSystem) else remote), path


def local_path(uri: str) -> str:
    """Returns the path of a `file:` URL; other paths as they are.

    If such a file exists, the path is taken literally, as fsspec does; otherwise codes such as %20 are decoded.
    """
    found = re.fullmatch(r"(?:file|local):(?=/)(?://(?:localhost(?=/))?)?(.*)", uri, re.DOTALL)
    if not found:
        return uri
    return found[1] if os.path.lexists(found[1]) else unquote(found[1])


@lru_cache(maxsize=64)
def _connect(place: str, process: int) -> tuple[Any, Remote, str]:
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}  # others write too
    if place.startswith(("http://", "https://")):
        options["get_client"] = guarded_client
    fs, path = url_to_fs(place, **options)
    return fs, Remote(fs), str(path)


def _configure(fs: Any) -> None:
    """Makes an object store retry requests in one place only, never wait for ever, and read with one request."""
    fs.retries = 1  # botocore retries, page by page of a listing; three layers of retries would multiply
    fs.max_concurrency = 1  # parts read separately could come from two versions of an object
    ours = {
        "retries": {"mode": "standard", "total_max_attempts": 4},
        "connect_timeout": CONNECT_S,
        "read_timeout": SILENCE_S,
    }
    fs.config_kwargs = ours | fs.config_kwargs
