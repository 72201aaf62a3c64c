"""The card: front matter for the hub, and text that no name can turn into markup."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from stylize_core.export.card import card
from stylize_core.export.catalogue import Catalogue
from stylize_core.export.gathering import GATHERED
from stylize_core.export.licences import hub_licence
from stylize_core.export.tally import Tally
from stylize_core.presets import resolve

LINE: dict[str, Any] = dict.fromkeys(GATHERED.names) | {
    "row": 1,
    "job_id": "ab" * 12,
    "preset": "default",
    "settings": json.dumps(resolve("default-1", {}).to_dict()),
    "digests": json.dumps({"content": "c", "styles": [["s", 1.0]], "weights": "w"}),
    "content": "c.png",
    "style": "s.png",
    "class": "cats",
    "split": "train",
    "name": "a",
    "extra": "{}",
    "image": "images/ab/ab.png",
    "image_sha256": "00",
    "bytes": 1000,
    "versions": '{"torch": "2"}',
}


def make(lines: list[dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """Returns the front matter and the text of the card of some samples."""
    catalogue = Catalogue([[LINE | line for line in lines]], Tally())
    text = card(catalogue, "webdataset", Counter(catalogue.splits))
    _, front, body = text.split("---\n", 2)
    return yaml.safe_load(front), body


@pytest.mark.parametrize(
    ("licences", "found"),
    [
        (["CC BY 4.0", "CC BY 4.0"], {"license": "cc-by-4.0"}),
        (["my: own\n# 'licence'"] * 2, {"license": "other", "license_name": "my: own\n# 'licence'"}),
        (["CC0", "CC BY 4.0"], {}),
        (["CC0", ""], {}),
        (["", ""], {}),
    ],
)
def test_licence(licences: list[str], found: dict[str, str]) -> None:
    """The card has a licence if all images share it, by the hub's name if it has one."""
    front, _ = make([{"extra": json.dumps({"x_licence": name} if name else {})} for name in licences])
    assert {key: value for key, value in front.items() if key.startswith("license")} == found


@pytest.mark.parametrize(
    ("name", "word"),
    [("CC0", "cc0-1.0"), ("cc by-sa 4.0", "cc-by-sa-4.0"), ("MIT", "mit"), ("CC BY 9.0", ""), ("", "")],
)
def test_hub_licence(name: str, word: str) -> None:
    """Licences as people write them, and their names on the hub."""
    assert hub_licence(name) == word


def test_settings_have_their_words() -> None:
    """A setting is shown as in a manifest."""
    _, body = make([{"settings": json.dumps(resolve("fast", {"size": size}).to_dict())} for size in (0, 0, 64)])
    assert "| scales | auto |" in body
    assert "| size | content, 64 |" in body


def test_files_of_the_splits() -> None:
    """Each split names its files; the hub calls val validation."""
    front, _ = make([{"split": "fold_2"}, {"split": "val"}, {"split": "train"}])
    assert front["configs"] == [
        {
            "config_name": "default",
            "data_files": [
                {"split": "train", "path": "train-*.tar"},
                {"split": "validation", "path": "val-*.tar"},
                {"split": "fold_2", "path": "fold_2-*.tar"},
            ],
        }
    ]


def test_counts_by_split_and_class() -> None:
    """The table has every class with its images in each split."""
    places = [("train", "cats"), ("train", "cats"), ("val", "cats"), ("train", "dogs")]
    _, body = make([{"split": split, "class": name} for split, name in places])
    assert "| class | train | val |\n| --- | --- | --- |\n| cats | 2 | 1 |\n| dogs | 1 | 0 |" in body


def styled(*names: str) -> list[dict[str, Any]]:
    """Returns samples with styles of these names; the first letter of a file's name determines its bytes."""
    digests = json.loads(LINE["digests"])
    files = [Path(name).name[0] for name in names]
    return [
        {"style": name, "digests": json.dumps({**digests, "styles": [[file, 1.0]]})}
        for name, file in zip(names, files, strict=True)
    ]


def test_a_style_with_an_absolute_path_has_its_relative_name() -> None:
    """Rows of failed.csv count with those of the manifest that the file was made from."""
    _, body = make(styled("styles/a.png", "/home/ada/styles/a.png", "file:///home/ada/styles/a.png", "b.png"))
    assert "| style | images |\n| --- | --- |\n| styles/a.png | 3 |\n| b.png | 1 |" in body
    assert "in 2 styles" in body
    assert "/home" not in body


def test_styles_with_absolute_paths_alone_begin_below_their_folder() -> None:
    """The common folder is left out; a URL is kept."""
    _, body = make(styled("/home/ada/styles/old/a.png", "/home/ada/styles/b.png", "s3://bucket/c.png"))
    assert "| b.png | 1 |\n| old/a.png | 1 |\n| s3://bucket/c.png | 1 |" in body
    _, body = make(styled("/home/ada/styles/a.png"))
    assert "| a.png | 1 |" in body
    _, body = make(styled("/home/ada/old/a.png", "/data/b.png"))
    assert "| a.png | 1 |\n| b.png | 1 |" in body, "they share no folder but the root"


def test_names_are_no_markup() -> None:
    """A class or a style can neither break its table nor insert links and scripts."""
    _, body = make([{"class": "a|b", "style": "<script>[x](http://e)\nnew.png"}])
    assert r"| a\|b | 1 |" in body
    assert r"\<script\>\[x\](http://e) new.png" in body


def test_long_tables_end() -> None:
    """With many classes the largest are listed, and the others are counted."""
    _, body = make([{"class": f"class {number:03d}"} for number in range(60)])
    assert body.count("| class 0") == 50
    assert "and 10 more" in body


def test_settings() -> None:
    """A setting has its values, or, if there are many, their number and some of them."""
    lines = [
        {"settings": json.dumps(resolve("default-1", {"seed": seed, "steps": 7}).to_dict())} for seed in range(1200)
    ]
    _, body = make(lines)
    assert "| steps | 7 |" in body
    assert "| seed | more than 1,000 values, among them " in body


def test_the_hub_reads_it(exported: Any) -> None:
    """Hugging Face's own parser finds the data in the card."""
    from huggingface_hub import DatasetCard

    data = DatasetCard.load(Path(exported("parquet"), "README.md")).data.to_dict()
    assert data["license"] == "cc-by-4.0"
    assert data["size_categories"] == ["n<1K"]


@pytest.mark.parametrize("split", ["0", "2024", "1e5", "yes", "no", "on", "null", "true", "训练", "0x10", "2024_01_01"])
def test_splits_are_texts(split: str) -> None:
    """YAML does not read a split as a number, a date or a truth value."""
    front, _ = make([{"split": split}])
    assert [file["split"] for file in front["configs"][0]["data_files"]] == [split]
