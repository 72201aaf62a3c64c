"""Reads a file up to a limit, so that memory is bounded however many threads read at once."""

import io
from collections.abc import Iterable
from contextlib import ExitStack
from threading import RLock

MAX_BYTES = 1 << 30
"""Most bytes to read from a file: 89 million pixels of four channels with 16 bits take 716 MB uncompressed."""

LARGE_BYTES = 32 << 20
"""A process holds only one file larger than this in memory at a time."""

BLOCK_BYTES = 1 << 20

_one_large = RLock()  # one per process, to limit its memory


class TooManyBytes(Exception):
    """A file has more than `MAX_BYTES`."""


def check_size(size: int) -> None:
    """Checks an announced size before anything is read.

    Raises:
        TooManyBytes: it is above the limit.
    """
    if size > MAX_BYTES:
        raise TooManyBytes


def gather(blocks: Iterable[bytes], size: int, held: ExitStack) -> bytes:
    """Returns blocks as one.

    Args:
        blocks: read one by one; a large file may have to wait until another large one is done.
        size: announced bytes, 0 if unknown.
        held: if this file is large, no other large file is in memory until this stack ends.

    Raises:
        TooManyBytes: there are more than announced, and more than the limit.
    """
    check_size(size)
    is_held, gathered = False, io.BytesIO()
    if size > LARGE_BYTES:
        is_held = bool(held.enter_context(_one_large))
    for block in blocks:
        if not is_held and gathered.tell() + len(block) > LARGE_BYTES:
            is_held = bool(held.enter_context(_one_large))
        gathered.write(block)
        check_size(gathered.tell())
    return gathered.getvalue()  # without a copy
