"""Matches contents with images of a COCO file by file name."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from stylize_core.errors import UsageError

Node = dict[str, Any]
Parts = tuple[str, ...]


def parts_of(path: str) -> Parts:
    """Returns the parts of a path or URL, with accents and slashes normalised."""
    plain = unquote(path.partition("?")[0]) if "://" in path else path.replace("\\", "/")
    return tuple(name for name in unicodedata.normalize("NFC", plain).split("/") if name not in ("", "."))


def match(images: Sequence[Node], contents: Mapping[str, str], where: str) -> dict[str, Node]:
    """Returns the matching image of each content, by the content's URI; contents without a match are left out.

    An image matches if its `file_name` is the end of the content's path; the longest match wins. The same name in other
    folders does not match, because each class of a data set may have a 001.jpg.

    Args:
        images: of the file, no two with the same `file_name`.
        contents: sha256 by URI.
        where: the file, for errors.

    Raises:
        UsageError: an image matches several different contents.
    """
    by_parts = {parts_of(image["file_name"]): image for image in images}
    found: dict[str, Node] = {}
    for uri in contents:
        path = parts_of(uri)
        ends = (path[start:] for start in range(len(path)))
        if (end := next((end for end in ends if end in by_parts), None)) is not None:
            found[uri] = by_parts[end]
    _check_distinct(found, contents, where)
    return found


def _check_distinct(found: Mapping[str, Node], contents: Mapping[str, str], where: str) -> None:
    """Checks that contents with the same image are copies of one file."""
    first: dict[int, str] = {}
    for uri, image in found.items():
        other = first.setdefault(id(image), uri)
        if contents[other] != contents[uri]:
            what = f"the image {image['file_name']!r} may be {other} or {uri}"
            todo = "add folders to its `file_name` that distinguish them, such as cats/001.jpg"
            raise UsageError(what, where=where, todo=todo)
