"""Where a manifest's images are: relative to its folder, absolute, or fsspec URLs."""

import os
import posixpath
import re

from stylize_core.files.remote import local_path

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(://|::)|file:/")

_PIPES = ("/dev/", "/proc/")

_MAX_STEPS_UP = 2
"""A relative path that goes up further is less clear than the absolute one, and breaks as soon as anything moves."""


def is_url(path: str) -> bool:
    """Returns whether the path has a scheme (`s3://`, `https://`, `simplecache::`); `C:` is not one."""
    return bool(_URL.match(path))


def folder_of(uri: str) -> str:
    """Returns the folder of a file: absolute for a local path, without the query for an http URL.

    A pipe such as `/dev/stdin` counts as a file in the working folder.
    """
    if uri.startswith(_PIPES):
        return os.getcwd()
    if not is_url(uri) or uri.startswith("file:"):
        return os.path.dirname(os.path.abspath(local_path(uri)))
    scheme, separator, rest = uri.partition("://")
    rest = rest.partition("?")[0] if scheme in ("http", "https") else rest
    return scheme + separator + posixpath.dirname(rest)


def absolute(path: str, folder: str) -> str:
    """Returns a manifest's path as an absolute path; absolute paths and URLs stay as they are.

    Args:
        path: as written in the manifest; `~` and backslashes have no special meaning.
        folder: of the manifest, as `folder_of` gives it.
    """
    if os.path.isabs(path) or is_url(path):
        return path
    scheme, separator, rest = folder.partition("://")
    if separator:
        return f"{scheme}://{posixpath.normpath(posixpath.join(rest, path))}"
    return os.path.normpath(os.path.join(folder, path))


def relative(path: str, folder: str) -> str:
    """Returns a path as a manifest in the folder would write it: the inverse of `absolute`.

    Args:
        path: a local path, absolute or relative to the working folder, or an fsspec URL.
        folder: of the manifest, as `folder_of` gives it.

    Returns:
        A relative path if the file is below the folder or near it; otherwise an absolute one.
    """
    whole = path if is_url(path) else os.path.abspath(path)
    remote = is_url(path) or is_url(folder)
    name = whole.removeprefix(f"{folder}/") if remote else os.path.relpath(whole, folder)
    near = name.split("/").count("..") <= _MAX_STEPS_UP
    return name if near and absolute(name, folder) == whole else whole
