"""What an error of a file system elsewhere means, whichever library it comes from.

The libraries are optional and have trees of errors of their own, so their classes are known here by name.
"""

import errno
import re
import ssl
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class ErrorKind(Enum):
    """What an error means for whoever asked."""

    MISSING = auto()  # there is no such file
    EXISTS = auto()  # there is one already
    FULL = auto()
    REFUSED = auto()  # asked again, the answer is the same: credentials, permissions, a bucket that does not exist
    FAULT = auto()  # may pass: the connection, an overloaded server, a server that fails


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
"""Classes of errors that are a connection's, or of an answer that arrives damaged."""

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
    if isinstance(error, FileNotFoundError) and not any(map(_is_broken, chain[1:])):  # fsspec says it of any failure
        return ErrorKind.MISSING
    if isinstance(error, FileExistsError):
        return ErrorKind.EXISTS
    if any(getattr(each, "errno", None) in NO_SPACE for each in chain):
        return ErrorKind.FULL
    if any(isinstance(each, LocalAddress | ssl.SSLCertVerificationError) for each in chain):
        return ErrorKind.REFUSED
    return ErrorKind.FAULT if any(map(_is_broken, chain)) else ErrorKind.REFUSED


def is_silence(error: BaseException) -> bool:
    """Returns whether no server answered at all: there is none, or the connection broke."""
    return error_kind(error) is ErrorKind.FAULT and not any(map(_answer, _chain(error)))


def words(error: BaseException) -> str:
    """Returns the reason in our words or the system's: a library's text may repeat a signed URL or a key."""
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
    """Returns whether a web server answers that it does not want to answer."""
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
    # 409 is a condition that met another writer's: what came of it shows when asked again.
    is_fault = code in _FAULTS or status in (408, 409, 425, 429) or (status >= 500 and status != 501)
    return ErrorKind.FAULT if is_fault else ErrorKind.REFUSED
