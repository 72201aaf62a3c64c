"""The distribution of contents and styles to splits."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.errors import UsageError
from stylize_core.manifest.cross import cross
from stylize_core.manifest.find_images import Content
from stylize_core.manifest.splits import part_styles, split_off


def tree(sizes: Sequence[int]) -> list[Content]:
    """Contents with a number of images in each class."""
    return [
        Content(f"/d/{place}/{number}.png", str(place), str(place))
        for place, size in enumerate(sizes)
        for number in range(size)
    ]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.floats(0.01, 0.99), st.integers(), st.randoms())
def test_split_off(sizes: list[int], share: float, seed: int, random: object) -> None:
    """Each class gives its rounded share, at least one image and never all; the order does not matter."""
    contents = tree(sizes)
    dealt = split_off(contents, share, seed)
    assert [content._replace(split="") for content in dealt] == contents
    val = Counter(content.class_name for content in dealt if content.split == "val")
    for place, size in enumerate(sizes):
        assert val[str(place)] == min(max(1, int(share * size + 0.5)), size - 1)
    assert set(split_off(contents[::-1], share, seed)) == set(dealt)


def test_the_split_follows_the_seed_and_not_the_folder_above() -> None:
    """The same tree on another machine is split in the same way; another seed splits it differently."""
    here = split_off(tree([100]), 0.3, 1)
    there = split_off([one._replace(path=one.path.replace("/d/", "s3://b/")) for one in tree([100])], 0.3, 1)
    assert [one.split for one in here] == [one.split for one in there]
    assert [one.split for one in here] != [one.split for one in split_off(tree([100]), 0.3, 2)]


def test_the_split_stays_the_same_for_ever() -> None:
    """A known draw: another release must not move images between splits."""
    dealt = split_off(tree([10]), 0.3, 7)
    assert [place for place, one in enumerate(dealt) if one.split == "val"] == [0, 4, 5]


def test_another_image_moves_at_most_one() -> None:
    """Adding an image to a class changes the split of at most one other."""
    for size in range(2, 40):
        before = {one.path: one.split for one in split_off(tree([size]), 0.2, 0)}
        after = {one.path: one.split for one in split_off(tree([size + 1]), 0.2, 0)}
        assert sum(after[path] != split for path, split in before.items()) <= 1


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5])
def test_no_share(share: float) -> None:
    """Shares are between 0 and 1."""
    with pytest.raises(UsageError, match="is not a share"):
        split_off(tree([3]), share, 0)
    with pytest.raises(UsageError, match="is not a share"):
        part_styles(["/s/1.png", "/s/2.png"], share, 0)


def test_a_tree_with_splits_is_not_split() -> None:
    """The splits of folders are kept; requesting others is an error."""
    with pytest.raises(UsageError, match="in folders of splits already"):
        split_off([Content("/d/val/cats/1.png", "val/cats", "cats", "val")], 0.5, 0)


@given(st.integers(2, 40), st.floats(0.01, 0.99), st.integers())
def test_part_styles(count: int, share: float, seed: int) -> None:
    """Every style is on one side, in order; the reserved share is rounded, at least one, never all."""
    styles = [f"/s/{number}.png" for number in range(count)]
    train, val = part_styles(styles, share, seed)
    assert sorted([*train, *val]) == sorted(styles)
    assert (train, val) == ([one for one in styles if one in train], [one for one in styles if one in val])
    assert len(val) == min(max(1, int(share * count + 0.5)), count - 1)
    assert set(part_styles(styles[::-1], share, seed)[1]) == set(val)


def test_a_single_style_cannot_be_parted() -> None:
    """The same file twice is one style."""
    with pytest.raises(UsageError, match="a single style cannot be parted"):
        part_styles(["/s/1.png", "/s/1.png"], 0.5, 0)


def crossed(contents: list[Content], k: int | None = None, **others: list[str]) -> list[dict[str, str]]:
    """Crosses contents with two styles for training and two for the rest."""
    given_styles = {"styles": ["/s/a.png", "/s/b.png"], "val_styles": ["/s/y.png", "/s/z.png"]} | others
    styles, val_styles = given_styles.values()
    return cross(contents, styles, val_styles=val_styles, styles_per_content=k, seed=3, sweeps={}, columns={})


SPLIT_TREE = [
    Content(f"/d/{split}/cats/{number}.png", f"{split}/cats", "cats", split)
    for split in ("train", "val", "test")
    for number in range(5)
]


@pytest.mark.parametrize("k", [None, 1, 2])
def test_training_shares_no_style(k: int | None) -> None:
    """Training contents get training's styles, other splits the other styles; each content gets k different ones."""
    rows = crossed(SPLIT_TREE, k)
    styles = {split: {row["style"] for row in rows if row["x_split"] == split} for split in ("train", "val", "test")}
    assert styles["train"] <= {"/s/a.png", "/s/b.png"}
    assert styles["val"] | styles["test"] <= {"/s/y.png", "/s/z.png"}
    assert Counter(row["content"] for row in rows) == {content.path: k or 2 for content in SPLIT_TREE}


def test_classes_and_ids_of_a_tree() -> None:
    """Rows have class and split; with one style for each content, the id is its path in the tree."""
    (row,) = crossed(SPLIT_TREE[5:6], 1)
    assert (row["id"], row["x_class"], row["x_split"]) == ("val/cats/0", "cats", "val")
    assert [row["id"] for row in crossed(SPLIT_TREE[5:6])] == ["val/cats/0--y", "val/cats/0--z"]


def test_the_same_style_on_both_sides() -> None:
    """A style of training cannot be one of validation too."""
    with pytest.raises(UsageError, match=r"/s/a\.png is a style of training and of validation"):
        crossed(SPLIT_TREE, val_styles=["/s/a.png", "/s/z.png"])


def test_styles_for_a_split_that_there_is_not() -> None:
    """Styles reserved for validation need a validation split."""
    with pytest.raises(UsageError, match="there is no validation split"):
        crossed(tree([3]))


def test_too_few_styles_of_validation() -> None:
    """The smaller side limits the number of styles per content."""
    with pytest.raises(UsageError, match="cannot draw 2 different styles per content from 1"):
        crossed(SPLIT_TREE, 2, val_styles=["/s/z.png"])
