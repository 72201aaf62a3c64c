from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from stylize_core.errors import UsageError
from stylize_core.manifest.find_images import Content, contents_in, images_in


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


@pytest.fixture
def grow(tmp_path: Path) -> Callable[..., Path]:
    """Makes a class tree of empty files."""

    def make(*paths: str) -> Path:
        for path in paths:
            (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "tree" / path).touch()
        return tmp_path / "tree"

    return make


def test_a_class_tree(grow: Callable[..., Path]) -> None:
    """A folder without images of its own is a tree: its folders are classes, whatever lies in folders below them."""
    tree = grow("dogs/b.png", "cats/a.JPG", "cats/old/c.png", "cats/notes.txt", "cats/.hidden/d.png", "._x/e.png")
    assert contents_in(str(tree)) == [
        Content(f"{tree}/cats/a.JPG", "cats", "cats", ""),
        Content(f"{tree}/cats/old/c.png", "cats/old", "cats", ""),
        Content(f"{tree}/dogs/b.png", "dogs", "dogs", ""),
    ]


def test_a_tree_of_splits(grow: Callable[..., Path]) -> None:
    """Where every folder has a name of a split, classes lie below; a split may have none."""
    tree = grow("train/cats/a.png", "Validation/cats/a.png", "test/b.png")
    assert [content[1:] for content in contents_in(str(tree))] == [
        ("Validation/cats", "cats", "val"),
        ("test", "", "test"),
        ("train/cats", "cats", "train"),
    ]


def test_a_class_may_be_called_test(grow: Callable[..., Path]) -> None:
    """One folder with another name, and all of them are classes."""
    assert {content.split for content in contents_in(str(grow("test/a.png", "cats/b.png")))} == {""}


def test_images_of_a_folder_are_no_tree(grow: Callable[..., Path]) -> None:
    """A folder with images of its own gives these, without classes; so does a pattern."""
    tree = grow("a.png", "cats/b.png")
    assert contents_in(str(tree)) == [Content(f"{tree}/a.png")]
    assert contents_in(f"{tree}/*/*.png") == [Content(f"{tree}/cats/b.png")]


def test_a_tree_elsewhere() -> None:
    """A tree of URLs is one too."""
    memory = fsspec.filesystem("memory")
    memory.pipe({"/tree/cats/a.png": b"", "/tree/dogs/b.png": b""})
    try:
        found = contents_in("memory://tree")
    finally:
        memory.rm("/tree", recursive=True)
    assert [(content.path, content.class_name) for content in found] == [
        ("memory:///tree/cats/a.png", "cats"),
        ("memory:///tree/dogs/b.png", "dogs"),
    ]


def test_a_tree_without_images(grow: Callable[..., Path]) -> None:
    """An empty tree is an error like an empty folder."""
    with pytest.raises(UsageError, match="no images are found"):
        contents_in(str(grow("cats/notes.txt")))
