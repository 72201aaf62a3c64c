import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.errors import UsageError
from stylize_core.manifest.cross import cross
from stylize_core.manifest.find_images import Content
from stylize_core.manifest.write import write_manifest


def build(
    contents: Sequence[str] = ("/d/cat.png", "/d/dog.png"),
    styles: Sequence[str] = ("/s/wave.png", "/s/sky.png"),
    *,
    k: int | None = None,
    seed: int = 0,
    sweeps: Mapping[str, Sequence[str]] | None = None,
    columns: Mapping[str, str] | None = None,
) -> list[dict[str, str]]:
    """Crosses two contents with two styles by default."""
    given = [Content(path) for path in contents]
    return cross(given, styles, styles_per_content=k, seed=seed, sweeps=sweeps or {}, columns=columns or {})


def styles_by_content(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """The styles of each content, in order."""
    return {
        content: [row["style"] for row in group]
        for content, group in itertools.groupby(rows, key=lambda row: row["content"])
    }


def test_every_pair() -> None:
    """Without a number every content gets every style, in order."""
    assert [(row["id"], row["content"], row["style"]) for row in build()] == [
        ("cat--wave", "/d/cat.png", "/s/wave.png"),
        ("cat--sky", "/d/cat.png", "/s/sky.png"),
        ("dog--wave", "/d/dog.png", "/s/wave.png"),
        ("dog--sky", "/d/dog.png", "/s/sky.png"),
    ]


def test_the_same_file_twice_is_one() -> None:
    """Overlapping patterns do not repeat rows."""
    assert build(["/d/a.png"] * 2, ["/s/b.png"] * 2) == build(["/d/a.png"], ["/s/b.png"])


def test_random_styles_differ_and_are_drawn_from_the_seed() -> None:
    """Each content gets k different styles; the same seed draws the same."""
    contents, styles = [f"/d/{i}.png" for i in range(20)], [f"/s/{i}.png" for i in range(10)]
    rows = build(contents, styles, k=3, seed=1)
    drawn = styles_by_content(rows)
    assert list(drawn) == contents
    assert all(len(set(chosen)) == 3 and set(chosen) <= set(styles) for chosen in drawn.values())
    assert len({tuple(chosen) for chosen in drawn.values()}) > 10
    assert rows == build(contents, styles, k=3, seed=1)
    assert rows != build(contents, styles, k=3, seed=2)


def test_random_styles_stay_the_same_for_ever() -> None:
    """Known draws: another release must not choose other styles."""
    rows = build(["/d/a.png", "/d/b.png"], [f"{i}.png" for i in range(100)], k=3, seed=7)
    assert [row["style"] for row in rows] == ["62.png", "15.png", "53.png", "41.png", "16.png", "45.png"]


@given(st.sets(st.integers(0, 50), min_size=1), st.sets(st.integers(0, 50)), st.integers())
def test_other_contents_do_not_change_the_draw(some: set[int], more: set[int], seed: int) -> None:
    """Adding contents, in any order, does not change the styles of the others."""
    styles = [f"/s/{i}.png" for i in range(9)]
    few = styles_by_content(build([f"/d/{i}.png" for i in some], styles, k=2, seed=seed))
    many = styles_by_content(build([f"/d/{i}.png" for i in sorted(some | more, reverse=True)], styles, k=2, seed=seed))
    assert few == {content: many[content] for content in few}


def test_the_draw_depends_on_the_last_folder_and_the_name() -> None:
    """A data set gets the same styles on another machine; equal names in other classes get others."""
    styles = [f"/s/{i}.png" for i in range(1000)]
    here, there, other = (
        build([f"{folder}/1.png"], styles, k=5)[0]["style"] for folder in ("/a/cats", "s3://b/cats", "/a/dogs")
    )
    assert here == there != other


@pytest.mark.parametrize("k", [0, -1, 3])
def test_more_styles_than_there_are(k: int) -> None:
    """The number of different styles is limited by the given styles."""
    with pytest.raises(UsageError, match="use a number from 1 to 2"):
        build(k=k)


def test_sweeps_are_combined() -> None:
    """Each pair is repeated for every combination of swept values, named in the id."""
    rows = build(
        ["/d/cat.png"], ["/s/wave.png"], sweeps={"style_weight": ["1e6", "1e7"], "pooling": ["max", "average"]}
    )
    assert [row["id"] for row in rows] == [
        "cat--wave--style_weight-1e6--pooling-max",
        "cat--wave--style_weight-1e6--pooling-average",
        "cat--wave--style_weight-1e7--pooling-max",
        "cat--wave--style_weight-1e7--pooling-average",
    ]
    assert [(row["style_weight"], row["pooling"]) for row in rows][1] == ("1e6", "average")


def test_presets_and_layers_are_swept_too() -> None:
    """Any column except images and id can be swept."""
    rows = build(
        ["/d/c.png"], ["/s/w.png"], sweeps={"preset": ["keras", "tv"], "content_layers": ["conv1_1=0.2 conv2_1=1e+06"]}
    )
    assert rows[1]["id"] == "c--w--preset-tv--content_layers-conv1_1-0.2-conv2_1-1e06"


def test_fixed_columns_are_in_every_row() -> None:
    """Fixed columns are filled and are not part of the id."""
    rows = build(columns={"size": "64", "x_split": "train"})
    assert {(row["size"], row["x_split"]) for row in rows} == {("64", "train")}
    assert rows[0]["id"] == "cat--wave"


@pytest.mark.parametrize(
    ("sweeps", "columns", "message"),
    [
        ({"style_wieght": ["1"]}, {}, "cannot set column 'style_wieght'; did you mean 'style_weight'"),
        ({"x_a": ["1"]}, {}, "cannot set column 'x_a'"),
        ({}, {"content": "a"}, "cannot set column 'content'"),
        ({}, {"id": "a"}, "cannot set column 'id'"),
        ({"size": ["64", "-1"]}, {}, "column size: '-1' is not allowed; use whole number from 16"),
        ({"pooling": ["avg"]}, {}, "did you mean 'average'"),
        ({}, {"steps": "x"}, "column steps: 'x' is not allowed"),
        ({"start": ["content", "image"]}, {}, "start=image needs an image"),
        ({"size": ["64"]}, {"size": "64"}, "column 'size' is both swept and fixed"),
        ({"size": []}, {}, "the sweep of 'size' has no values"),
    ],
)
def test_values_are_validated_before_anything_is_written(
    sweeps: dict[str, list[str]], columns: dict[str, str], message: str
) -> None:
    """A cross is checked with the row model that will read the manifest."""
    with pytest.raises(UsageError, match=re.escape(message)):
        build(sweeps=sweeps, columns=columns)


def test_ids_hold_allowed_characters_only() -> None:
    """Accents are removed; other characters that are not allowed in an id become a dash."""
    (row,) = build(["/d/chat d'été (1).png"], ["https://h/漢.jpg?size=9"])
    assert row["id"] == "chat-d-ete-1--image"


def test_equal_names_get_digits() -> None:
    """Ids are unique, also on file systems that ignore case."""
    rows = build(["/a/cat.png", "/b/cat.png", "/c/CAT.png", "/d/dog.png"], ["/s/s.png"])
    ids = [row["id"] for row in rows]
    assert [re.sub("[0-9a-f]{6}$", "*", name) for name in ids] == ["cat--s-*", "cat--s-*", "CAT--s-*", "dog--s"]
    assert len({name.lower() for name in ids}) == 4


@given(st.permutations(["/a/cat.png", "/b/cat.png", "/x/b/cat.png", "/c/猫.png", "/c/犬.png", "/c/cat (1).png"]))
def test_ids_do_not_depend_on_order(contents: list[str]) -> None:
    """Each row keeps its id, whatever comes before it, and on another machine."""
    rows = {row["content"]: row["id"] for row in build(contents, ["/s/s.png"])}
    known = {row["content"]: row["id"] for row in build(sorted(contents), ["/s/s.png"])}
    assert rows == known
    assert re.fullmatch("image--s-[0-9a-f]{6}", rows["/c/猫.png"])
    assert rows["/c/cat (1).png"] == "cat-1--s"
    there = {row["content"]: row["id"] for row in build([f"/mnt{content}" for content in contents], ["/s/s.png"])}
    assert there["/mnt/c/猫.png"] == rows["/c/猫.png"]


@pytest.mark.parametrize(
    ("path", "row_id", "name"),
    [
        ("/d/猫/一.png", "image/image", "一"),
        ("/d/cats/été 003.jpg", "cats/ete-003", "été 003"),
        ("/d/cats/cat (1).png", "cats/cat-1", "cat (1)"),
        ("/d/cats/Katze_ä.png", "cats/Katze_a", "Katze_ä"),
        ("/d/cats/IMG_0001.v2.JPG", "cats/IMG_0001.v2", ""),
        ("/d/cats/+1.png", "cats/1", ""),  # a cell with this beginning is refused
    ],
)
def test_names_that_an_id_cannot_hold(path: str, row_id: str, name: str) -> None:
    """The names are kept in a column for exports."""
    folder = PurePosixPath(path).parent.name
    (row,) = cross(
        [Content(path, folder, folder)], ["/s/w.png"], styles_per_content=1, seed=0, sweeps={}, columns={"size": "64"}
    )
    assert (row["id"], row.get("x_name", "")) == (row_id, name)


def test_long_names_are_whole_names() -> None:
    """If rows are named by content, style and sweep, the column has all of them."""
    rows = build(["/d/猫.png"], ["/s/la mer.png"], sweeps={"seed": ["1", "2"]})
    assert [row["x_name"] for row in rows] == ["猫--la mer--seed-1", "猫--la mer--seed-2"]


@given(names=st.lists(st.text(min_size=1, max_size=300).filter(lambda name: "/" not in name), min_size=1, unique=True))
def test_every_id_is_accepted(load: Callable[..., Any], names: list[str]) -> None:
    """Whatever the names of the files, their ids are valid and differ."""
    rows = build([f"/d/{name}.png" for name in names], ["/s/w.png"])
    sound = [row | {"content": "/d/c.png"} for row in rows]
    assert load(write_manifest(sound, None), "/m.csv").problems == []


def test_a_cross_is_a_manifest(load: Callable[..., Any]) -> None:
    """The new manifest is read without a problem."""
    rows = build(sweeps={"seed": ["1", "2"]}, columns={"preset": "tv", "x_a": "b"})
    manifest = load(write_manifest(rows, "/data").decode())
    assert manifest.problems == []
    assert [(row.id, row.content, row.settings.seed) for row in manifest.rows] == [
        (row["id"], row["content"], int(row["seed"])) for row in rows
    ]
