"""Names of samples: classes and splits from the manifest or from folders, and unique, harmless names."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.export.naming import (
    Place,
    class_folders,
    place_of,
    stage_digests,
    stage_name,
    unique_stages,
    wished_name,
)

CATS = Place("cats", "train")


@pytest.mark.parametrize(
    ("content", "cells", "place"),
    [
        ("/d/cats/1.jpg", {}, ("cats", "train")),
        ("/d/val/cats/1.jpg", {}, ("cats", "val")),
        ("/d/Validation/cats/1.jpg", {}, ("cats", "val")),
        ("/d/cats/test/1.jpg", {}, ("cats", "test")),
        ("/home/test/photos/cats/1.jpg", {}, ("cats", "train")),  # only the last two folders count
        ("s3://bucket/T%C3%BCbingen/1.jpg", {}, ("Tübingen", "train")),
        ("1.jpg", {}, ("images", "train")),
        ("/d/val/cats/1.jpg", {"x_class": "dogs"}, ("dogs", "val")),
        ("/d/val/cats/1.jpg", {"x_split": "training"}, ("cats", "train")),
        ("/d/cats/1.jpg", {"x_split": "Fold 3"}, ("cats", "fold_3")),
        ("/d/cats/1.jpg", {"x_split": "../up"}, ("cats", "up")),
        ("/d/cats/1.jpg", {"x_class": "", "x_split": ""}, ("cats", "train")),
        ("/d/cats/1.jpg", {"x_split": "2024"}, ("cats", "2024")),
        ("/d/cats/1.jpg", {"x_split": "All"}, ("cats", "all_of_it")),  # `all` would mean every split
        ("/d/cats/1.jpg", {"x_split": "训练"}, ("cats", "训练")),
        ("/d/cats/1.jpg", {"x_split": "Été 1"}, ("cats", "été_1")),
    ],
)
def test_place(content: str, cells: dict[str, str], place: tuple[str, str]) -> None:
    """The manifest's columns come first, then the folders of the content; without any, the split is train."""
    assert place_of(cells, content) == place


def test_long_splits() -> None:
    """A split too long for file names is cut, by bytes, and stays different from others with the same beginning."""
    names = ("a" * 200, "a" * 201, "猫" * 21, "猫" * 22)
    splits = [place_of({"x_split": name}, "/d/cats/1.jpg").split for name in names]
    assert len(set(splits)) == 4
    assert max(len(split.encode()) for split in splits) <= 67
    assert splits[3].startswith("猫" * 20 + "_")
    assert place_of({"x_split": "猫" * 20}, "/d/cats/1.jpg").split == "猫" * 20


@pytest.mark.parametrize(
    ("row_id", "dots", "name"),
    [
        ("a.1", True, "a.1"),
        ("a.1", False, "a-1"),
        ("train/cats/0001", True, "0001"),
        ("cats/0001", True, "0001"),
        ("dogs/0001", True, "dogs--0001"),
        ("", True, "photo--the wave"),
        ("__hidden", True, "hidden"),
        ("_x", True, "_x"),
        ("-", True, "image"),
        ("x" * 400, True, "x" * 150),
        ("été 003", True, "été 003"),
        ("猫" * 60, True, "猫" * 50),
        ("cat (1) [a] {b} #5 100% ~'!", True, "cat (1) [a] {b} #5 100% ~'!"),
        ("v1.2 猫", False, "v1-2 猫"),
        ('a\\b:c*d?e"f<g>h|i', True, "a-b-c-d-e-f-g-h-i"),
        ("a\x1b[2Jb\u202ec\u2028d", True, "a-[2Jb-c-d"),
        (".hidden. ", True, "hidden"),
    ],
)
def test_wished_name(row_id: str, dots: bool, name: str) -> None:
    """An image has its row's name or id, without the folders that contain it, else the names of content and style.

    Letters of all scripts stay, and signs that file systems and data set loaders accept.
    """
    assert wished_name(row_id, CATS, "/d/cats/photo.jpg", "/s/the wave.png", dots=dots) == name


@given(row_id=st.text(max_size=300), content=st.text(min_size=1), style=st.text(min_size=1), dots=st.booleans())
def test_names_lead_nowhere(row_id: str, content: str, style: str, dots: bool) -> None:
    """Whatever rows and files are called, a name is one plain, visible part of a path."""
    name = wished_name(row_id, CATS, content, style, dots=dots)
    assert name == name.strip("-. ")
    assert not name.startswith((".", "__"))
    assert not {*name} & {*'/\\:*?"<>|\0\n\x1b\x85\u202e'}
    assert dots or "." not in name
    assert 0 < len(name.encode()) <= 150


JOBS = [f"{number:024x}" for number in (1, 2, 2**60)]

samples = st.lists(st.tuples(st.sampled_from("aAbB"), st.sampled_from(JOBS)), min_size=1, max_size=12)


@given(samples)
def test_names_are_unique(wished: list[tuple[str, str]]) -> None:
    """No two samples of a place share a name, ignoring case; names without a clash are not changed."""
    rows = list(enumerate(wished, 1))
    digests = np.array([stage_digests(CATS, name, job_id, row) for row, (name, job_id) in rows], np.uint64)
    stages = unique_stages(digests).tolist()
    given_names = [
        stage_name(name, job_id, row, stage) for (row, (name, job_id)), stage in zip(rows, stages, strict=True)
    ]
    assert len({name.lower() for name in given_names}) == len(rows)
    counts = Counter(name.lower() for name, _ in wished)
    assert all((stage == 0) == (counts[name.lower()] == 1) for (name, _), stage in zip(wished, stages, strict=True))


def test_digits_of_the_job_are_enough_where_jobs_differ() -> None:
    """Two jobs that wish for one name get 8 digits of their ids; rows of one job get the row's number too."""
    wished = [("a", JOBS[2]), ("a", "f" * 24), ("b", JOBS[0]), ("b", JOBS[0])]
    digests = np.array([stage_digests(CATS, name, job, row) for row, (name, job) in enumerate(wished)], np.uint64)
    assert unique_stages(digests).tolist() == [1, 1, 2, 2]


def test_a_name_made_unique_may_be_taken() -> None:
    """A row whose id equals another row's changed name is renamed too."""
    wished = [("a", "f" * 24), ("a", JOBS[0]), ("a-ffffffff", JOBS[1])]
    digests = np.array([stage_digests(CATS, name, job, row) for row, (name, job) in enumerate(wished)], np.uint64)
    assert unique_stages(digests).tolist() == [2, 1, 1]


def test_folders_of_classes() -> None:
    """Classes that a disk would mix up get different folders; letters of all scripts stay."""
    folders = class_folders(["Tübingen", "Cat", "cat", "a/b", "a:b", "..", "__pycache__", "猫 1"])
    assert (folders["Tübingen"], folders["猫 1"], folders["__pycache__"]) == ("Tübingen", "猫 1", "pycache__")
    alike = class_folders(["e\u0301t\u00e9", "\u00c9T\u00c9"])  # as macOS writes it, and as others do
    assert all(re.fullmatch(".*-[0-9a-f]{6}", folder) for folder in alike.values())
    assert re.fullmatch(r"Cat-[0-9a-f]{6}", folders["Cat"])
    assert len({folder.casefold() for folder in folders.values()}) == len(folders)


def test_long_classes() -> None:
    """File systems count bytes: 50 of 90 Chinese characters are left; two with the same beginning stay different."""
    folders = class_folders(["猫" * 90, "猫" * 91, "犬" * 90, "x" * 300])
    assert folders["犬" * 90] == "犬" * 50
    assert folders["x" * 300] == "x" * 150
    assert folders["猫" * 90] != folders["猫" * 91]
    assert all(len(folder.encode()) <= 160 for folder in folders.values())


@given(st.sets(st.text(min_size=1, max_size=200), max_size=8))
def test_folders_lead_nowhere(classes: set[str]) -> None:
    """Whatever classes are called, each has a separate folder, which is one plain, visible part of a path."""
    folders = class_folders(classes)
    assert len({folder.casefold() for folder in folders.values()}) == len(classes)
    assert all(folder and not {*folder} & {*"/\\\0\n"} for folder in folders.values())
    assert not any(folder.startswith((".", "__")) for folder in folders.values())
    assert all(len(folder.encode()) <= 160 and folder == folder.strip(" .") for folder in folders.values())
