"""Lists the files below a local or remote folder, without files of the system and of this program."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from fsspec.utils import glob_translate

from stylize_core.errors import UsageError
from stylize_core.files.remote import Remote, UnknownPlace, locate

Tell = Callable[[str], None]
"""Receives a sentence about what was left out."""

_SYSTEMS = frozenset(
    {
        *("@eadir", "#recycle", "#snapshot", "@tmp"),  # Synology
        *("@recycle", "@recently-snapshot"),  # QNAP
        *("$recycle.bin", "recycler", "system volume information"),  # Windows
        *("__macosx", "lost+found"),
    }
)
"""Folders that systems create, in lower case: thumbnails, bins, snapshots."""

STORE = "store.json"
_OWN = (STORE, "export.json")
"""Files that identify a store and an export."""

_INSIDE_A_STORE = re.compile(r"(?:^|/)((?:images|snapshots|inputs|runs)/)")


class Listing(NamedTuple):
    """Files by name.

    Attributes:
        top: the given folder, or the fixed beginning of a pattern; absolute, or in the form of its file system.
        names: of files, relative to `top`, sorted.
        is_folder: whether a folder was given.
    """

    top: str
    names: list[str]
    is_folder: bool

    def path(self, name: str) -> str:
        """Returns a file's path."""
        return f"{self.top}/{name}"


def list_files(given: str, tell: Tell) -> tuple[Listing, Remote | None]:
    """Returns the files below a folder, or those that match a pattern, and their remote (None: this machine).

    Links to folders are followed, but not in a cycle. Hidden files and system folders are left out silently; stores,
    exports and unreadable folders are left out and reported.

    Args:
        given: a local path or an fsspec URL; `**` in a pattern matches any folders.
        tell: receives a sentence about everything left out.

    Raises:
        UsageError: the folder cannot be listed.
    """
    try:
        remote, path = locate(given)
        listing = _local(path, tell) if remote is None else _remote(remote.fs, path, tell)
    except UnknownPlace as error:
        raise UsageError(f"cannot list images: {error.reason}", where=given, todo=error.todo) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot list images: {error}", where=given) from error
    return listing._replace(names=sorted(name for name in listing.names if not _is_hidden(name))), remote


def _local(path: str, tell: Tell) -> Listing:
    path = os.path.abspath(os.path.expanduser(path))
    if os.path.isdir(path):
        top = path.rstrip("/")
        return Listing(top, list(_walk(path, "", (os.path.realpath(path),), tell)), True)
    if os.path.lexists(path):  # `photo[1].png` may be a name
        return Listing(os.path.dirname(path), [os.path.basename(path)], False)
    top, depth = _fixed_part(path)
    names = _walk(top or "/", "", (os.path.realpath(top or "/"),), tell, depth) if os.path.isdir(top or "/") else ()
    is_match = re.compile(glob_translate(path[len(top) + 1 :])).match
    return Listing(top, list(filter(is_match, names)), False)


def _remote(fs: Any, path: str, tell: Tell) -> Listing:
    is_folder = fs.isdir(path)
    if is_folder:
        top, found = path.rstrip("/"), fs.find(path)
    else:
        top, _ = _fixed_part(path)
        found = [path] if fs.exists(path) else fs.glob(path)
    names = sorted(name[len(top) + 1 :] for name in found)
    own = _own_folders(names, is_folder, lambda name: fs.exists(f"{top}/{name}"))
    for folder, mark in own.items():
        tell(_is_own(f"{top}/{folder}".rstrip("/"), mark))
    return Listing(top, [name for name in names if not name.startswith(tuple(own))], is_folder)


def _fixed_part(pattern: str) -> tuple[str, int | None]:
    """Returns the folder above the first wildcard, and how many levels the pattern spans below it; None for any."""
    parts = pattern.split("/")
    first = next((place for place, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts) - 1)
    return "/".join(parts[:first]), None if "**" in parts else len(parts) - first


def _walk(folder: str, prefix: str, trail: tuple[str, ...], tell: Tell, depth: int | None = None) -> Iterator[str]:
    """Yields the files below a folder.

    Args:
        folder: its path.
        prefix: beginning of its files' names.
        trail: real paths of the folders whose links were followed, then of the folder itself.
        tell: receives a sentence about everything left out.
        depth: number of levels to search; None for all.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        if not prefix:
            raise
        tell(f"left out: {folder}, which cannot be read ({error.strerror})")
        return
    names = {entry.name for entry in entries}
    if mark := next((mark for mark in _OWN if mark in names and (prefix or mark == STORE)), None):
        tell(_is_own(folder, mark))
        return
    for entry in entries:
        if not _is_folder(entry):
            yield f"{prefix}{entry.name}"
        elif depth != 1 and not _is_hidden(f"{entry.name}/") and (further := _further(entry, trail)):
            yield from _walk(entry.path, f"{prefix}{entry.name}/", further, tell, depth and depth - 1)


def _further(entry: os.DirEntry[str], trail: tuple[str, ...]) -> tuple[str, ...] | None:
    """Returns the trail to a folder; None if a link leads to a folder of the trail, or above one."""
    if not entry.is_symlink():
        return (*trail[:-1], os.path.join(trail[-1], entry.name))
    real = os.path.realpath(entry.path)
    above = real.rstrip("/") + "/"
    return None if any(f"{one}/".startswith(above) for one in trail) else (*trail, real)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points to itself
        return False


def _is_hidden(name: str) -> bool:
    """Returns whether a file, or a folder above it, is hidden or belongs to the system."""
    *folders, file = name.split("/")
    return file.startswith(".") or any(part.startswith(".") or part.lower() in _SYSTEMS for part in folders)


def _is_own(folder: str, mark: str) -> str:
    return f"left out: {folder}, a {'store' if mark == STORE else 'data set that an export made'}"


def _own_folders(names: Sequence[str], is_folder: bool, exists: Callable[[str], bool]) -> dict[str, str]:
    """Returns the folders that are a store or an export, as name prefixes, and the file that identifies each.

    An export that was given itself is not left out. Files that match a pattern do not include a store's file, so it is
    looked up.
    """
    own = {name[: -len(mark)]: mark for mark in _OWN for name in names if f"/{name}".endswith(f"/{mark}")}
    if not is_folder:
        above = {name[: found.start(1)] for name in names for found in _INSIDE_A_STORE.finditer(name)}
        own |= {folder: STORE for folder in sorted(above) if exists(f"{folder}{STORE}")}
    return {folder: mark for folder, mark in own.items() if folder or mark == STORE}
