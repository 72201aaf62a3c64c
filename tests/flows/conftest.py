"""Fixtures of the command's tests: unusable files, and the form of an error."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


@pytest.fixture
def damaged(manifests: Any, png: Callable[..., bytes]) -> Path:
    """The manifests' folder, with unusable files, each named after its fault."""
    folder: Path = manifests.folder
    (folder / "folder.png").mkdir()
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("this is not a picture")
    (folder / "huge.png").write_bytes(png((60_000, 60_000)))
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    Image.open(folder / "content-0.png").resize((200, 200)).save(folder / "whole.jpg", quality=95)
    (folder / "truncated.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:2000])
    return folder


@pytest.fixture
def refused() -> Callable[..., str]:
    """Checks that a command ended with an error of three parts, and returns the error."""

    def check(ended: Any, code: int = 2) -> str:
        assert ended.code == code
        what, where, *todo = ended.err[ended.err.index("error: ") :].splitlines()
        assert len(what) > len("error: ")
        assert where.startswith("  where: ")
        assert todo[0].startswith("  to do: ")
        assert "Traceback" not in ended.err
        return "\n".join([what, where, *todo])

    return check
