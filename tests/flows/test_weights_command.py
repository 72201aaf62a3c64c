"""`stylize weights`: describes networks, and makes a normalised one, which is then used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_show(stylize: Callable[..., Any]) -> None:
    """The built-in network is described by its hash and its deepest layer."""
    out = stylize("weights", "show", "builtin").out
    assert out.startswith("builtin: sha256 ")
    assert out.endswith(", layers conv1_1 to conv5_1\n")


def test_normalised_weights_are_used_by_a_run(
    manifests: Any, pictures: Path, stylize: Callable[..., Any], tmp_path: Path, view: Callable[[Path], Any]
) -> None:
    """A run accepts the file of the normalised network; the same row is then another job."""
    network = tmp_path / "normalised.safetensors"
    measured = ("--images", f"{pictures}/content-*.png", "--size", "48", "--weights", "builtin")
    ended = stylize("weights", "normalise", *measured, "-o", str(network))
    assert (ended.code, ended.out) == (0, f"normalised on 4 images: {network}\n")

    manifest, jobs = manifests.write(manifests.rows(1)), set()
    for weights in ("builtin", str(network)):
        options = ("--store", f"{tmp_path}/store", "--weights", weights, "--runner", "loop")
        assert stylize("run", manifest, *options).code == 0
        jobs |= set(view(tmp_path / "store").rows()["job_id"])
    assert len(jobs) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--images", "nowhere"), "no images are found"),
        (("--images", "{pictures}", "--pooling", "median"), "unknown pooling 'median'"),
        (("--images", "{pictures}", "--weights", "nowhere.pth"), "the weights file cannot be read"),
    ],
)
def test_bad_normalise(
    options: tuple[str, ...],
    words: str,
    pictures: Path,
    stylize: Callable[..., Any],
    refused: Callable[..., str],
    tmp_path: Path,
) -> None:
    """Unusable images are refused, and no file is written."""
    filled = [option.format(pictures=pictures) for option in options]
    weights = () if "--weights" in options else ("--weights", "builtin")
    error = refused(stylize("weights", "normalise", *filled, *weights, "-o", f"{tmp_path}/out.safetensors"))
    assert words in error
    assert not (tmp_path / "out.safetensors").exists()
