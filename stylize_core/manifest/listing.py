"""What lies below a folder, here or elsewhere, but for what the system and this program keep there themselves."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from fsspec.utils import glob_translate

from stylize_core.errors import UsageError
from stylize_core.files.remote import Remote, UnknownPlace, locate

Tell = Callable[[str], None]
"""Takes a sentence about what was left out."""

_SYSTEMS = frozenset(
    {
        *("@eadir", "#recycle", "#snapshot", "@tmp"),  # Synology
        *("@recycle", "@recently-snapshot"),  # QNAP
        *("$recycle.bin", "recycler", "system volume information"),  # Windows
        *("__macosx", "lost+found"),
    }
)
"""Folders that systems make beside what people put there, in small letters: thumbnails, bins, snapshots."""

STORE = "store.json"
_OWN = (STORE, "export.json")
"""Files by which a store and an export are known."""

_INSIDE_A_STORE = re.compile(r"(?:^|/)((?:images|snapshots|inputs|runs)/)")


class Listing(NamedTuple):
    """Files by name.

    Attributes:
        top: the folder that was named, or the fixed beginning of a pattern; absolute, or as a file system knows it.
        names: of files, relative to it, sorted.
        is_folder: whether a folder was named.
    """

    top: str
    names: list[str]
    is_folder: bool

    def path(self, name: str) -> str:
        """Returns a file's path."""
        return f"{self.top}/{name}"


def list_files(given: str, tell: Tell) -> tuple[Listing, Remote | None]:
    """Returns the files below a folder, or those that match a pattern, and where they lie (None: this machine).

    Links to folders are followed, but not in a circle. Hidden files and folders that systems make are left out; so are
    stores, exports and what cannot be read, and these are told.

    Args:
        given: a local path or an fsspec URL; `**` in a pattern stands for any folders.
        tell: takes what is left out.

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
    """Returns the folder above the first part with a wildcard, and how many levels are below it; None for any."""
    parts = pattern.split("/")
    first = next((place for place, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts) - 1)
    return "/".join(parts[:first]), None if "**" in parts else len(parts) - first


def _walk(folder: str, prefix: str, trail: tuple[str, ...], tell: Tell, depth: int | None = None) -> Iterator[str]:
    """Yields the files below a folder.

    Args:
        folder: its path.
        prefix: what its files' names begin with.
        trail: real paths of folders in which links led on, and last that of the folder itself.
        tell: takes what is left out.
        depth: levels below which nothing is looked for; None is any.
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
    """Returns the trail to a folder; None where a link leads to one that is, or is above, one of the trail."""
    if not entry.is_symlink():
        return (*trail[:-1], os.path.join(trail[-1], entry.name))
    real = os.path.realpath(entry.path)
    above = real.rstrip("/") + "/"
    return None if any(f"{one}/".startswith(above) for one in trail) else (*trail, real)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_hidden(name: str) -> bool:
    """Whether a file, or a folder above it, is hidden or the system's."""
    *folders, file = name.split("/")
    return file.startswith(".") or any(part.startswith(".") or part.lower() in _SYSTEMS for part in folders)


def _is_own(folder: str, mark: str) -> str:
    return f"left out: {folder}, a {'store' if mark == STORE else 'data set that an export made'}"


def _own_folders(names: Sequence[str], is_folder: bool, exists: Callable[[str], bool]) -> dict[str, str]:
    """Returns the folders that are a store or an export, as beginnings of names, and the file that says it.

    An export that was named itself is meant. What matches a pattern holds no such file: one looks for a store's.
    """
    own = {name[: -len(mark)]: mark for mark in _OWN for name in names if f"/{name}".endswith(f"/{mark}")}
    if not is_folder:
        above = {name[: found.start(1)] for name in names for found in _INSIDE_A_STORE.finditer(name)}
        own |= {folder: STORE for folder in sorted(above) if exists(f"{folder}{STORE}")}
    return {folder: mark for folder, mark in own.items() if folder or mark == STORE}
