from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from stylize_core.errors import UsageError
from stylize_core.manifest import images_in


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with images, other files, hidden files and a folder below."""
    folder = tmp_path / "my photos [1]"
    (folder / "below").mkdir(parents=True)
    for name in ("b.png", "a.JPG", "c.webp", "notes.txt", "._b.png", "below/d.tiff"):
        (folder / name).touch()
    return folder


def test_a_folder_gives_its_images_sorted(photos: Path) -> None:
    """Only image names, without hidden files and without the folders below."""
    assert images_in(str(photos)) == [str(photos / name) for name in ("a.JPG", "b.png", "c.webp")]


def test_a_pattern(photos: Path) -> None:
    """`**` reaches into folders."""
    assert images_in(f"{photos.parent}/**/*.[tw]*") == [str(photos / "below/d.tiff"), str(photos / "c.webp")]


def test_one_file(photos: Path) -> None:
    """A file's own name is a pattern too, whatever signs it holds."""
    assert images_in(str(photos / "b.png")) == [str(photos / "b.png")]


def test_a_relative_folder_gives_absolute_paths(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows made of it can be read from anywhere."""
    monkeypatch.chdir(photos)
    assert images_in("below") == [str(photos / "below/d.tiff")]


@pytest.fixture
def bucket() -> Iterator[str]:
    """A folder in fsspec's memory."""
    memory = fsspec.filesystem("memory")
    memory.pipe({"/listing/b.png": b"", "/listing/a.png": b"", "/listing/c.txt": b""})
    yield "memory://listing"
    memory.rm("/listing", recursive=True)


def test_a_url_gives_urls(bucket: str) -> None:
    """Remote images keep their scheme."""
    found = images_in(bucket)
    assert [fsspec.core.url_to_fs(url)[1] for url in found] == ["/listing/a.png", "/listing/b.png"]
    assert all(url.startswith("memory://") for url in found)


@pytest.mark.parametrize("name", ["nowhere", "*.png", "empty"])
def test_nothing_found(name: str, tmp_path: Path) -> None:
    """An empty list would be a manifest without rows."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no images are found"):
        images_in(str(tmp_path / name))


def test_an_unknown_scheme() -> None:
    """A URL that cannot be listed is a bad argument, not a crash."""
    with pytest.raises(UsageError, match="cannot list images"):
        images_in("nosuchscheme://b/a")
