"""Contents as the optimisation uses them."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import stylize_core.pictures
from stylize_core.errors import InputChanged, InputMissing
from stylize_core.images.resize import content_tensor
from stylize_core.pictures import content_png, read_picture


@pytest.mark.parametrize("large", [0, 16_000_000])
def test_content_png(large: int, draw: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pixels are those of the optimisation's tensor, however large the file's picture is."""
    monkeypatch.setattr(stylize_core.pictures, "LARGE_PIXELS", large)
    path = draw(tmp_path / "a.png", 1, width=60, height=40)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with Image.open(io.BytesIO(content_png(str(path), sha256, height=24, width=24, fit="crop"))) as image:
        pixels = torch.tensor(np.asarray(image)).permute(2, 0, 1).float() / 255
        assert image.format == "PNG"
    assert torch.equal(pixels, content_tensor(read_picture(str(path), sha256), 24, 24, "crop"))


def test_another_file_is_an_error(draw: Callable[..., Path], tmp_path: Path) -> None:
    """A file that has changed or is missing is an error."""
    path = draw(tmp_path / "a.png", 1)
    with pytest.raises(InputChanged, match=r"was changed after it was planned.*a\.png"):
        content_png(str(path), "0" * 64, height=24, width=24, fit="keep")
    path.unlink()
    with pytest.raises(InputMissing):
        read_picture(str(path), "0" * 64)
