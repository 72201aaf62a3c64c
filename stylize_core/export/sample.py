"""An image to export, the content that may stand beside it, and all that goes along."""

from dataclasses import dataclass
from typing import Any, NamedTuple

CONTENT_SUFFIX = ".content.png"
"""Of a content's file, behind the key of its sample."""

CONTENT_IMAGE = "content_image"
"""The column of contents as images; `content` is what the manifest calls them."""


@dataclass(frozen=True, slots=True)
class Content:
    """A content at the size of a result.

    Attributes:
        uri: the absolute path, or the URL without credentials.
        sha256: of its file when the result was made.
        height: of the result, pixels.
        width: of the result, pixels.
        fit: the setting by which the one becomes as large as the other.
    """

    uri: str
    sha256: str
    height: int
    width: int
    fit: str

    @property
    def most_bytes(self) -> int:
        """Of its PNG, near enough: what its pixels take."""
        return 3 * self.height * self.width


@dataclass(frozen=True, slots=True)
class Sample:
    """An image to export, and all that goes along.

    Attributes:
        split: its split.
        key: `split/class/name`, the path of its file without an ending; unique, whatever its case.
        suffix: of its file, such as `.png`.
        image: path in the store.
        sha256: of the image's bytes, as recorded.
        bytes: of the image.
        columns: plain values by name; see `columns.py`.
        content: of the image; exported beside it where `is_paired`.
        is_paired: whether the content is exported too.
    """

    split: str
    key: str
    suffix: str
    image: str
    sha256: str
    bytes: int
    columns: dict[str, Any]
    content: Content
    is_paired: bool = False

    @property
    def path(self) -> str:
        """Of its file in a class tree."""
        return f"{self.key}{self.suffix}"

    @property
    def content_path(self) -> str:
        """Of its content's file in a class tree."""
        return f"{self.key}{CONTENT_SUFFIX}"

    @property
    def most_bytes(self) -> int:
        """Of its image and its content, where that is exported; known before any file is read."""
        return self.bytes + self.is_paired * self.content.most_bytes


class FullSample(NamedTuple):
    """A sample with the bytes of its files.

    Attributes:
        sample: the sample.
        image: of its image.
        content: of its content; None where it is not exported.
    """

    sample: Sample
    image: bytes
    content: bytes | None = None

    @property
    def files(self) -> dict[str, bytes]:
        """By the path in a class tree."""
        content = {} if self.content is None else {self.sample.content_path: self.content}
        return {self.sample.path: self.image, **content}
