"""Classifies the errors of remote file systems, whichever library they come from.

The libraries are optional and have their own error classes, so these are identified by name.
"""

import errno
import re
import ssl
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class ErrorKind(Enum):
    """What an error means for the caller."""

    MISSING = auto()  # there is no such file
    EXISTS = auto()  # the file already exists
    FULL = auto()
    REFUSED = auto()  # permanent: credentials, permissions, a bucket that does not exist
    FAULT = auto()  # transient: the connection, an overloaded or failing server


class LocalAddress(OSError):
    """A redirect leads from a public server to this machine or its private network."""


class _Answer(NamedTuple):
    code: str
    status: int


_FULL = {"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"}
_FAULTS = {
    "BadDigest",
    "IncompleteBody",
    "InternalError",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "XAmzContentSHA256Mismatch",
}
_BROKEN = {
    "ClientConnectionError",
    "ClientPayloadError",
    "ConnectionError",
    "FlexibleChecksumError",
    "HTTPClientError",
    "IncompleteReadError",
    "OSError",
    "ResponseParserError",
}
"""Error classes of broken connections and damaged answers."""

_WORDS = {
    "AccessDenied": "access denied",
    "ExpiredToken": "the credentials have expired",
    "InvalidAccessKeyId": "the access key is not known",
    "NoCredentialsError": "no credentials were found",
    "NoSuchBucket": "there is no such bucket",
    "PartialCredentialsError": "the credentials are incomplete",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "SignatureDoesNotMatch": "the access key or its secret is wrong",
}


def error_kind(error: BaseException) -> ErrorKind:
    """Returns what an error means."""
    chain = list(_chain(error))
    for answer in filter(None, map(_answer, chain)):
        return _kind_of(answer)
    if isinstance(error, FileNotFoundError) and not any(map(_is_broken, chain[1:])):  # fsspec raises it for any failure
        return ErrorKind.MISSING
    if isinstance(error, FileExistsError):
        return ErrorKind.EXISTS
    if any(getattr(each, "errno", None) in NO_SPACE for each in chain):
        return ErrorKind.FULL
    if any(isinstance(each, LocalAddress | ssl.SSLCertVerificationError) for each in chain):
        return ErrorKind.REFUSED
    return ErrorKind.FAULT if any(map(_is_broken, chain)) else ErrorKind.REFUSED


def is_silence(error: BaseException) -> bool:
    """Returns whether no server answered: there is none, or the connection broke."""
    return error_kind(error) is ErrorKind.FAULT and not any(map(_answer, _chain(error)))


def words(error: BaseException) -> str:
    """Returns the reason in our words or the system's, because a library's text may contain a signed URL or a key."""
    chain = list(_chain(error))
    for answer in filter(None, map(_answer, chain)):
        code = answer.code if re.fullmatch(r"[A-Za-z]{1,64}", answer.code) else ""
        known = _WORDS.get(code) or ("access denied" if answer.status in (401, 403) else None)
        return known or f"the server answers {answer.status} {code}".rstrip()
    for each in chain:
        name = type(each).__name__
        if isinstance(each, LocalAddress):
            return "it redirects to this machine or its private network; name that address itself if it is meant"
        if "Timeout" in name:
            return "the server does not answer in time"
        if name in _WORDS:
            return _WORDS[name]
    systems = (each.strerror for each in chain if isinstance(each, OSError) and type(each).__module__ in _SYSTEM)
    return next(filter(None, systems), type(error).__name__)


def is_web_refusal(error: BaseException) -> bool:
    """Returns whether a web server refuses the request."""
    return any(getattr(each, "status", None) in (401, 403, 406) for each in _chain(error))


_SYSTEM = ("builtins", "socket", "ssl")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _is_broken(error: BaseException) -> bool:
    return not _BROKEN.isdisjoint(kind.__name__ for kind in type(error).__mro__)


def _answer(error: BaseException) -> _Answer | None:
    """Returns what a server answered: botocore's errors have a `response`, aiohttp's a `status`."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        code = str(response.get("Error", {}).get("Code", ""))
        return _Answer(code, response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    status = getattr(error, "status", None)
    return _Answer("", status) if isinstance(status, int) else None


def _kind_of(answer: _Answer) -> ErrorKind:
    code, status = answer
    if status == 404:
        return ErrorKind.REFUSED if code == "NoSuchBucket" else ErrorKind.MISSING
    if status == 412:
        return ErrorKind.EXISTS
    if status == 507 or code in _FULL:
        return ErrorKind.FULL
    # 409 is a conflict with another conditional write: a retry shows the result.
    is_fault = code in _FAULTS or status in (408, 409, 425, 429) or (status >= 500 and status != 501)
    return ErrorKind.FAULT if is_fault else ErrorKind.REFUSED
