"""The command with things that go wrong in it; see `driver.py`."""

import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DRIVER = Path(__file__).with_name("driver.py")

SECONDS = 250


@pytest.fixture
def store_folder(tmp_path: Path) -> Path:
    """Where `run_with` writes."""
    return tmp_path / "store"


@pytest.fixture
def run_with(store_folder: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs a manifest with the small network in a process of its own; `driver.py` says what may go wrong in it."""

    def run(
        manifest: str, *options: str, runner: str = "loop", store: Path | None = None, **wrong: Any
    ) -> "subprocess.CompletedProcess[str]":
        where = ("--store", str(store or store_folder), "--weights", "builtin", "--runner", runner)
        config = {
            "arguments": ["run", manifest, *where, *options],
            "faults": {},
            "commands": {},
            "clock": {},
            "commit_at_once": False,
            **wrong,
        }
        command = [sys.executable, str(DRIVER), json.dumps(config)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False, env={**os.environ, "COLUMNS": "200"}
        )

    return run


@pytest.fixture
def png() -> Callable[..., bytes]:
    """Makes a small file that says to be a PNG of a given size, with compressed text in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def make(width: int, height: int, text: bytes = b"") -> bytes:
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        comment = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(text))
        pixels = chunk(b"IDAT", zlib.compress(bytes(64 * (3 * 64 + 1))))
        return b"\x89PNG\r\n\x1a\n" + header + comment + pixels + chunk(b"IEND", b"")

    return make
