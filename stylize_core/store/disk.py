"""Files on a local disk that are either there in full or not at all, even after a kill or a power cut."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

TEMPORARY = ".tmp-"
"""Part of the name of every file that is still being written; what a kill leaves behind is known by it."""


def replace(target: str, data: bytes) -> None:
    """Writes a file, or replaces it, in one step."""
    with _written_beside(target, data) as temporary:
        os.replace(temporary, target)
    _sync_folder(os.path.dirname(target))


def create(target: str, data: bytes) -> bool:
    """Writes a file unless it exists; of several callers exactly one gets True."""
    with _written_beside(target, data) as temporary:
        try:
            os.link(temporary, target)  # unlike a rename, a link never replaces
        except FileExistsError:
            return False
    _sync_folder(os.path.dirname(target))
    return True


def walk(folder: str, *, recursive: bool = True) -> Iterator[tuple[str, os.stat_result]]:
    """Yields every file below a folder with its status, sorted within each folder; links are not followed."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            with suppress(FileNotFoundError):  # deleted since the folder was read
                yield entry.path, entry.stat(follow_symlinks=False)
        elif recursive:
            yield from walk(entry.path)


def is_inside(root: str, path: str) -> bool:
    """Returns whether a file of this path would lie below the root once every link on the way is followed."""
    real_root = os.path.realpath(root or "/").rstrip("/")
    return f"{os.path.realpath(os.path.dirname(path))}/".startswith(f"{real_root}/")


@contextmanager
def _written_beside(target: str, data: bytes) -> Iterator[str]:
    _make_folder(os.path.dirname(target))
    temporary = f"{target}{TEMPORARY}{secrets.token_hex(6)}"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(OSError):  # renamed away, or never made; the error that led here matters more
            os.unlink(temporary)


def _make_folder(folder: str) -> None:
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    _make_folder(parent)
    with suppress(FileExistsError):
        os.mkdir(folder)
    _sync_folder(parent)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
