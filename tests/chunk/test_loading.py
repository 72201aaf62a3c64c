"""Loads a job's files as tensors."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
import torch
from PIL import Image

import stylize_core.pictures
from stylize_core.chunk.loading import Loader, PictureCache
from stylize_core.errors import InputChanged, InputMissing
from stylize_core.files.inputs import open_input, stat_input
from stylize_core.images.decode import Picture
from stylize_core.store.fingerprint_index import Fingerprint
from stylize_core.store.fingerprints import Fingerprints


@pytest.fixture
def loader(files: Any) -> Loader:
    """A loader on a new store."""
    return Loader(files)


@pytest.fixture
def job(plan: Callable[..., Any], manifests: Any) -> Callable[..., Any]:
    """Plans one row with these cells."""
    return lambda **cells: plan(manifests.rows(1, **cells)).chunks[0].jobs[0]


def test_shapes(job: Callable[..., Any], loader: Loader, manifests: Any, draw: Callable[..., Path]) -> None:
    """The content has the target's shape, the style its own shape at its size, all in [0, 1]."""
    draw(manifests.folder / "wide.png", 1, width=100, height=50)
    pair = loader.pair(job(content="wide.png", style="wide.png", size="32", style_size="48"))
    assert pair.content.shape == (3, 16, 32)
    assert pair.style.shape == (3, 24, 48)
    assert pair.init is None
    for image in (pair.content, pair.style):
        assert image.dtype == torch.float32
        assert 0 <= image.min() <= image.max() <= 1


def test_stretched_style(job: Callable[..., Any], loader: Loader, manifests: Any, draw: Callable[..., Path]) -> None:
    """A style can be stretched to the shape of the output."""
    draw(manifests.folder / "wide.png", 1, width=100, height=50)
    assert loader.pair(job(style="wide.png", style_fit="stretch")).style.shape == (3, 32, 32)


def test_start_image(job: Callable[..., Any], loader: Loader, manifests: Any, draw: Callable[..., Path]) -> None:
    """A start image is resized to the shape of the target."""
    draw(manifests.folder / "wide.png", 1, width=100, height=50)
    pair = loader.pair(job(start="image", init="wide.png"))
    assert pair.init is not None
    assert pair.init.shape == pair.content.shape == (3, 32, 32)


def test_the_same_style_has_the_same_key(job: Callable[..., Any], loader: Loader) -> None:
    """Jobs with the same style share its targets; another style has another key."""
    keys = [
        loader.pair(job(**cells)).style_key for cells in ({}, {"content": "content-1.png"}, {"style": "style-1.png"})
    ]
    assert keys[0] == keys[1] != keys[2]


def test_changed_file(job: Callable[..., Any], loader: Loader, manifests: Any, draw: Callable[..., Path]) -> None:
    """A file that differs from the planned one is an error."""
    draw(manifests.folder / "late.png", 1)
    planned = job(content="late.png")
    draw(manifests.folder / "late.png", 2)
    with pytest.raises(InputChanged, match="the file was changed after it was planned"):
        loader.pair(planned)
    (manifests.folder / "late.png").unlink()
    with pytest.raises(InputMissing):
        loader.pair(planned)


def test_a_changed_file_is_read_again_by_the_next_plan(
    job: Callable[..., Any], loader: Loader, manifests: Any, draw: Callable[..., Path], files: Any
) -> None:
    """If size and stamp do not show the change, as on a web server, the wrong fingerprint is dropped."""
    picture = draw(manifests.folder / "late.png", 1)
    planned = job(content="late.png")
    draw(picture, 2)
    stat = (str(picture), *stat_input(str(picture)))
    known = Fingerprints()
    known.add(stat, Fingerprint(planned.content.sha256, 40, 40))
    known.save(files)
    with pytest.raises(InputChanged):
        loader.pair(planned)
    assert Fingerprints.load(files).find([stat]) == [None]


def test_inputs_are_decoded_once(job: Callable[..., Any], loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cross uses the same few pictures repeatedly: each is read and decoded once."""
    read: list[str] = []

    def read_and_note(uri: str) -> bytes:
        read.append(Path(uri).name)
        return open_input(uri)

    monkeypatch.setattr(stylize_core.pictures, "open_input", read_and_note)
    for content in ("content-0.png", "content-1.png", "content-0.png"):
        loader.pair(job(content=content))
    assert sorted(read) == ["content-0.png", "content-1.png", "style-0.png"]


def test_pictures_are_kept_up_to_a_number_of_bytes() -> None:
    """The least recently used picture is dropped first; the newest is kept however large it is."""

    def picture(pixels: int) -> Picture:
        return Picture(Image.new("RGB", (pixels, 1)), None)

    kept = PictureCache(40)
    for name, pixels in (("a", 4), ("b", 4), ("c", 2)):
        kept.put(name, picture(pixels))
    assert [name for name in "abc" if kept.get(name)] == ["a", "b", "c"]
    kept.get("a")
    kept.put("d", picture(3))
    assert [name for name in "abcd" if kept.get(name)] == ["a", "c", "d"]
    kept.put("e", picture(1000))
    assert [name for name in "abcde" if kept.get(name)] == ["e"]


def test_what_a_picture_takes() -> None:
    """Four bytes per pixel, and one more with transparency."""
    opaque = Image.new("RGB", (10, 20))
    assert Picture(opaque, None).bytes == 800
    assert Picture(opaque, Image.new("L", (10, 20))).bytes == 1000


def test_a_small_picture_that_the_store_refuses(job: Callable[..., Any], loader: Loader, store: Any) -> None:
    """An obstacle at the path of an input's thumbnail does not stop a job."""
    planned = job()
    (store.folder / "inputs").mkdir()
    (store.folder / "inputs" / planned.content.sha256[:2]).touch()
    assert loader.pair(planned).content.shape == (3, 32, 32)


def test_threads_that_ask_for_the_same_input_decode_it_once(
    job: Callable[..., Any], loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second thread waits for the first instead of reading again."""
    read: list[str] = []

    def read_slowly(uri: str) -> bytes:
        read.append(Path(uri).name)
        Event().wait(0.1)  # enough time for every other thread to arrive here
        return open_input(uri)

    monkeypatch.setattr(stylize_core.pictures, "open_input", read_slowly)
    with ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(loader.picture, [job().content] * 4))
    assert read == ["content-0.png"]
    assert all(picture is pictures[0] for picture in pictures)


def test_threads_decode_different_inputs_at_once(
    job: Callable[..., Any], loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread waits for another thread's picture."""
    both = Barrier(2)

    def read_together(uri: str) -> bytes:
        both.wait(timeout=30)
        return open_input(uri)

    monkeypatch.setattr(stylize_core.pictures, "open_input", read_together)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(loader.picture, [job().content, job(content="content-1.png").content]))


def test_each_input_leaves_a_small_picture(job: Callable[..., Any], loader: Loader, store: Any) -> None:
    """The store gets a thumbnail of each input, which report and sheets show when the input no longer exists."""
    planned = job()
    loader.pair(planned)
    pictures = {path.stem: path for path in (store.folder / "inputs").rglob("*.jpg")}
    assert set(pictures) == {planned.content.sha256, planned.styles[0][0].sha256}
    with Image.open(pictures[planned.content.sha256]) as picture:
        assert picture.size == (40, 40)


def test_alpha(job: Callable[..., Any], loader: Loader, manifests: Any) -> None:
    """Transparency is returned at the target's size; an opaque picture has none."""
    Image.new("RGBA", (40, 40), (255, 0, 0, 128)).save(manifests.folder / "clear.png")
    alpha = loader.alpha(job(content="clear.png", alpha="keep"))
    assert alpha is not None
    assert alpha.shape == (1, 32, 32)
    assert torch.allclose(alpha, torch.tensor(128 / 255))
    assert loader.alpha(job(alpha="keep")) is None


def test_load(job: Callable[..., Any], loader: Loader, manifests: Any) -> None:
    """A loaded job has its tensors, and transparency if it is to be kept."""
    Image.new("RGBA", (40, 40), (255, 0, 0, 128)).save(manifests.folder / "clear.png")
    kept, laid_on_white = (job(content="clear.png", alpha=alpha) for alpha in ("keep", "white"))
    loaded = loader.load(kept)
    assert loaded.job is kept
    assert torch.equal(loaded.pair.content, loader.pair(kept).content)
    assert loaded.alpha is not None
    assert loader.load(laid_on_white).alpha is None
