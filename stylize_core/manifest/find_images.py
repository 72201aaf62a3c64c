"""Finds the images of a folder, a class tree or a glob pattern, for `cross`."""

import posixpath
from collections import Counter
from typing import NamedTuple, TypeVar

from stylize_core.errors import UsageError
from stylize_core.files.remote import Remote
from stylize_core.manifest.listing import Listing, Tell, list_files
from stylize_core.manifest.write import is_carried

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"),
    *(".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""File extensions of images; upper case counts too."""

_OTHER_SUFFIXES = (
    *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".psd", ".svg", ".eps"),
    *(".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".raf", ".rw2", ".pef", ".srw"),
)
"""Extensions of image formats that are not read; they are reported because users may miss these files."""

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Splits of a data set, by the usual names of their folders."""

T = TypeVar("T")

_PATTERN = "a quoted pattern like 'photos/**'"


class Content(NamedTuple):
    """A content image, with class and split from its position in a class tree.

    Attributes:
        path: absolute, or a URL.
        folder: in the tree, such as `train/cats`; empty outside of trees.
        class_name: empty if it has none.
        split: train, val or test; empty if it has none.
    """

    path: str
    folder: str = ""
    class_name: str = ""
    split: str = ""


def images_in(folder_or_glob: str, tell: Tell = lambda said: None) -> list[str]:
    """Returns the images directly in a folder, or those that match a pattern, sorted.

    Args:
        folder_or_glob: a local path or an fsspec URL; `**` in a pattern stands for any folders.
        tell: receives a sentence about each kind of file left out.

    Returns:
        Absolute paths, or URLs; hidden files are left out.

    Raises:
        UsageError: it cannot be listed, or holds no image.
    """
    listing, remote = _images(folder_or_glob, tell)
    return [_whole(listing, name, remote) for name in _own_images(listing, folder_or_glob, tell)]


def contents_in(folder_or_glob: str, tell: Tell = lambda said: None) -> list[Content]:
    """Returns images as `images_in` does, but treats a folder without images of its own as a class tree.

    In a tree `CLASS/...` or `SPLIT/CLASS/...`, the folders give class and split; the top folders are splits if each has
    the name of one, see `SPLITS`. In `SPLIT/FILE` there are no classes.

    Raises:
        UsageError: it cannot be listed, or holds no image.
    """
    listing, remote = _images(folder_or_glob, tell)
    if not listing.is_folder or not all("/" in name for name in listing.names):
        names = _own_images(listing, folder_or_glob, tell)
        return [Content(_whole(listing, name, remote)) for name in names]
    inside = [name.split("/") for name in listing.names]
    has_splits = all(parts[0].lower() in SPLITS for parts in inside)
    contents = [_content(_whole(listing, "/".join(parts), remote), parts, has_splits) for parts in inside]
    lost = {one.class_name for one in contents if not is_carried("x_class", one.class_name)}
    if lost:
        tell(f"left out: folders with names that no manifest can carry as a class, such as {min(lost)!r}: rename them")
    return _some([one for one in contents if one.class_name not in lost], folder_or_glob)


def _content(path: str, parts: list[str], has_splits: bool) -> Content:
    *folders, _ = parts
    split = SPLITS[folders[0].lower()] if has_splits else ""
    classes = folders[1:] if has_splits else folders
    return Content(path, "/".join(folders), classes[0] if classes else "", split)


def _images(given: str, tell: Tell) -> tuple[Listing, Remote | None]:
    """Returns the given images, at least one, without other files."""
    listing, remote = list_files(given, tell)
    images = [name for name in listing.names if _file(name, remote).lower().endswith(SUFFIXES)]
    kept = [name for name in images if is_carried("content", listing.path(name))]
    if lost := sorted(set(images) - set(kept)):
        tell(f"left out: {len(lost):,} files with names that no manifest can carry, such as {lost[0]!r}: rename them")
    suffixes = (posixpath.splitext(name)[1].lower() for name in listing.names)
    if others := Counter(suffix for suffix in suffixes if suffix in _OTHER_SUFFIXES):
        found = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(others.items()))
        tell(f"left out: images of formats that are not read ({found}): save them as PNG or JPEG")
    return listing._replace(names=_some(kept, given)), remote


def _file(name: str, remote: Remote | None) -> str:
    """Returns a name without the query of a web server's URL."""
    return name.partition("?")[0] if remote and remote.is_web else name


def _own_images(listing: Listing, given: str, tell: Tell) -> list[str]:
    """Returns the images directly in a folder, or all that match a pattern."""
    if not listing.is_folder:
        return listing.names
    own = [name for name in listing.names if "/" not in name]
    if below := len(listing.names) - len(own):
        if not own:
            what, todo = "the images are in folders below", f"name one of these, or all with {_PATTERN}"
            raise UsageError(what, where=given, todo=todo)
        what = f"{below:,} images in folders below {listing.top}, which has images of its own, such as {own[0]}"
        tell(f"left out: {what}; for all of them use {_PATTERN}, for a class tree move its own images away")
    return own


def _some(images: list[T], where: str) -> list[T]:
    if not images:
        todo = f"name a folder, or {_PATTERN}, with files {' '.join(SUFFIXES)}"
        raise UsageError("no images are found", where=where, todo=todo)
    return images


def _whole(listing: Listing, name: str, remote: Remote | None) -> str:
    path = listing.path(name)
    return str(remote.fs.unstrip_protocol(path)) if remote else path
