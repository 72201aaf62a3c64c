"""A job: one validated row with its inputs fingerprinted, and the id that names it for ever."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from stylize_core.settings import Settings

NUMERICS_VERSION = 3
"""Raised only when the same job would give other pixels; part of every job id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An input file as it was when planned.

    Attributes:
        uri: an absolute path or an fsspec URL.
        sha256: of the file's bytes, 64 hex digits.
        width: pixels, after EXIF orientation.
        height: pixels, after EXIF orientation.
    """

    uri: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one optimisation needs to know.

    Attributes:
        job_id: 24 hex digits; see `job_id`.
        content: the content image.
        styles: style images with their weights; one for now.
        init: the start image where `settings.start` is `image`.
        settings: resolved: every value is set.
        height: of the target, pixels.
        width: of the target, pixels.
    """

    job_id: str
    content: Source
    styles: tuple[tuple[Source, float], ...]
    init: Source | None
    settings: Settings
    height: int
    width: int

    @property
    def digests(self) -> dict[str, object]:
        """The sha256 of every input, as results record them."""
        return {
            "content": self.content.sha256,
            "styles": [[style.sha256, weight] for style, weight in self.styles],
            "init": self.init.sha256 if self.init else None,
        }

    def digests_json(self, weights_sha256: str) -> str:
        """Returns the same and the network's as JSON."""
        content, styles, init = _quoted(self.content), _styles_json(self.styles), _quoted(self.init)
        return f'{{"content":{content},"styles":{styles},"init":{init},"weights":"{weights_sha256}"}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Jobs of one group.

    Attributes:
        number: of the chunk in its run, from 1.
        jobs: in the order of the manifest.
        attempts: the attempt that this run makes, by job id.
    """

    number: int
    jobs: tuple[Job, ...]
    attempts: dict[str, int]


def job_id(
    *,
    content: Source,
    styles: Sequence[tuple[Source, float]],
    init: Source | None,
    settings: str,
    weights_sha256: str,
    precision: str,
) -> str:
    """Returns the id of a job: 24 hex digits (96 bits) of a sha256.

    It depends on what decides the pixels and on nothing else: never on a position in a manifest, a path, a file
    name, a device or a release number.

    Args:
        content: the content image.
        styles: style images with their weights.
        init: the start image, or None.
        settings: from `Settings.to_json`.
        weights_sha256: of the network's weights.
        precision: resolved.
    """
    # Written out, because this is done for each of millions of rows: JSON without spaces, with its keys in order.
    text = (
        f'{{"content":"{content.sha256}","init":{_quoted(init)},"numerics_version":{NUMERICS_VERSION},'
        f'"precision":"{precision}","settings":{settings},"styles":{_styles_json(styles)},"weights":"{weights_sha256}"}}'
    )
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:24]


def _quoted(source: Source | None) -> str:
    return f'"{source.sha256}"' if source else "null"


def _styles_json(styles: Sequence[tuple[Source, float]]) -> str:
    return f"[{','.join([f'[{_quoted(style)},{weight!r}]' for style, weight in styles])}]"


LOST_QUERY = "?…"
"""Ends a URI whose query was left out, so that nobody takes it for the whole: no URI ends so by itself."""


def public_uri(uri: str) -> str:
    """Returns a URI without its credentials: no `user:password@`, no query (signed URLs keep their secret there).

    A password may hold slashes, as AWS secrets do; a port may not be taken for one. A query becomes `LOST_QUERY`.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return uri
    rest, _, query = re.sub(r"^([^/@]*|[^/:@]*:(?!\d+/)[^@]*)@", "", rest).partition("?")
    return f"{scheme}://{rest}{LOST_QUERY if query else ''}"
