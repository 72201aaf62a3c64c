"""A job: one validated row with fingerprinted inputs and its permanent id."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from stylize_core.settings import Settings
from stylize_core.shapes import style_shape

NUMERICS_VERSION = 3
"""Raised only when the same job would give different pixels; part of every job id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An input file as it was at planning time.

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
    """The inputs of one optimisation.

    Attributes:
        job_id: 24 hex digits; see `job_id`.
        content: the content image.
        styles: style images with their weights; currently one.
        init: the start image if `settings.start` is `image`.
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
    def enlargement(self) -> float:
        """The largest factor by which a style is enlarged; below 1 if all are reduced."""
        shape, settings = (self.height, self.width), self.settings
        edge, fit = settings.style_edge(*shape), settings.style_fit
        sizes = [(style.width, style.height) for style, _ in self.styles]
        return max(max(style_shape(*size, edge, fit, *shape)) / max(size) for size in sizes)

    @property
    def digests(self) -> dict[str, object]:
        """The sha256 of every input, as results record them."""
        return {
            "content": self.content.sha256,
            "styles": [[style.sha256, weight] for style, weight in self.styles],
            "init": self.init.sha256 if self.init else None,
        }

    def digests_json(self, weights_sha256: str) -> str:
        """Returns the digests, including the network's, as JSON."""
        content, styles, init = _quoted(self.content), _styles_json(self.styles), _quoted(self.init)
        return f'{{"content":{content},"styles":{styles},"init":{init},"weights":"{weights_sha256}"}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Jobs of one group.

    Attributes:
        number: of the chunk in its run, from 1.
        jobs: in the order of the manifest.
        attempts: number of this run's attempt, by job id.
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

    It depends only on what decides the pixels: never on a position in a manifest, a path, a file
    name, a device or a release number.

    Args:
        content: the content image.
        styles: style images with their weights.
        init: the start image, or None.
        settings: from `Settings.to_json`.
        weights_sha256: of the network's weights.
        precision: resolved.
    """
    # Written by hand because it runs for millions of rows: JSON without spaces, with sorted keys.
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
"""Ends a URI whose query was removed, to show that it is incomplete: no other URI ends like this."""

_HIDDEN = "…"
"""Replaces a part of a URI that may contain credentials (or a server's name and the beginning of a path)."""

_WRAPPERS = frozenset({"blockcache", "cached", "dir", "filecache", "reference", "simplecache", "tar", "zip"})
"""Allowed schemes of all links of a chain except the last."""

_PORTLESS = frozenset({"s3", "s3a", "gs", "gcs", "memory"})  # a colon after their `://` does not start a port


def public_uri(uri: str) -> str:
    """Returns a URI without its credentials: no `user:password@`, no query, no fragment (both may contain tokens).

    A chain such as `zip://a.png::https://host/a.zip` is cleaned link by link. A password may contain slashes, as AWS
    secrets do. A part that may be a password is removed too. A query becomes `LOST_QUERY`.
    Text without `://` is a path and stays as it is.
    """
    if "://" not in uri:
        return uri
    links = re.split(r"::(?![^/\[]*\])", uri)  # not within the brackets of an IPv6 address
    if "@" in uri and not {_scheme(link) for link in links[:-1]} <= _WRAPPERS:  # the end of a password with colons
        return f"{links[0].partition('://')[0]}://{_HIDDEN}"
    return "::".join(link if "://" not in link else _public_link(link) for link in links)


def _public_link(link: str) -> str:
    scheme, _, rest = link.partition("://")
    authority = _authority(link)
    tail = rest[len(authority) :]
    path = re.split("[?#]", tail, maxsplit=1)[0]
    lost = LOST_QUERY if re.match(r"\?[^#]", tail[len(path) :]) else ""
    user, at, host = authority.rpartition("@")
    # In order: no credentials (left); certainly credentials; some, but unclear which; with slashes; unknown.
    if user == _HIDDEN or (not at and _is_server(link, authority, tail)):
        return f"{scheme}://{authority}{path}{lost}"
    if at and not (":" in user and "@" in tail):
        return _public_link(f"{scheme}://{host}{tail}")
    if "@" in tail[len(path) :] or "@" not in tail:
        return f"{scheme}://{_HIDDEN}"
    if not at and tail.count("@") == 1 and not _is_port(link, authority):  # a password with slashes
        return _public_link(f"{scheme}://{tail.rpartition('@')[2]}")
    return f"{scheme}://{_HIDDEN}@{path.rpartition('@')[2]}{lost}"


def _scheme(link: str) -> str:
    """Returns the scheme before `://`, without other text such as an option's name."""
    return re.split("[^a-z0-9]", link.partition("://")[0])[-1]


def _authority(link: str) -> str:
    """Returns the part between `://` and the next slash, query or fragment."""
    return re.split("[/?#]", link.partition("://")[2], maxsplit=1)[0]


def _is_server(link: str, authority: str, tail: str) -> bool:
    """Returns whether an authority is certainly a server or bucket, and not the beginning of a user and password."""
    if ":" not in authority or authority.startswith("arn:"):
        return True
    name = authority.rpartition(":")[0]
    is_name = "@" not in tail or "." in name or name == "localhost" or name.startswith("[")
    return is_name and _is_port(link, authority)


def _is_port(link: str, authority: str) -> bool:
    """Returns whether the only colon of an authority is followed by a port number."""
    return _scheme(link) not in _PORTLESS and bool(re.fullmatch(r"(\[.*\]|[^:]*):\d*", authority))
