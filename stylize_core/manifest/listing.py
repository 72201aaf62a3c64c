"""The images of a folder or of a glob pattern, as `cross` takes them."""

import posixpath
from typing import Any

from fsspec.core import url_to_fs

from stylize_core.errors import UsageError
from stylize_core.manifest.paths import is_url

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm")
"""File names that are taken for images; upper case as well."""


def images_in(folder_or_glob: str) -> list[str]:
    """Returns the images of a folder (not of the folders below it), or those that match a pattern, sorted.

    Args:
        folder_or_glob: a local path or an fsspec URL; `**` in a pattern stands for any folders.

    Returns:
        Absolute paths, or URLs; hidden files are left out.

    Raises:
        UsageError: it cannot be listed, or holds no image.
    """
    try:
        filesystem, path = url_to_fs(folder_or_glob)
        images = sorted(name for name in _list(filesystem, path) if _is_image(name))
    except (OSError, ValueError, ImportError) as error:
        raise UsageError(f"cannot list images: {error}", where=folder_or_glob) from error
    if not images:
        todo = f"name a folder, or a quoted pattern like 'photos/**/*.jpg', with files {' '.join(SUFFIXES)}"
        raise UsageError("no images are found", where=folder_or_glob, todo=todo)
    return [filesystem.unstrip_protocol(name) for name in images] if is_url(folder_or_glob) else images


def _list(filesystem: Any, path: str) -> list[str]:
    if filesystem.isdir(path):
        return list(filesystem.ls(path, detail=False))
    return [path] if filesystem.exists(path) else list(filesystem.glob(path))  # `photo[1].png` may be a name


def _is_image(path: str) -> bool:
    name = posixpath.basename(path)
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)
