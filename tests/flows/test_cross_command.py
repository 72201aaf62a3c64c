"""`stylize cross`: manifests from folders, sweeps, and from a result."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def cross(stylize: Callable[..., Any], pictures: Path) -> Callable[..., Any]:
    """Crosses the four contents with the two styles."""
    images = ("--content", f"{pictures}/content-*.png", "--style", f"{pictures}/style-*.png")
    return lambda *options: stylize("cross", *images, *options)


def test_every_pair(cross: Callable[..., Any]) -> None:
    """Each content meets each style; the manifest is printed."""
    ended = cross()
    assert ended.code == 0
    assert {(Path(row["content"]).stem, Path(row["style"]).stem) for row in _rows(ended.out)} == {
        (f"content-{content}", f"style-{style}") for content in range(4) for style in range(2)
    }


def test_sweeps_make_a_grid(cross: Callable[..., Any]) -> None:
    """Each pair is repeated for every combination of the swept values; fixed settings are in every row."""
    rows = _rows(cross("--sweep", "steps=2,3", "style_weight=1e5,1e6,1e7", "--set", "size=32").out)
    assert len(rows) == 8 * 2 * 3
    assert {(row["steps"], row["style_weight"]) for row in rows} == {
        (steps, weight) for steps in ("2", "3") for weight in ("1e5", "1e6", "1e7")
    }
    assert {row["size"] for row in rows} == {"32"}
    assert len({row["id"] for row in rows}) == len(rows)


def test_random_styles_follow_the_seed(cross: Callable[..., Any]) -> None:
    """Each content gets a number of styles: the same for the same seed, others for another seed."""
    drawn = {seed: cross("--styles-per-content", "1", "--seed", str(seed)).out for seed in range(6)}
    assert all(len(_rows(text)) == 4 for text in drawn.values())
    assert cross("--styles-per-content", "1", "--seed", "0").out == drawn[0]
    assert len(set(drawn.values())) > 1


def test_written_manifest_runs(
    cross: Callable[..., Any], run_loop: Callable[..., Any], store: Any, tmp_path: Path
) -> None:
    """The file that -o writes is a manifest that runs; near paths are relative to it."""
    target = tmp_path / "crossed.csv"
    tiny = ("--set", "size=32", "steps=1", "content_layers=conv1_1", "style_layers=conv1_1")
    ended = cross("--styles-per-content", "1", *tiny, "-o", str(target))
    assert ended.out == f"4 rows: {target}\n"
    assert run_loop(str(target)).code == 0
    assert store.statuses() == ["done"] * 4


def test_row_of_a_result_makes_the_same_job(
    manifests: Any, run_loop: Callable[..., Any], stylize: Callable[..., Any], store: Any, tmp_path: Path
) -> None:
    """The row printed from a result image describes its job, whatever the settings: running it skips the job."""
    rows = manifests.rows(
        1, fit="stretch", start="image", init="content-2.png", style_layers="conv1_1=0.3 conv2_1=0.7", format="webp"
    )
    rows += manifests.rows(1, preset="gatys2016", content_layers="conv1_1", format="jpeg", learning_rate="0.3")
    rows += manifests.rows(1, optimiser="adam", keep="best", style_size="40", tv_weight="1e-3")
    assert run_loop(manifests.write(rows)).code == 0

    for image in store.rows()["image"]:
        ended = stylize("cross", "--from-image", str(store.folder / image))
        again = tmp_path / "again.csv"
        again.write_text(ended.out)
        assert run_loop(str(again)).code == 0
        assert store.statuses() == ["skipped"]
        assert store.rows()["image"][0] == image


def test_picture_that_is_no_result(stylize: Callable[..., Any], pictures: Path, refused: Callable[..., str]) -> None:
    """A picture from another program has no settings."""
    error = refused(stylize("cross", "--from-image", f"{pictures}/content-0.png"))
    assert "the image contains no settings" in error


def test_damaged_result(damaged: Path, stylize: Callable[..., Any], refused: Callable[..., str]) -> None:
    """A file that is not an image is refused by its name."""
    error = refused(stylize("cross", "--from-image", f"{damaged}/text.png"))
    assert f"where: {damaged}/text.png" in error


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sweep", "stiles=1,2"), "cannot set column 'stiles'"),
        (("--sweep", "size=32,5"), "column size: '5' is not allowed"),
        (("--sweep", "size"), "'size' sets nothing"),
        (("--styles-per-content", "3"), "cannot draw 3 different styles per content from 2"),
        (("-o", "/nowhere/at/all.csv"), "the manifest cannot be written: No such file or directory"),
    ],
)
def test_bad_cross(
    options: tuple[str, ...], words: str, cross: Callable[..., Any], refused: Callable[..., str]
) -> None:
    """A cross that no run would accept is refused before a row is written."""
    ended = cross(*options)
    assert words in refused(ended)
    assert ended.out == ""


@pytest.fixture
def tree(draw: Callable[..., Path], tmp_path: Path) -> Path:
    """Two classes of four pictures."""
    for number in range(8):
        draw(tmp_path / f"tree/{('cats', 'dogs')[number % 2]}/{number}.png", number)
    return tmp_path / "tree"


def test_what_is_left_out_is_said(stylize: Callable[..., Any], tree: Path, pictures: Path, draw: Any) -> None:
    """Notes go to standard error, so that the printed manifest stays valid."""
    draw(tree / "stray.png", 1)
    ended = stylize("cross", "--content", str(tree), "--style", f"{pictures}/style-0.png")
    assert [Path(row["content"]).name for row in _rows(ended.out)] == ["stray.png"]
    assert f"left out: 8 images in folders below {tree}" in ended.err


def test_a_data_set_of_a_tree(stylize: Callable[..., Any], tree: Path, pictures: Path) -> None:
    """Classes come from folders, a quarter of each is validation, and the splits share no style; the seed decides."""
    command = ("cross", "--content", str(tree), "--style", f"{pictures}/*.png", "--styles-per-content", "1")
    draws = {
        seed: stylize(*command, "--split", "0.25", "--disjoint-styles", "0.5", "--seed", seed).out for seed in "0123"
    }
    assert len(set(draws.values())) > 1
    for text in draws.values():
        rows = _rows(text)
        assert sorted(row["id"] for row in rows) == sorted(
            str(path.relative_to(tree).with_suffix("")) for path in tree.rglob("*.png")
        )
        assert all(row["x_class"] == Path(row["content"]).parent.name for row in rows)
        assert sorted(row["x_class"] for row in rows if row["x_split"] == "val") == ["cats", "dogs"]
        styles = [{row["style"] for row in rows if row["x_split"] == split} for split in ("train", "val")]
        assert not styles[0] & styles[1]


def test_styles_of_validation_are_named(stylize: Callable[..., Any], tree: Path, pictures: Path) -> None:
    """--val-style gives the styles of the validation split, and of nothing else."""
    styles = ("--style", f"{pictures}/style-0.png", "--val-style", f"{pictures}/style-1.png")
    rows = _rows(stylize("cross", "--content", str(tree), *styles, "--split", "0.5").out)
    assert {(row["x_split"], Path(row["style"]).name) for row in rows} == {
        ("train", "style-0.png"),
        ("val", "style-1.png"),
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--split", "2"), "2.0 is not a share"),
        (("--disjoint-styles", "0.5"), "there is no validation split"),
        (("--split", "0.5", "--disjoint-styles", "0.5", "--val-style", "s.png"), "no images are found"),
    ],
)
def test_bad_splits(
    options: tuple[str, ...], words: str, cross: Callable[..., Any], refused: Callable[..., str]
) -> None:
    """Impossible splits are refused."""
    assert words in refused(cross(*options))
