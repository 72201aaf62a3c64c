"""Fixtures of the command's tests: files that cannot be used, and what an error has to look like."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_of_size(width: int, height: int) -> bytes:
    header = _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = _png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + _png_chunk(b"IEND", b"")


@pytest.fixture
def damaged(manifests: Any) -> Path:
    """The manifests' folder, with files in it that no row can use; each bears the name of its fault."""
    folder: Path = manifests.folder
    (folder / "folder.png").mkdir()
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("this is no picture")
    (folder / "huge.png").write_bytes(_png_of_size(60_000, 60_000))
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    Image.open(folder / "content-0.png").resize((200, 200)).save(folder / "whole.jpg", quality=95)
    (folder / "truncated.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:2000])
    return folder


@pytest.fixture
def refused() -> Callable[..., str]:
    """Checks that a command ended with an error in its three parts, and returns the error."""

    def check(ended: Any, code: int = 2) -> str:
        assert ended.code == code
        what, where, *todo = ended.err[ended.err.index("error: ") :].splitlines()
        assert len(what) > len("error: ")
        assert where.startswith("  where: ")
        assert todo[0].startswith("  to do: ")
        assert "Traceback" not in ended.err
        return "\n".join([what, where, *todo])

    return check
