"""Annotations of contents, transferred to results: boxes, polygons, keypoints and masks at the results' size."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.pictures import draw_picture
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stylize_core.errors import UsageError
from stylize_core.export.coco import Coco, read_coco
from stylize_core.export.coco_geometry import Scale, check_mask
from stylize_core.export.coco_names import match

Export = Callable[..., Any]
Node = dict[str, Any]

CATEGORIES = [{"id": 3, "name": "ear"}]
MASK = {"counts": [96 * 20, 48 * 20, 48 * 20], "size": [20, 192]}
"""A mask of the third quarter from the left of 192 x 20 pixels."""


def packed(counts: list[int]) -> str:
    """Packs runs as pycocotools does (rleToString of maskApi.c)."""
    text = ""
    for place, count in enumerate(counts):
        value, more = count - (counts[place - 2] if place > 2 else 0), True
        while more:
            letter = value & 31
            value >>= 5
            more = value != (-1 if letter & 16 else 0)
            text += chr((letter | 32 if more else letter) + 48)
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_run: Callable[..., Path]) -> Path:
    """A folder with the `store` of a run with two wide contents, one of them in two styles, and a square one."""
    folder = tmp_path_factory.mktemp("annotated")
    style = draw_picture(folder / "style.png", 9)
    wide = draw_picture(folder / "photos/train/cats/1.png", 1, width=192, height=20)
    other = draw_picture(folder / "photos/val/cats/1.png", 2, width=192, height=20)
    square = draw_picture(folder / "photos/train/cats/square.png", 3)
    rows = [
        {"content": str(wide), "id": "a", "fit": "exact", "size": "96"},
        {"content": str(wide), "id": "b", "size": "content"},
        {"content": str(other), "id": "c", "fit": "stretch"},
        {"content": str(square), "id": "d", "fit": "crop"},
        {"content": str(wide), "id": "crop", "fit": "crop"},
    ]
    write_run(folder, [{"fit": "", "style": str(style)} | row for row in rows])
    return folder


def image(number: int, name: str, width: int = 192, height: int = 20, **more: Any) -> Node:
    """An image of a COCO file."""
    return {"id": number, "file_name": name, "width": width, "height": height, **more}


def annotation(number: int, **what: Any) -> Node:
    """An annotation of an image."""
    return {"id": 70 + number, "image_id": number, "category_id": 3, "iscrowd": 0, **what}


@pytest.fixture
def coco(tmp_path: Path) -> Callable[..., Coco]:
    """Writes a COCO file of images and annotations, and reads it."""

    def make(images: list[Node], annotations: list[Node]) -> Coco:
        whole = {"images": images, "annotations": annotations, "categories": CATEGORIES, "info": {"year": 2026}}
        (tmp_path / "coco.json").write_text(json.dumps(whole))
        return read_coco(str(tmp_path / "coco.json"))

    return make


ALL = frozenset("abcd")


@pytest.fixture
def carried(folder: Path, export: Export, coco: Any, tmp_path: Path) -> Callable[..., Any]:
    """Exports rows with annotations of their contents; returns the outcome and the file of each split."""

    def carry(
        images: list[Node], annotations: list[Node], ids: frozenset[str] = ALL, format: str = "imagefolder"
    ) -> Any:
        out = tmp_path / "out"
        done = export(folder / "store", out, format, ids=ids, coco=coco(images, annotations))
        return done, {path.stem[12:]: json.loads(path.read_text()) for path in sorted(out.glob("annotations-*.json"))}

    return carry


def test_by_hand(carried: Any) -> None:
    """Boxes, areas, polygons, keypoints and masks are scaled to the results, by each edge; the rest is copied."""
    boxes = annotation(
        1,
        bbox=[20, 4, 10, 8],
        area=80.0,
        segmentation=[[20, 4, 30, 4, 30, 12]],
        keypoints=[20, 4, 2, 0, 0, 0],
        x_by="me",
    )
    images = [image(1, "train/cats/1.png", license=4), image(2, "val/cats/1.png"), image(9, "unknown.png")]
    done, files = carried(images, [boxes, annotation(2, segmentation=MASK), annotation(2)])
    assert (done.annotated.images, done.annotated.annotations) == (3, 4)
    assert (done.annotated.contents, done.annotated.unknown) == (3, 1)
    train, val = files["train"], files["val"]
    assert train["categories"] == val["categories"] == CATEGORIES
    assert train["info"] == {"year": 2026}
    assert train["images"] == [
        {"id": 1, "file_name": "train/cats/a.png", "width": 96, "height": 10, "license": 4},
        {"id": 2, "file_name": "train/cats/b.png", "width": 192, "height": 20, "license": 4},
    ]
    half = {
        "bbox": [10, 2, 5, 4],
        "area": 20,
        "segmentation": [[10, 2, 15, 2, 15, 6]],
        "keypoints": [10, 2, 2, 0, 0, 0],
    }
    assert train["annotations"] == [
        boxes | half | {"id": 1, "image_id": 1},
        boxes | {"id": 2, "image_id": 2},  # of size=content: unchanged
    ]
    assert val["images"] == [{"id": 1, "file_name": "val/cats/c.png", "width": 32, "height": 32}]
    quarter = {"counts": [16 * 32, 8 * 32, 8 * 32], "size": [32, 32]}
    assert [line.get("segmentation") for line in val["annotations"]] == [quarter, None]
    assert [line["id"] for line in val["annotations"]] == [1, 2]


@pytest.mark.parametrize("format", ["imagefolder", "webdataset", "parquet"])
def test_every_format_and_the_same_bytes(
    format: str, folder: Path, export: Export, coco: Any, bytes_of: Any, tmp_path: Path
) -> None:
    """Any format has the files; adding them to an existing export writes no image again, and the bytes are the same."""
    from datasets import load_dataset

    made = coco([image(1, "1.png")], [annotation(1, bbox=[0, 0, 192, 20])])
    ids, out = frozenset("ab"), tmp_path / "out"
    export(folder / "store", out, format, ids=ids)
    assert export(folder / "store", out, format, ids=ids, coco=made).kept == 2
    before = bytes_of(out)
    assert "2 annotations of 2 images" in before["README.md"].decode()
    assert [line["bbox"] for line in json.loads(before["annotations-train.json"])["annotations"]] == [
        [0, 0, 96, 10],
        [0, 0, 192, 20],
    ]
    export(folder / "store", out, format, ids=ids, coco=made)
    assert bytes_of(out) == before
    assert len(load_dataset(str(out), split="train", cache_dir=str(tmp_path / "cache"))) == 2


def test_file_names_are_seen_from_the_folder(folder: Path, carried: Any, tmp_path: Path) -> None:
    """Every `file_name` leads to its result in the export's folder."""
    _, files = carried([image(1, "train/cats/1.png")], [annotation(1, bbox=[0, 0, 192, 20])])
    assert len(files["train"]["images"]) == 2
    assert all((tmp_path / "out" / line["file_name"]).is_file() for line in files["train"]["images"])


@pytest.mark.parametrize(
    ("images", "annotations", "ids", "words"),
    [
        ([image(1, "1.png")], [], ALL, r"'1\.png' may be .*train/cats/1\.png or .*val/cats/1\.png"),
        ([image(1, "dogs/1.png")], [], ALL, "none of the contents is in the annotations"),
        ([image(1, "train/cats/1.png")], [], frozenset({"crop"}), r"row 5 has fit=crop, which may cut off"),
        ([image(1, "train/cats/1.png", 20, 192)], [], ALL, r"has 20 x 192 pixels .* row 1 with 96 x 10"),
        (
            [image(1, "train/cats/1.png")],
            [annotation(1, segmentation={**MASK, "size": [192, 20]})],
            ALL,
            "mask of annot",
        ),
        (
            [image(1, "train/cats/1.png")],
            [annotation(1, segmentation={**MASK, "counts": [1]})],
            ALL,
            "its image's size",
        ),
        ([image(1, "train/cats/1.png")], [annotation(1, segmentation={**MASK, "counts": []})], ALL, "its image's size"),
        (
            [image(1, "train/cats/1.png")],
            [annotation(1, segmentation={**MASK, "counts": [3841, -1]})],
            ALL,
            "a run of negative length",
        ),
    ],
)
def test_refused(
    images: list[Node], annotations: list[Node], ids: frozenset[str], words: str, carried: Any, tmp_path: Path
) -> None:
    """Annotations that cannot be transferred are refused by name before anything is written."""
    with pytest.raises(UsageError, match=words):
        carried(images, annotations, ids)
    assert not (tmp_path / "out").exists()


def test_a_crop_that_cuts_nothing(carried: Any) -> None:
    """A square content keeps all its pixels with fit=crop, and its annotations."""
    _, files = carried([image(1, "square.png", 40, 40)], [annotation(1, bbox=[10, 20, 5, 5])])
    assert files["train"]["annotations"][0]["bbox"] == [8, 16, 4, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "not an object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"images": []}', "no list 'annotations'"),
        (
            '{"images": [{"id": 1, "file_name": "a", "width": 0, "height": 1}], "annotations": []}',
            "entry 1 of 'images'",
        ),
        ('{"images": [], "annotations": [{"image_id": 1, "bbox": [1, 2]}]}', "entry 1 of 'annotations'.*bbox"),
        ('{"images": [], "annotations": [{"image_id": 1, "area": NaN}]}', "entry 1 of 'annotations'.*area"),
        ('{"images": [], "annotations": [{"image_id": 1}]}', "belongs to image 1, which is not in the file"),
        (json.dumps({"images": [image(1, "a"), image(1, "b")], "annotations": []}), "two images have the id 1"),
        (json.dumps({"images": [image(1, "a"), image(2, "./a")], "annotations": []}), "two images have the file_name"),
    ],
)
def test_no_coco_file(text: str, words: str, tmp_path: Path) -> None:
    """The error says which entry of the file is wrong."""
    (tmp_path / "coco.json").write_text(text)
    with pytest.raises(UsageError, match=words):
        read_coco(str(tmp_path / "coco.json"))


def test_a_relative_path(coco: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path starts in the current folder."""
    coco([image(1, "a.png")], [])
    monkeypatch.chdir(tmp_path)
    assert read_coco("coco.json").where == f"{tmp_path}/coco.json"


@pytest.mark.parametrize(
    ("names", "contents", "found"),
    [
        (["1.png"], {"/p/a/1.png": "x"}, ["1.png"]),
        (["1.png", "a/1.png"], {"/p/a/1.png": "x", "/p/b/1.png": "y"}, ["a/1.png", "1.png"]),
        (["a\\1.png"], {"/p/a/1.png": "x"}, ["a\\1.png"]),
        (["images/1.png"], {"/p/1.png": "x"}, [None]),
        (["a b.png"], {"https://host/a%20b.png?…": "x"}, ["a b.png"]),
        (["e\u0301.png"], {"/p/\u00e9.png": "x"}, ["e\u0301.png"]),
        (["1.png"], {"/p/1.png": "x", "/copy/1.png": "x"}, ["1.png", "1.png"]),
        (["a/1.png"], {"/p/a/1.png": "x", "/p/b/1.png": "y"}, ["a/1.png", None]),
        (["11.png"], {"/p/1.png": "x"}, [None]),
    ],
)
def test_names(names: list[str], contents: dict[str, str], found: list[str | None]) -> None:
    """The longest end of a content's path counts; the same name in other folders does not match."""
    matched = match([image(number, name) for number, name in enumerate(names)], contents, "coco.json")
    assert [matched.get(uri, {}).get("file_name") for uri in contents] == found


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 1)), st.data())
def test_masks(mask: Any, data: st.DataObject) -> None:
    """A scaled mask samples the old one at the centre of each pixel, whether compressed or not."""
    height, width = mask.shape
    to_height, to_width = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20))
    flat = mask.T.reshape(-1).tolist()
    counts, value = [0], 0
    for pixel in flat:
        counts, value = ([*counts, 1], pixel) if pixel != value else ([*counts[:-1], counts[-1] + 1], value)
    scale = Scale(height, width, to_height, to_width)
    wanted = [
        [mask[int((y + 0.5) * height / to_height), int((x + 0.5) * width / to_width)] for x in range(to_width)]
        for y in range(to_height)
    ]
    for written in (counts, packed(counts)):
        line = {"segmentation": {"counts": written, "size": [height, width]}}
        assert check_mask(line, height, width) == ""
        if (height, width) == (to_height, to_width):
            assert scale(line) == line
            continue
        found = scale(line)["segmentation"]
        runs = np.repeat(np.arange(len(found["counts"])) % 2, found["counts"])
        assert found["size"] == [to_height, to_width]
        assert runs.reshape(to_width, to_height).T.tolist() == wanted


def test_the_command(folder: Path, stylize: Callable[..., Any], tmp_path: Path) -> None:
    """`--annotations` prints how much was transferred and how many contents are not in the file."""
    images = [image(1, "train/cats/1.png"), image(2, "val/cats/1.png")]
    whole = {"images": images, "annotations": [annotation(1, bbox=[1, 2, 3, 4])]}
    (tmp_path / "coco.json").write_text(json.dumps(whole))
    (tmp_path / "ids").write_text("a\nb\nc\nd\n")
    command = ("export", f"{folder}/store", "--format", "parquet", "-o", f"{tmp_path}/out", "--ids", f"{tmp_path}/ids")
    ended = stylize(*command, "--annotations", f"{tmp_path}/coco.json", "--with-content")
    assert ended.code == 0
    assert "annotations: 2 on 3 images; 1 of 3 contents is not in the file" in ended.out
    assert stylize(*command, "--annotations", f"{tmp_path}/none.json").code == 2
