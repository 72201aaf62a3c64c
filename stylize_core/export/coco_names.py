"""Which image of a COCO file a content is: by the names of files."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from stylize_core.errors import UsageError

Node = dict[str, Any]
Parts = tuple[str, ...]


def parts_of(path: str) -> Parts:
    """Returns the names of a path or URL, folders first, however its accents and slashes are written."""
    plain = unquote(path.partition("?")[0]) if "://" in path else path.replace("\\", "/")
    return tuple(name for name in unicodedata.normalize("NFC", plain).split("/") if name not in ("", "."))


def match(images: Sequence[Node], contents: Mapping[str, str], where: str) -> dict[str, Node]:
    """Returns the images that contents are, by the contents' URIs.

    An image's `file_name` is the end of the content's path; the longest that fits counts. A name in other folders is no
    match: each class of a data set may have a 001.jpg.

    Args:
        images: of the file, no two with the same `file_name`.
        contents: sha256 by URI.
        where: the file, for errors.

    Raises:
        UsageError: it cannot be told which of different contents an image is.
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
    """Copies of one file may be one image; different files may not."""
    first: dict[int, str] = {}
    for uri, image in found.items():
        other = first.setdefault(id(image), uri)
        if contents[other] != contents[uri]:
            what = f"the image {image['file_name']!r} may be {other} or {uri}"
            todo = "give its `file_name` the folders that tell them apart, such as cats/001.jpg"
            raise UsageError(what, where=where, todo=todo)
