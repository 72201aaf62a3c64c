"""An image to export, with its columns and its content."""

from dataclasses import dataclass
from typing import Any, NamedTuple

CONTENT_SUFFIX = ".content.png"
"""Suffix of a content's file, after the key of its sample."""

CONTENT_IMAGE = "content_image"
"""The column with the contents' images; column `content` has their paths in the manifest."""


@dataclass(frozen=True, slots=True)
class Content:
    """A content at the size of a result.

    Attributes:
        uri: the absolute path, or the URL without credentials.
        sha256: of its file when the result was made.
        height: of the result, pixels.
        width: of the result, pixels.
        fit: the setting for resizing the content to this size.
    """

    uri: str
    sha256: str
    height: int
    width: int
    fit: str

    @property
    def most_bytes(self) -> int:
        """Approximate upper limit of its PNG's size: 3 bytes per pixel."""
        return 3 * self.height * self.width


@dataclass(frozen=True, slots=True)
class Sample:
    """An image to export.

    Attributes:
        split: its split.
        key: `split/class/name`, the path of its file without the suffix; unique even if case is ignored.
        suffix: of its file, such as `.png`.
        image: path in the store.
        sha256: of the image's bytes, as recorded.
        bytes: of the image.
        columns: plain values by name; see `columns.py`.
        content: the image's content.
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
        """Path of its file in a class tree."""
        return f"{self.key}{self.suffix}"

    @property
    def content_path(self) -> str:
        """Path of its content's file in a class tree."""
        return f"{self.key}{CONTENT_SUFFIX}"

    @property
    def most_bytes(self) -> int:
        """Approximate size of its image and its exported content, known before any file is read."""
        return self.bytes + self.is_paired * self.content.most_bytes


class FullSample(NamedTuple):
    """A sample with the bytes of its files.

    Attributes:
        sample: the sample.
        image: bytes of its image.
        content: bytes of its content; None if it is not exported.
    """

    sample: Sample
    image: bytes
    content: bytes | None = None

    @property
    def files(self) -> dict[str, bytes]:
        """The bytes by path in a class tree."""
        content = {} if self.content is None else {self.sample.content_path: self.content}
        return {self.sample.path: self.image, **content}
