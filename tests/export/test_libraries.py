"""Exports loaded with common libraries: everything in the store is there, and nothing else."""

import gc
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision.datasets import ImageFolder

Exported = Callable[[str], Path]

HUB_SPLITS = {"train": "train", "val": "validation"}


def same_columns(found: Mapping[str, Any], expected: Any) -> None:
    """Compares a library's data with the store's; float32 numbers by their value."""
    for name, value in expected.columns.items():
        if isinstance(value, float):
            assert math.isclose(found[name], value, rel_tol=1e-6), name
        else:
            assert found[name] == value, name


def same_rows(found: Iterable[tuple[Mapping[str, Any], Any]], expected: list[Any]) -> None:
    """Compares columns and pixels, row by row in the same order."""
    for (columns, image), one in zip(found, expected, strict=True):
        same_columns(columns, one)
        np.testing.assert_array_equal(np.asarray(image), one.pixels)


@pytest.mark.parametrize("split", ["train", "val"])
def test_torchvision(split: str, exported: Exported, expected: list[Any]) -> None:
    """ImageFolder finds the classes, the labels and the pixels of each split, and no other image."""
    folder = exported("imagefolder")
    ours = {one.path: one for one in expected if one.split == split}
    dataset = ImageFolder(str(folder / split))
    assert dataset.classes == ["cats", "dögs"]
    assert {str(Path(path).relative_to(folder)) for path, _ in dataset.samples} == set(ours)
    for (path, _), (image, label) in zip(dataset.samples, dataset, strict=True):
        one = ours[str(Path(path).relative_to(folder))]
        assert label == one.columns["label"]
        np.testing.assert_array_equal(np.asarray(image), one.pixels)


@pytest.mark.parametrize("by_card", [True, False])
@pytest.mark.parametrize("format", ["imagefolder", "parquet"])
def test_datasets(format: str, by_card: bool, exported: Exported, expected: list[Any], tmp_path: Path) -> None:
    """`load_dataset` gives each split with its images and columns, by the card's front matter and without it."""
    from datasets import load_dataset

    folder = str(exported(format))
    where: dict[str, Any] = {"path": folder} if by_card else {"path": format, "data_dir": folder}
    splits = load_dataset(**where, cache_dir=str(tmp_path))
    assert set(splits) == {"train", "validation"}
    for split, name in HUB_SPLITS.items():
        lines = list(splits[name])
        same_rows(((line, line["image"]) for line in lines), [one for one in expected if one.split == split])


@pytest.mark.parametrize("format", ["imagefolder", "webdataset", "parquet"])
def test_odd_splits(format: str, odd: Path, export: Callable[..., Any], tmp_path: Path) -> None:
    """`load_dataset` gives each custom split, even if its name is like a number, a truth value or in another script."""
    from datasets import load_dataset

    export(odd, tmp_path / "out", format)
    splits = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    names = {"0", "2024", "yes", "no", "all_of_it", "训练"}
    assert set(splits) == {"train", *names}
    assert {len(splits[name]) for name in names} == {1}
    assert len(splits["train"]) == 7


@pytest.mark.parametrize("format", ["imagefolder", "parquet"])
def test_the_card_tells_how_to_load_it(format: str, odd: Path, export: Callable[..., Any], tmp_path: Path) -> None:
    """The card's code, run with the folder's name, loads every split, whatever its files are called."""
    export(odd, tmp_path / "out", format)
    text = (tmp_path / "out/README.md").read_text().partition("## Loading")[2]
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    found: dict[str, Any] = {}
    exec(program.replace("FOLDER", str(tmp_path / "out")), found)
    assert set(found["columns"]) == {"train", "0", "2024", "yes", "no", "all_of_it", "训练"}
    assert sum(map(len, found["columns"].values())) == 13


def test_odd_names(odd: Path, export: Callable[..., Any], tmp_path: Path) -> None:
    """Files keep the names of the contents, in any script, with spaces and brackets; every library finds them."""
    from datasets import load_dataset

    export(odd, tmp_path / "tree", "imagefolder")
    long = "l" * 40 + "猫" * 30
    names = [
        "cats/cat (1)",
        "cats/été 003",
        "猫/一",
        "猫/二",
        "c++ [#5] {x}/100% ~'a' & b!",
        f"{long}/1",
        "test-cars/train 1",
    ]
    loaded = ImageFolder(str(tmp_path / "tree/train"))
    assert {str(Path(path).relative_to(tmp_path / "tree/train")) for path, _ in loaded.samples} == {
        f"{name}.png" for name in names
    }
    lines = load_dataset(str(tmp_path / "tree"), split="train", cache_dir=str(tmp_path / "cache"))
    assert [line["path"] for line in lines] == [f"train/{name}.png" for name in names]
    assert {line["image"].size for line in lines} == {(32, 32)}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves files open
def test_odd_names_in_tar_files(odd: Path, export: Callable[..., Any], tmp_path: Path) -> None:
    """Keys of a WebDataset keep them too, except for dots, which a key cannot contain."""
    import webdataset

    export(odd, tmp_path / "tar", "webdataset", images=100)
    samples = list(webdataset.WebDataset(f"{tmp_path}/tar/train-000000.tar", shardshuffle=False).decode("pil"))
    assert [sample["__key__"] for sample in samples][:5] == [
        f"train/{name}" for name in ("cats/cat (1)", "cats/été 003", "猫/一", "猫/二", "c++ [#5] {x}/100% ~'a' & b!")
    ]
    assert all(sample["json"]["path"] == f"{sample['__key__']}.png" for sample in samples)
    del samples
    gc.collect()


def test_labels_have_names(exported: Exported, tmp_path: Path) -> None:
    """In Parquet, `datasets` knows the names of the labels and the column of the image."""
    from datasets import ClassLabel, Image, load_dataset

    features = load_dataset(str(exported("parquet")), split="train", cache_dir=str(tmp_path)).features
    assert features["label"] == ClassLabel(names=["cats", "dögs"])
    assert features["image"] == Image()


def test_datasets_reads_webdataset(exported: Exported, expected: list[Any], tmp_path: Path) -> None:
    """`load_dataset` reads the tar files too."""
    from datasets import load_dataset

    splits = load_dataset(str(exported("webdataset")), cache_dir=str(tmp_path))
    for split, name in HUB_SPLITS.items():
        ours = [one for one in expected if one.split == split]
        lines = list(splits[name])
        same_rows(((line["json"], line["png"]) for line in lines), ours)
        assert [line["cls"] for line in lines] == [one.columns["label"] for one in ours]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves files open
def test_webdataset(exported: Exported, expected: list[Any]) -> None:
    """WebDataset iterates over the shards of a split: keys, labels, columns and pixels, in the manifest's order."""
    import webdataset

    for split, last in (("train", 2), ("val", 0)):
        ours = [one for one in expected if one.split == split]
        shards = f"{exported('webdataset')}/{split}-{{000000..{last:06d}}}.tar"
        samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("pil"))
        assert [sample["__key__"] for sample in samples] == [one.path.removesuffix(".png") for one in ours]
        assert [sample["cls"] for sample in samples] == [one.columns["label"] for one in ours]
        same_rows(((sample["json"], sample["png"]) for sample in samples), ours)
        del samples
        gc.collect()  # so that its warnings appear here and not in another test


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # mlcroissant's use of rdflib and pandas
@pytest.mark.filterwarnings("ignore:The inplace keyword", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("format", ["imagefolder", "webdataset", "parquet"])
def test_croissant(format: str, exported: Exported, expected: list[Any]) -> None:
    """The library finds no fault in the description, and iterates over images with their columns."""
    import mlcroissant

    dataset = mlcroissant.Dataset(exported(format) / "croissant.json")
    assert not dataset.metadata.issues.errors
    records = [_plain(record) for record in dataset.records("images")]
    records.sort(key=lambda record: [one.path for one in expected].index(record["path"]))
    same_rows(((record, record["image"]) for record in records), expected)
    del records
    gc.collect()


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """Decodes the texts of a record, which mlcroissant gives as bytes."""
    plain = {name.removeprefix("images/"): value for name, value in record.items()}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in plain.items()}
