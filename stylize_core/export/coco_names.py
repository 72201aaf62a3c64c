"""Which image of a COCO file a content is: by the names of files."""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from stylize_core.errors import UsageError

Node = dict[str, Any]
Parts = tuple[str, ...]

_TODO = "give `file_name` the folders that tell them apart, such as cats/001.jpg"


def parts_of(path: str) -> Parts:
    """Returns the names of a path or URL, folders first, however its accents and slashes are written."""
    plain = unquote(path.partition("?")[0]) if "://" in path else path.replace("\\", "/")
    return tuple(name for name in unicodedata.normalize("NFC", plain).split("/") if name not in ("", "."))


def match(images: Sequence[Node], contents: Mapping[str, str], where: str) -> dict[str, Node]:
    """Returns the images that contents are, by the contents' URIs.

    An image's `file_name` is the end of the content's path: the longest that fits counts. An image that fits no
    content so is the one content, of those left over, whose file is called the same, whatever its folders.

    Args:
        images: of the file.
        contents: sha256 by URI.
        where: the file, for errors.

    Raises:
        UsageError: it cannot be told which image a content is, or which of different contents an image is.
    """
    by_name: dict[str, list[tuple[Parts, Node]]] = defaultdict(list)
    for image in images:
        parts = parts_of(image["file_name"])
        by_name[parts[-1] if parts else ""].append((parts, image))
    found: dict[str, Node] = {}
    for uri in contents:
        path = parts_of(uri)
        ends = [(len(parts), image) for parts, image in by_name.get(path[-1], ()) if path[-len(parts) :] == parts]
        if ends:
            found[uri] = max(ends, key=lambda end: end[0])[1]
    taken = {id(image) for image in found.values()}
    for uri in contents.keys() - found.keys():
        left = [image for _, image in by_name.get(parts_of(uri)[-1], ()) if id(image) not in taken]
        if len(left) > 1:
            names = " or ".join(repr(image["file_name"]) for image in left[:2])
            raise UsageError(f"the content {uri} may be {names}", where=where, todo=_TODO)
        if left:
            found[uri] = left[0]
    _check_distinct(found, contents, where)
    return {uri: found[uri] for uri in contents if uri in found}


def _check_distinct(found: Mapping[str, Node], contents: Mapping[str, str], where: str) -> None:
    """Copies of one file may be one image; different files may not."""
    first: dict[int, str] = {}
    for uri in sorted(found):
        other = first.setdefault(id(found[uri]), uri)
        if contents[other] != contents[uri]:
            what = f"the image {found[uri]['file_name']!r} may be {other} or {uri}"
            raise UsageError(what, where=where, todo=_TODO)
