"""Reads a web server's response block by block: fsspec would load even an endless response into memory."""

import time
from collections.abc import Iterator
from typing import Any

from fsspec.asyn import sync


def web_blocks(fs: Any, url: str, seconds: float) -> Iterator[bytes]:
    """Yields a body as it arrives; raises the errors of the file system's library.

    Args:
        fs: fsspec's file system for HTTP.
        url: in the file system's form.
        seconds: after which an unfinished body is given up.
    """
    begun = time.monotonic()
    response = sync(fs.loop, _begin, fs, url, timeout=seconds)
    try:
        while block := sync(fs.loop, response.content.readany, timeout=seconds):
            came = time.monotonic()
            if came - begun > seconds:
                raise TimeoutError
            yield block
            begun += time.monotonic() - came  # the reader's time does not count as the server's
    finally:
        fs.loop.call_soon_threadsafe(response.close)


async def _begin(fs: Any, url: str) -> Any:
    session = await fs.set_session()
    response = await session.get(fs.encode_url(url), **fs.kwargs)
    try:
        fs._raise_not_found_for_status(response, url)
    except BaseException:
        response.close()
        raise
    return response
