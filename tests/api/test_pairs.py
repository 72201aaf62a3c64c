"""Pictures in, pictures and losses out: the same as the pipeline's, for every type of input."""

import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylize_core import Stylised, run_manifest, stylize, stylize_pairs
from stylize_core.engine.engine import Engine
from stylize_core.errors import Diverged, ImageTruncated, ImageUnknown, InputMissing, SettingError, StylizeError

TINY: dict[str, Any] = {"size": 32, "steps": 2, "content_layers": "conv2_1", "style_layers": "conv1_1"}
BUILTIN: dict[str, Any] = {"weights": "builtin", "device": "cpu", **TINY}


@pytest.fixture
def pair(pictures: Path) -> tuple[Path, Path]:
    """A content and a style."""
    return pictures / "content-0.png", pictures / "style-0.png"


def pixels(made: Stylised | StylizeError) -> Any:
    """The pixels of an image, (H, W, 3)."""
    assert isinstance(made, Stylised)
    return np.asarray(made.image)


def test_it_is_what_a_run_makes(pair: tuple[Path, Path], manifests: Any, tmp_path: Path) -> None:
    """The same picture, job id and losses as in a store."""
    made = stylize(*pair, **BUILTIN)
    outcome = run_manifest(manifests.write(manifests.rows(1)), tmp_path / "out", weights="builtin", device="cpu")
    (row,) = outcome.table().to_dict("records")
    with Image.open(tmp_path / "out" / row["image"]) as image:
        assert np.array_equal(np.asarray(image), pixels(made))
    assert made.job_id == row["job_id"]
    assert made.final["total"] == pytest.approx(row["final_total"])
    assert made.quality["ssim"] == pytest.approx(row["quality_ssim"])
    assert made.losses.index.tolist() == [0, 1, 2]
    assert {"total", "content", "style", "tv", "style_conv1_1", "size_px", "seconds"} <= set(made.losses)
    assert made.losses["total"].iloc[2] < made.losses["total"].iloc[0]


def test_a_picture_may_be_held_in_anything(pair: tuple[Path, Path]) -> None:
    """A path, its text, an image of Pillow, bytes and floats in an array are one picture."""
    content, style = pair
    with Image.open(content) as image:
        image.load()
    array = np.asarray(image)
    held = [content, str(content), image, array, array.astype(np.float64) / 255]
    made = stylize_pairs([(one, style) for one in held], **BUILTIN)
    assert all(np.array_equal(pixels(one), pixels(made[0])) for one in made)


def test_a_turned_photograph_is_upright(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """The EXIF orientation is applied to a Pillow image as to a file."""
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    Image.fromarray(np.zeros((40, 80, 3), np.uint8)).save(tmp_path / "turned.jpg", exif=exif)
    with Image.open(tmp_path / "turned.jpg") as image:
        made = stylize_pairs([(image, pair[1]), (tmp_path / "turned.jpg", pair[1])], **BUILTIN)
    assert [pixels(one).shape for one in made] == [(32, 16, 3)] * 2


def test_transparency_and_snapshots(pair: tuple[Path, Path]) -> None:
    """Transparency can be kept, and so can snapshots."""
    content = np.full((40, 40, 4), 128, np.uint8)
    made = stylize(content, pair[1], alpha="keep", snapshot_every=1, **BUILTIN)
    assert (made.image.mode, set(made.snapshots)) == ("RGBA", {1, 2})
    assert made.settings.alpha == "keep"


def test_a_start_image(pair: tuple[Path, Path]) -> None:
    """With 0 steps the start image is the result."""
    start = np.full((32, 32, 3), 77, np.uint8)
    made = stylize(*pair, init=start, start="image", **{**BUILTIN, "steps": 0})
    assert (pixels(made) == 77).all()


def test_a_pair_that_fails_leaves_the_others_alone(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Each pair of a list has its own outcome, in order, and an error names its picture."""
    half = tmp_path / "half.png"
    half.write_bytes(pair[0].read_bytes()[:200])
    wide = np.zeros((20, 40, 3), np.uint8)
    _, style = pair
    asked: list[Any] = [pair, (tmp_path / "none.png", style), (wide, style), (half, style), (np.zeros(9), style), pair]
    made = stylize_pairs(asked, **BUILTIN)
    assert [type(one) for one in made] == [Stylised, InputMissing, Stylised, ImageTruncated, ImageUnknown, Stylised]
    assert np.array_equal(pixels(made[0]), pixels(made[5]))
    assert pixels(made[2]).shape == (16, 32, 3)
    assert [one.where for one in made if isinstance(one, StylizeError)] == [
        str(tmp_path / "none.png"),
        str(half),
        "content of pair 5",
    ]
    assert stylize_pairs([], **BUILTIN) == []


@pytest.mark.parametrize(
    ("settings", "where", "what"),
    [
        ({"stile_weight": 3}, "stile_weight", "did you mean 'style_weight'?"),
        ({"steps": -1}, "steps", "steps"),
        ({"size": "content", "fit": "crop"}, "fit", "does not go with size=content"),
        ({"start": "image"}, "init", "start=image needs an image"),
        ({"preset": "defualt"}, "preset", "did you mean 'default'?"),
    ],
)
def test_settings_are_checked(pair: tuple[Path, Path], settings: dict[str, Any], where: str, what: str) -> None:
    """An impossible setting is named with the possible values, before anything is loaded."""
    with pytest.raises(SettingError) as refused:
        stylize(*pair, **{"weights": "none.pth", **settings})
    assert refused.value.where == where
    assert what in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [np.zeros((3, 40, 40), np.uint8), np.zeros((40, 40), np.int32), np.full((40, 40), 255.0), Image.new("F", (40, 40))],
)
def test_pixels_that_are_none(pair: tuple[Path, Path], content: Any) -> None:
    """Arrays of unusable shapes, types and ranges are refused, and the usable ones are named."""
    with pytest.raises(ImageUnknown, match="· content · give") as refused:
        stylize(content, pair[1], **BUILTIN)
    assert refused.value.where == "content"


def test_a_diverged_picture_is_an_error(pair: tuple[Path, Path]) -> None:
    """A job without a result raises an error instead of returning a picture."""
    with pytest.raises(Diverged):
        stylize(*pair, optimiser="adam", learning_rate=1000, style_weight=1e38, **BUILTIN)


def test_nothing_is_left_behind(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C in the middle, the next call works; signals and threads are as before."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)], threading.active_count()

    def interrupted(*_: Any, **__: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "optimise", interrupted)
        with pytest.raises(KeyboardInterrupt):
            stylize(*pair, **BUILTIN)
    now = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)], threading.active_count()
    assert now == before
    assert stylize(*pair, **BUILTIN).image.size == (32, 32)
