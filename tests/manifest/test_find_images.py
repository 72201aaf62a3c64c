"""The images of folders and patterns, with the classes and splits of their folders."""

import os
import shutil
import tempfile
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
    """Only image names, without hidden files and without subfolders."""
    assert images_in(str(photos)) == [str(photos / name) for name in ("a.JPG", "b.png", "c.webp")]


def test_a_pattern(photos: Path) -> None:
    """`**` includes subfolders."""
    assert images_in(f"{photos.parent}/**/*.[tw]*") == [str(photos / "below/d.tiff"), str(photos / "c.webp")]


def test_one_file(photos: Path) -> None:
    """A file's own name is a pattern too, whatever characters it contains."""
    assert images_in(str(photos / "b.png")) == [str(photos / "b.png")]


def test_a_relative_folder_gives_absolute_paths(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resulting rows can be read from any folder."""
    monkeypatch.chdir(photos)
    assert images_in("below") == [str(photos / "below/d.tiff")]


def test_a_file_url(photos: Path) -> None:
    """A file URL may contain escape codes; the rows have paths."""
    given = f"file://localhost{photos.parent}/my%20photos%20%5B1%5D"
    assert images_in(given) == images_in(str(photos))


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
    """A URL that cannot be listed is a usage error, not a crash."""
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
    """A folder that contains no images itself is a tree: its folders are classes, with all of their subfolders."""
    tree = grow("dogs/b.png", "cats/a.JPG", "cats/old/c.png", "cats/notes.txt", "cats/.hidden/d.png", "._x/e.png")
    assert contents_in(str(tree)) == [
        Content(f"{tree}/cats/a.JPG", "cats", "cats", ""),
        Content(f"{tree}/cats/old/c.png", "cats/old", "cats", ""),
        Content(f"{tree}/dogs/b.png", "dogs", "dogs", ""),
    ]


def test_a_tree_of_splits(grow: Callable[..., Path]) -> None:
    """If every folder has the name of a split, classes are below; a split may have none."""
    tree = grow("train/cats/a.png", "Validation/cats/a.png", "test/b.png")
    assert [content[1:] for content in contents_in(str(tree))] == [
        ("Validation/cats", "cats", "val"),
        ("test", "", "test"),
        ("train/cats", "cats", "train"),
    ]


def test_a_class_may_be_called_test(grow: Callable[..., Path]) -> None:
    """With one other name among them, all folders are classes."""
    assert {content.split for content in contents_in(str(grow("test/a.png", "cats/b.png")))} == {""}


def test_images_of_a_folder_are_no_tree(grow: Callable[..., Path], said: list[str]) -> None:
    """A folder that contains images gives these, without classes, and counts those below; so does a pattern."""
    tree = grow("a.png", "cats/b.png", "dogs/c.png")
    for find in (contents_in, images_in):
        found = find(str(tree), said.append)
        assert [getattr(one, "path", one) for one in found] == [f"{tree}/a.png"]
        (text,) = said
        assert text.startswith(
            f"left out: 2 images in folders below {tree}, which has images of its own, such as a.png"
        )
        said.clear()
    assert contents_in(f"{tree}/*/*.png", said.append) == [
        Content(f"{tree}/{name}") for name in ("cats/b.png", "dogs/c.png")
    ]
    assert not said


def test_images_that_lie_below(grow: Callable[..., Path]) -> None:
    """A folder of styles with images only in subfolders is distinguished from an empty one."""
    with pytest.raises(UsageError, match="the images are in folders below") as caught:
        images_in(str(grow("monet/a.png")))
    assert "photos/**" in caught.value.todo


@pytest.fixture
def said() -> list[str]:
    """The notes."""
    return []


def names(found: list[Content], top: Path) -> list[str]:
    """Paths below a folder."""
    return [content.path.removeprefix(f"{top}/") for content in found]


def test_links_to_folders_are_followed(grow: Callable[..., Path], tmp_path: Path) -> None:
    """A class may be a link, as in torchvision; so may a folder of a pattern, and the same class twice."""
    tree = grow("cats/a.png")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/b.png").touch()
    for name in ("dogs", "wolves"):
        (tree / name).symlink_to(tmp_path / "elsewhere")
    expected = ["cats/a.png", "dogs/b.png", "wolves/b.png"]
    assert names(contents_in(str(tree)), tree) == expected
    assert [content.class_name for content in contents_in(str(tree))] == ["cats", "dogs", "wolves"]
    for pattern in ("**", "**/*.png", "*/*.png", "*/?.p[n]g"):
        assert names(contents_in(f"{tree}/{pattern}"), tree) == expected, pattern
    (tmp_path / "link").symlink_to(tree)
    assert names(contents_in(f"{tmp_path}/link"), tmp_path / "link") == expected


@pytest.mark.parametrize("target", [".", "..", "../..", "cats", "cats/loop", "/"])
def test_circles_are_left(grow: Callable[..., Path], target: str) -> None:
    """A link to itself, to its own folder or to one above is not followed; nothing appears twice."""
    tree = grow("cats/a.png", "dogs/b.png")
    (tree / "cats/loop").symlink_to(tree / target if target != "/" else "/")
    for given in (tree, f"{tree}/**"):
        assert names(contents_in(str(given)), tree) == ["cats/a.png", "dogs/b.png"]


def test_folders_that_lead_to_each_other(grow: Callable[..., Path]) -> None:
    """Two folders with links to each other do not cause an endless loop."""
    tree = grow("cats/a.png", "dogs/b.png")
    (tree / "cats/dogs").symlink_to(tree / "dogs")
    (tree / "dogs/cats").symlink_to(tree / "cats")
    assert names(contents_in(str(tree)), tree) == ["cats/a.png", "cats/dogs/b.png", "dogs/b.png", "dogs/cats/a.png"]


@pytest.mark.parametrize(
    "name", ["@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found", "__MACOSX", ".thumbnails", "@Recycle", ".Trash-1000"]
)
def test_folders_of_the_system_are_left_out(grow: Callable[..., Path], name: str, said: list[str]) -> None:
    """Thumbnails and recycle bins of storage systems are not contents, beside classes and inside them."""
    tree = grow("cats/a.png", f"{name}/a.png/SYNOPHOTO_THUMB_M.jpg", f"cats/{name}/b.png")
    for given in (tree, f"{tree}/**"):
        assert names(contents_in(str(given), said.append), tree) == ["cats/a.png"]
    assert images_in(f"{tree}/cats", said.append) == [f"{tree}/cats/a.png"]
    assert not said


@pytest.mark.parametrize(
    ("mark", "kind"), [("store.json", "a store"), ("export.json", "a data set that an export made")]
)
def test_results_do_not_become_contents(grow: Callable[..., Path], mark: str, kind: str, said: list[str]) -> None:
    """A store or an export among the photographs is left out with a note."""
    tree = grow("cats/a.png", f"out/{mark}", "out/images/ab/b.png", "out/inputs/ab/c.jpg", "out/train/cats/d.png")
    for given in (tree, f"{tree}/**", f"{tree}/**/*.png"):
        assert names(contents_in(str(given), said.append), tree) == ["cats/a.png"]
        assert said == [f"left out: {tree}/out, {kind}"]
        said.clear()


def test_results_that_are_named_themselves(grow: Callable[..., Path], said: list[str]) -> None:
    """An export, and the images of a store, may be contents of another run; a whole store may not."""
    tree = grow("out/store.json", "out/images/ab/b.png", "set/export.json", "set/train/cats/d.png")
    assert names(contents_in(f"{tree}/set", said.append), tree / "set") == ["train/cats/d.png"]
    assert names(contents_in(f"{tree}/out/images/**", said.append), tree) == ["out/images/ab/b.png"]
    assert not said
    with pytest.raises(UsageError, match="no images are found"):
        contents_in(f"{tree}/out", said.append)
    assert said == [f"left out: {tree}/out, a store"]


def test_results_elsewhere_do_not_become_contents(said: list[str]) -> None:
    """The same on an object store, if a pattern does not match `store.json`."""
    memory = fsspec.filesystem("memory")
    paths = ("cats/a.png", "out/store.json", "out/images/ab/b.png", "cats/@eaDir/a.png", "set/export.json", "set/c.png")
    memory.pipe({f"/mixed/{path}": b"" for path in paths})
    try:
        for pattern, also in (("", []), ("/**/*.png", ["set/c.png"])):
            found = contents_in(f"memory://mixed{pattern}", said.append)
            assert [content.path.removeprefix("memory:///mixed/") for content in found] == ["cats/a.png", *also]
            assert "left out: /mixed/out, a store" in said
    finally:
        memory.rm("/mixed", recursive=True)


def test_names_that_no_manifest_can_carry(grow: Callable[..., Path], said: list[str]) -> None:
    """A name that is not UTF-8, or contains a line break, is left out with a note; the others are found."""
    tree = grow("cats/a.png", "cats/été 003.jpg", "dogs/line\rend.png")
    for name in (b"cats/caf\xe9.png", b"d\xf6gs/b.png"):
        path = os.fsencode(tree) + b"/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb"):
            pass
    assert names(contents_in(str(tree), said.append), tree) == ["cats/a.png", "cats/été 003.jpg"]
    (text,) = said
    assert text.startswith(r"left out: 3 files with names that no manifest can carry, such as 'cats/caf\udce9.png'")


@pytest.mark.parametrize("name", ["@user", "+1", "=sum", " padded "])
def test_classes_that_no_manifest_can_carry(grow: Callable[..., Path], name: str, said: list[str]) -> None:
    """A class whose name a manifest refuses is left out with a note; the others remain."""
    tree = grow("cats/a.png", f"{name}/b.png")
    assert names(contents_in(str(tree), said.append), tree) == ["cats/a.png"]
    assert said == [
        f"left out: folders with names that no manifest can carry as a class, such as {name!r}: rename them"
    ]


def test_images_of_other_formats_are_said(grow: Callable[..., Path], said: list[str]) -> None:
    """Photographs in unsupported formats, as from phones and cameras, are left out with a note."""
    tree = grow("a.png", "b.HEIC", "c.heic", "d.nef", "e.txt")
    assert images_in(str(tree), said.append) == [f"{tree}/a.png"]
    assert said == ["left out: images of formats that are not read (2 .heic, 1 .nef): save them as PNG or JPEG"]


@pytest.mark.parametrize("name", ["a.jfif", "a.pgm", "a.JPE"])
def test_less_usual_endings(grow: Callable[..., Path], name: str) -> None:
    """Other suffixes of supported formats count too."""
    assert images_in(str(grow(name))) == [f"{grow()}/{name}"]


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_that_may_not_be_read(said: list[str]) -> None:
    """A class without read permission is left out with a note."""
    (tree := Path(tempfile.mkdtemp(dir="/tmp"))).joinpath("cats").mkdir()
    try:
        (tree / "cats/a.png").touch()
        (tree / "dogs").mkdir(mode=0)
        assert names(contents_in(str(tree), said.append), tree) == ["cats/a.png"]
        assert said == [f"left out: {tree}/dogs, which cannot be read (Permission denied)"]
    finally:
        (tree / "dogs").chmod(0o700)
        shutil.rmtree(tree)


def test_a_tree_elsewhere() -> None:
    """A folder at a URL can be a tree too."""
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
