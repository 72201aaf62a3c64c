"""The command with things that go wrong in it; see `driver.py`."""

import json
import runpy
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Ended:
    """A command that has ended; a negative code is a signal's."""

    code: int
    out: str
    err: str


DRIVER = Path(__file__).with_name("driver.py")

SECONDS = 400


@pytest.fixture
def store_folder(tmp_path: Path) -> Path:
    """Where `run_with` writes."""
    return tmp_path / "store"


@pytest.fixture
def run_with(
    store_folder: Path, tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServerContext
) -> Callable[..., Ended]:
    """Runs a manifest with the small network in a process of its own; `driver.py` says what may go wrong in it."""

    def run(manifest: str, *options: str, runner: str = "loop", store: Path | None = None, **wrong: Any) -> Ended:
        folder = tmp_path_factory.mktemp("process")
        where = ("--store", str(store or store_folder), "--weights", "builtin", "--runner", runner)
        config = {
            "arguments": ["run", manifest, *where, *options],
            "output": [str(folder / "out"), str(folder / "err")],
            "faults": {},
            "commands": {},
            "clock": {},
            **wrong,
        }
        if runner == "loop":
            process = fork_server.Process(target=runpy.run_path, args=(str(DRIVER), {"CONFIG": config}, "__main__"))
            process.start()
            process.join(SECONDS)
            code = process.exitcode
        else:  # Prefect wants an interpreter of its own
            code = subprocess.run([sys.executable, str(DRIVER), json.dumps(config)], timeout=SECONDS).returncode
        assert code is not None, "the process does not end"
        return Ended(code, *(Path(path).read_text() for path in config["output"]))

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
