"""The images of a folder, of a class tree or of a glob pattern, as `cross` takes them."""

import posixpath
from typing import Any, NamedTuple

from fsspec.core import url_to_fs

from stylize_core.errors import UsageError
from stylize_core.manifest.paths import is_url

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm")
"""File names that are taken for images; upper case as well."""

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Splits of a data set, by the names that folders of them go by."""


class Content(NamedTuple):
    """A content image, and what its place in a class tree says of it.

    Attributes:
        path: absolute, or a URL.
        folder: in the tree, such as `train/cats`; empty outside of trees.
        class_name: empty where it has none.
        split: train, val or test; empty where it has none.
    """

    path: str
    folder: str = ""
    class_name: str = ""
    split: str = ""


def images_in(folder_or_glob: str) -> list[str]:
    """Returns the images of a folder (not of the folders below it), or those that match a pattern, sorted.

    Args:
        folder_or_glob: a local path or an fsspec URL; `**` in a pattern stands for any folders.

    Returns:
        Absolute paths, or URLs; hidden files are left out.

    Raises:
        UsageError: it cannot be listed, or holds no image.
    """
    filesystem, _, images = _listed(folder_or_glob)
    return [_whole(filesystem, name, folder_or_glob) for name in _some(images, folder_or_glob)]


def contents_in(folder_or_glob: str) -> list[Content]:
    """Returns images as `images_in` does; those of a folder without images of its own, as of a class tree.

    In a tree `CLASS/...` or `SPLIT/CLASS/...`, the folders say class and split; they are splits where each of them has
    a name of one, see `SPLITS`. In `SPLIT/FILE` there are no classes.

    Raises:
        UsageError: it cannot be listed, or holds no image.
    """
    filesystem, top, images = _listed(folder_or_glob)
    if images or not filesystem.isdir(top):
        return [Content(_whole(filesystem, name, folder_or_glob)) for name in _some(images, folder_or_glob)]
    top = top.rstrip("/")
    below = sorted(name[len(top) + 1 :] for name in filesystem.find(top))
    inside = [name.split("/") for name in below if _is_image(name) and not name.startswith(".") and "/." not in name]
    has_splits = all(parts[0].lower() in SPLITS for parts in _some(inside, folder_or_glob))
    return [
        _content(_whole(filesystem, "/".join([top, *parts]), folder_or_glob), parts, has_splits) for parts in inside
    ]


def _content(path: str, parts: list[str], has_splits: bool) -> Content:
    *folders, _ = parts
    split = SPLITS[folders[0].lower()] if has_splits else ""
    classes = folders[1:] if has_splits else folders
    return Content(path, "/".join(folders), classes[0] if classes else "", split)


def _listed(folder_or_glob: str) -> tuple[Any, str, list[str]]:
    """Returns a file system, the path in it, and the images there, sorted."""
    try:
        filesystem, path = url_to_fs(folder_or_glob)
        return filesystem, path, sorted(name for name in _list(filesystem, path) if _is_image(name))
    except (OSError, ValueError, ImportError) as error:
        raise UsageError(f"cannot list images: {error}", where=folder_or_glob) from error


def _some(images: list[Any], where: str) -> list[Any]:
    if not images:
        todo = f"name a folder, or a quoted pattern like 'photos/**/*.jpg', with files {' '.join(SUFFIXES)}"
        raise UsageError("no images are found", where=where, todo=todo)
    return images


def _whole(filesystem: Any, name: str, given: str) -> str:
    return str(filesystem.unstrip_protocol(name)) if is_url(given) else name


def _list(filesystem: Any, path: str) -> list[str]:
    if filesystem.isdir(path):
        return list(filesystem.ls(path, detail=False))
    return [path] if filesystem.exists(path) else list(filesystem.glob(path))  # `photo[1].png` may be a name


def _is_image(path: str) -> bool:
    name = posixpath.basename(path)
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)
