"""Bytes of a file, up to a limit, so that memory is bounded however many threads read at once."""

import io
from collections.abc import Iterable
from contextlib import ExitStack
from threading import RLock

MAX_BYTES = 1 << 30
"""Most bytes of a file that is read: 89 million pixels of four channels and 16 bits have 716 MB uncompressed."""

LARGE_BYTES = 32 << 20
"""Of files with more than this, a process has one in memory at a time."""

BLOCK_BYTES = 1 << 20

_one_large = RLock()  # of the process, whose memory it is about


class TooManyBytes(Exception):
    """A file has more than `MAX_BYTES`."""


def check_size(size: int) -> None:
    """Checks a size that was told before anything is read.

    Raises:
        TooManyBytes: it is above the limit.
    """
    if size > MAX_BYTES:
        raise TooManyBytes


def gather(blocks: Iterable[bytes], size: int, held: ExitStack) -> bytes:
    """Returns blocks as one.

    Args:
        blocks: read one by one; with the first of a large file it may take a while until another large one is done.
        size: bytes as told before, 0 where it is not known.
        held: until it ends, no other large file is in memory, if this one is large.

    Raises:
        TooManyBytes: there are more than was told, and more than the limit.
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
