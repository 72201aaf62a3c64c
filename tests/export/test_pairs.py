"""Contents beside their results: the pixels that the optimisation used, loaded by common libraries."""

import gc
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from fixtures.pictures import draw_picture
from PIL import Image
from torchvision.datasets import ImageFolder

from stylize_core.errors import ImageTooLarge, InputChanged, InputMissing, InputUnreadable, Stopped, UsageError
from stylize_core.export.export import ExportWatch
from stylize_core.pictures import content_png

FORMATS = ["imagefolder", "webdataset", "parquet"]

Pixels = npt.NDArray[np.uint8]
Export = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_run: Callable[..., Path]) -> Path:
    """A folder with `store` and the contents of its run: wide, cropped, rotated by EXIF, and one used twice."""
    folder = tmp_path_factory.mktemp("pairs")
    style = draw_picture(folder / "style.png", 9)
    wide = draw_picture(folder / "photos/train/cats/wide.png", 1, width=96, height=40)
    turned = folder / "photos/val/dogs/turned.jpg"
    turned.parent.mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(wide) as image:
        image.convert("RGB").save(turned, exif=exif, quality=95)
    glass = folder / "photos/train/dogs/glass.png"
    glass.parent.mkdir(parents=True)
    Image.new("RGBA", (40, 40), (200, 30, 30, 0)).save(glass)
    rows = [
        {"content": str(wide), "id": "wide", "fit": "keep", "format": "jpeg"},
        {"content": str(wide), "id": "again", "fit": "keep", "style_weight": "2e3"},
        {"content": str(wide), "id": "crop", "fit": "crop"},
        {"content": str(glass), "id": "glass.content", "size": "content"},
        {"content": str(turned), "id": "turned", "fit": "keep"},
    ]
    write_run(folder, [{"fit": "", "format": "", "style_weight": "", "style": str(style)} | row for row in rows])
    return folder


NAMES = ["train/cats/wide", "train/cats/again", "train/cats/crop", "train/dogs/glass-content", "val/dogs/turned"]


@pytest.fixture(scope="module")
def pairs(folder: Path) -> dict[str, Pixels]:
    """The expected content of each result, by its key, made only with Pillow."""
    with Image.open(folder / "photos/train/cats/wide.png") as image:
        wide = np.asarray(image.resize((32, 16), Image.Resampling.LANCZOS))  # 16 is the multiple of 8 nearest to 13.3
        crop = np.asarray(image.resize((32, 32), Image.Resampling.LANCZOS, box=(28, 0, 68, 40)))
    with Image.open(folder / "photos/val/dogs/turned.jpg") as image:
        turned = np.asarray(image.rotate(-90, expand=True).resize((16, 32), Image.Resampling.LANCZOS))
    return dict(zip(NAMES, [wide, wide, crop, np.full((40, 40, 3), 255, np.uint8), turned], strict=True))


@pytest.fixture(scope="module")
def paired(folder: Path, export: Export, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns a function: format -> a folder with an export, made once; do not change it."""
    made: dict[str, Path] = {}

    def make(format: str) -> Path:
        if format not in made:
            made[format] = tmp_path_factory.mktemp(format)
            export(folder / "store", made[format], format, images=2, read_content=content_png)
        return made[format]

    return make


def check(found: dict[str, tuple[Any, Any]], pairs: dict[str, Pixels]) -> None:
    """Compares contents with those that Pillow makes; each is as large as its result."""
    assert list(found) == list(pairs)
    for key, (image, content) in found.items():
        assert image.size == content.size
        np.testing.assert_array_equal(np.asarray(content), pairs[key])


@pytest.mark.parametrize("by_card", [True, False])
@pytest.mark.parametrize("format", ["imagefolder", "parquet"])
def test_datasets(
    format: str, by_card: bool, folder: Path, paired: Any, pairs: dict[str, Pixels], tmp_path: Path
) -> None:
    """`load_dataset` gives two images per line; column `content` still names the content's file."""
    from datasets import Image as ImageFeature
    from datasets import load_dataset

    exported = str(paired(format))
    where: dict[str, Any] = {"path": exported} if by_card else {"path": format, "data_dir": exported}
    splits = load_dataset(**where, cache_dir=str(tmp_path))
    assert splits["train"].features["image"] == splits["train"].features["content_image"] == ImageFeature()
    lines = [line for split in ("train", "validation") for line in splits[split]]
    check({line["path"].rpartition(".")[0]: (line["image"], line["content_image"]) for line in lines}, pairs)
    assert lines[0]["content"] == f"{folder}/photos/train/cats/wide.png"
    assert [line["path"][-4:] for line in lines] == [".jpg", *[".png"] * 4]
    for line in lines:
        assert "file_name" not in " ".join(line)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves files open
def test_webdataset(paired: Any, pairs: dict[str, Pixels]) -> None:
    """The content is the member `content.png`."""
    import webdataset

    shards = [str(path) for path in sorted(paired("webdataset").glob("*.tar"))]
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("pil"))
    found = {sample["__key__"]: (sample.get("png") or sample["jpg"], sample["content.png"]) for sample in samples}
    check(found, pairs)
    together = webdataset.WebDataset(shards, shardshuffle=False).decode("pil").to_tuple("png;jpg", "content.png")
    assert [one.size for one, _ in together] == [two.size for _, two in together]
    del samples, together
    gc.collect()


def test_datasets_reads_webdataset(folder: Path, export: Export, tmp_path: Path) -> None:
    """`load_dataset` reads pairs of one file format from tar files too."""
    from datasets import load_dataset

    ids = frozenset({"again", "crop", "turned"})
    export(folder / "store", tmp_path / "out", "webdataset", read_content=content_png, ids=ids)
    line = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))[0]
    assert line["png"].size == line["content.png"].size == (32, 16)


def test_torchvision(paired: Any) -> None:
    """ImageFolder, with the card's filter, loads only the results."""
    tree = str(paired("imagefolder") / "train")
    dataset = ImageFolder(tree, is_valid_file=lambda path: not path.endswith(".content.png"))
    assert [Path(path).name for path, _ in dataset.samples] == [
        "again.png",
        "crop.png",
        "wide.jpg",
        "glass-content.png",
    ]
    assert "endswith('.content.png')" in (paired("imagefolder") / "README.md").read_text().replace('"', "'")


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # mlcroissant's use of rdflib and pandas
@pytest.mark.filterwarnings("ignore:The inplace keyword", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("format", FORMATS)
def test_croissant(
    format: str, paired: Any, pairs: dict[str, Pixels], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The description has both images: in Parquet in one record, in a tree in two that share the path.

    For tar files it has the results, and the contents' paths.
    """
    import mlcroissant
    from etils import epath

    # It unpacks tar files into folders named only after the tar files' names.
    monkeypatch.setattr("mlcroissant._src.operation_graph.operations.extract.EXTRACT_PATH", epath.Path(tmp_path))
    dataset = mlcroissant.Dataset(paired(format) / "croissant.json")
    assert not dataset.metadata.issues.errors
    images = [_plain(record) for record in dataset.records("images")]
    contents = [_plain(record) for record in dataset.records("contents")] if format == "imagefolder" else images
    assert len(images) == len(contents) == 5
    if format == "webdataset":
        assert {line["content_path"].decode() for line in images} == {f"{key}.content.png" for key in pairs}
    else:
        beside = {line["path"]: line["content_image"] for line in contents}
        found = {line["path"].decode().rpartition(".")[0]: (line["image"], beside[line["path"]]) for line in images}
        check({key: found[key] for key in pairs}, pairs)
        del beside, found
    del images, contents
    gc.collect()


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Removes the name of its set from each column of a record."""
    return {name.partition("/")[2]: value for name, value in record.items()}


@pytest.mark.parametrize("format", FORMATS)
def test_stopped_and_gone_on_with(
    format: str, folder: Path, paired: Any, export: Export, bytes_of: Any, tmp_path: Path
) -> None:
    """Stopped anywhere, the same call finishes with the same bytes; a content that was deleted comes back."""
    for limit in range(6):  # the first call comes from the check that the contents exist
        left = iter(range(limit))

        def again(out: Path = tmp_path / str(limit), **more: Any) -> Any:
            return export(folder / "store", out, format, images=2, read_content=content_png, **more)

        with pytest.raises(Stopped):
            again(watch=ExportWatch(should_stop=lambda left=left: next(left, None) is None))
        again()
        assert bytes_of(tmp_path / str(limit)) == bytes_of(paired(format))
    assert again().kept == 5
    for path in (tmp_path / "5/val").rglob("*.content.png"):
        path.unlink()
        assert again().kept == 4
        path.write_bytes(b"")
        assert again().kept == 4
    assert bytes_of(tmp_path / "5") == bytes_of(paired(format))


@pytest.mark.parametrize("format", FORMATS)
def test_with_and_without_are_two_exports(format: str, folder: Path, export: Export, tmp_path: Path) -> None:
    """Each is refused in the folder of the other, and the error says why."""
    for first, second in ((None, content_png), (content_png, None)):
        out = tmp_path / str(bool(first))
        export(folder / "store", out, format, read_content=first)
        with pytest.raises(UsageError, match=r"another export: .*with_content.*differ"):
            export(folder / "store", out, format, read_content=second)


def test_an_export_of_an_earlier_release(folder: Path, export: Export, tmp_path: Path) -> None:
    """Its index does not say that it has no contents; the export still continues."""
    export(folder / "store", tmp_path, "parquet")
    index = json.loads((tmp_path / "export.json").read_text())
    del index["with_content"]
    (tmp_path / "export.json").write_text(json.dumps(index))
    assert export(folder / "store", tmp_path, "parquet").kept == 5


@pytest.fixture
def moved(folder: Path, tmp_path: Path) -> Path:
    """A copy of the store, and of its contents at the paths in its plan."""
    shutil.copytree(folder, tmp_path / "moved")
    (plan,) = (tmp_path / "moved/store").glob("runs/*/plan.parquet")
    table = pd.read_parquet(plan)
    table["content"] = table["content"].str.replace(str(folder), str(tmp_path / "moved"))
    table.to_parquet(plan, index=False)
    return tmp_path / "moved"


def test_a_content_is_gone(moved: Path, export: Export, tmp_path: Path) -> None:
    """Before anything is written, the error names row and path and counts the others; once restored, it works."""
    for name in ("train/cats/wide.png", "val/dogs/turned.jpg"):
        (moved / "photos" / name).rename(moved / Path(name).name)
    with pytest.raises(
        InputMissing, match=r"the content of row 1 cannot .* no such file; nor can 1 other .*/wide\.png"
    ):
        export(moved / "store", tmp_path / "out", "parquet", read_content=content_png)
    assert not (tmp_path / "out").exists()
    for name in ("train/cats/wide.png", "val/dogs/turned.jpg"):
        (moved / Path(name).name).rename(moved / "photos" / name)
    export(moved / "store", tmp_path / "out", "parquet", images=2, read_content=content_png)
    shutil.rmtree(moved / "photos")
    assert export(moved / "store", tmp_path / "out", "parquet", images=2, read_content=content_png).kept == 5


def test_a_content_has_changed(moved: Path, export: Export, tmp_path: Path) -> None:
    """It ends the export, which names row and path; finished shards are kept."""
    turned = moved / "photos/val/dogs/turned.jpg"
    before = turned.read_bytes()
    turned.write_bytes(before + b"\0")
    with pytest.raises(InputChanged, match=r"the content of row 5 cannot .* was changed .*turned\.jpg"):
        export(moved / "store", tmp_path / "out", "imagefolder", read_content=content_png)
    turned.write_bytes(before)
    assert export(moved / "store", tmp_path / "out", "imagefolder", read_content=content_png).kept == 4


def test_limits_of_inputs_hold(folder: Path, export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export refuses to read what a run would refuse."""
    monkeypatch.setattr("stylize_core.images.decode.MAX_PIXELS", 40 * 95)
    with pytest.raises(ImageTooLarge, match=r"the content of row 1 cannot .*wide\.png"):
        export(folder / "store", tmp_path, "webdataset", read_content=content_png)


def test_a_query_is_kept_nowhere(moved: Path, export: Export, tmp_path: Path) -> None:
    """A content whose URL had a query cannot be read again, because the store does not keep possible secrets."""
    (plan,) = (moved / "store").glob("runs/*/plan.parquet")
    table = pd.read_parquet(plan)
    table.loc[2, "content"] = "https://host/a.png?…"
    table.to_parquet(plan, index=False)
    with pytest.raises(InputUnreadable, match=r"row 3 cannot .*query of its URL is not stored"):
        export(moved / "store", tmp_path / "out", "parquet", read_content=content_png)


def test_a_content_is_read_once_for_neighbours(folder: Path, export: Export, tmp_path: Path) -> None:
    """Consecutive results of one content at one size share its PNG."""
    asked: list[tuple[str, int]] = []

    def read(uri: str, sha256: str, **how: Any) -> bytes:
        asked.append((Path(uri).name, how["height"]))
        return content_png(uri, sha256, **how)

    export(folder / "store", tmp_path, "parquet", read_content=read)
    assert sorted(asked) == [("glass.png", 40), ("turned.jpg", 32), ("wide.png", 16), ("wide.png", 32)]


def test_the_command(folder: Path, stylize: Callable[..., Any], moved: Path, tmp_path: Path) -> None:
    """`--with-content` writes both; a changed content ends it with code 1, a missing one with code 2."""
    command = ("export", f"{moved}/store", "--format", "imagefolder", "-o", f"{tmp_path}/out", "--with-content")
    turned = moved / "photos/val/dogs/turned.jpg"
    turned.rename(moved / "away")
    assert (stylize(*command).code, (tmp_path / "out").exists()) == (2, False)
    turned.write_bytes(b"another")
    ended = stylize(*command)
    assert (ended.code, f"where: {turned}" in ended.err) == (1, True)
    (moved / "away").rename(turned)
    ended = stylize(*command)
    assert (ended.code, ended.out.count("with its content")) == (0, 1)
    assert len(list((tmp_path / "out").rglob("*.content.png"))) == 5
