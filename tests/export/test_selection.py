"""The exported images: the newest of each id, of chosen runs, of chosen ids, by a condition."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stylize_core import run_manifest
from stylize_core.errors import InputMissing, UsageError
from stylize_core.export.export import export
from stylize_core.export.selection import Selection, read_ids
from stylize_core.export.shards import ShardSize
from stylize_core.export.where import Where
from stylize_core.files.files import Files
from stylize_core.store.store import open_store

Export = Callable[..., pd.DataFrame]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> tuple[Path, list[str]]:
    """A store with three runs: four rows; two of them with other seeds, one rejected; two rejected, one skipped."""
    folder = tmp_path_factory.mktemp("runs")
    fixed = {"size": "32", "steps": "1", "content_layers": "conv1_1", "style_layers": "conv1_1"}
    inputs = {"content": f"{pictures}/content-0.png", "style": f"{pictures}/style-0.png"}
    rows = [{"id": name, **inputs, "seed": str(seed), **fixed} for seed, name in enumerate("abcd")]
    bad = {"content": f"{pictures}/none.png"}
    manifests = [
        rows,
        [rows[0] | {"seed": "10"}, rows[2] | {"seed": "12", "x_mark": "good"}, rows[3] | bad],
        [rows[1] | bad, rows[0] | bad | {"id": "e"}, rows[3]],
    ]
    names = []
    for number, some in enumerate(manifests):
        path = folder / f"{number}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0], "x_mark"], restval="")
            writer.writeheader()
            writer.writerows(some)
        made = run_manifest(path, folder / "store", weights="builtin", device="cpu", report=False)
        names.append(made.run)
    return folder / "store", names


@pytest.fixture
def exported(runs: tuple[Path, list[str]], tmp_path: Path) -> Export:
    """Exports a selection, returns its columns."""

    def make(**selection: Any) -> pd.DataFrame:
        files, output = open_store(str(runs[0]), create=False), Files(f"{tmp_path}/out")
        made = export(files, Selection(**selection), output, "parquet", ShardSize())
        data = pd.read_parquet(tmp_path / "out/train-000000.parquet")
        data.attrs["left out"] = made.left_out
        shutil.rmtree(tmp_path / "out")
        return data

    return make


def seeds(data: pd.DataFrame) -> dict[str, int]:
    """The seed of each id, in the order of the export."""
    return dict(zip(data["id"], data["seed"], strict=True))


def test_the_newest_image_of_each_id(exported: Export) -> None:
    """Running some rows again does not hide the others; if the newest run has no image, the one before counts."""
    data = exported()
    assert seeds(data) == {"a": 10, "c": 12, "b": 1, "d": 3}
    assert data.attrs["left out"] == {"rejected": 1}


def test_some_runs(exported: Export, runs: tuple[Path, list[str]]) -> None:
    """One run gives its own images; several give the newest of each id, in whatever order they are named."""
    first, second, _ = runs[1]
    assert seeds(exported(runs=(first,))) == {"a": 0, "b": 1, "c": 2, "d": 3}
    data = exported(runs=(second,))
    assert (seeds(data), data.attrs["left out"]) == ({"a": 10, "c": 12}, {"rejected": 1})
    assert seeds(exported(runs=(first, second))) == {"a": 10, "c": 12, "b": 1, "d": 3}
    with pytest.raises(UsageError, match="there is no run 'none'"):
        exported(runs=(first, "none"))


def test_a_condition(exported: Export) -> None:
    """It applies only to the newest image of an id."""
    assert seeds(exported(where=Where("seed < 11"))) == {"a": 10, "b": 1, "d": 3}
    assert seeds(exported(where=Where("x_mark == 'good' and quality_ssim > 0"))) == {"c": 12}
    with pytest.raises(UsageError, match="no column 'x_mrak'; did you mean 'x_mark'"):
        exported(where=Where("x_mrak == 'good'"))
    with pytest.raises(UsageError, match="no image of the store is selected"):
        exported(where=Where("seed == 99"))


def test_ids(exported: Export) -> None:
    """Rows that are not listed are neither exported nor counted."""
    data = exported(ids=frozenset({"b", "c", "none"}))
    assert (seeds(data), data.attrs["left out"]) == ({"c": 12, "b": 1}, {})


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a\nb/2\n\n", {"a", "b/2"}),
        ("\ufeffa\r\nb\r\n", {"a", "b"}),
        ("id\na\nb\n", {"a", "b"}),
        ("row,id,mark\n1,a,good\n2,b,bad\n3,c,\n", {"a", "c"}),
        ('note,id\n"x, y",a\n', {"a"}),
    ],
)
def test_files_with_ids(text: str, ids: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One per line, or the column of a CSV, without lines marked bad. A path starts in the current folder."""
    (tmp_path / "ids.csv").write_bytes(text.encode())
    monkeypatch.chdir(tmp_path)
    assert read_ids("ids.csv") == read_ids(f"{tmp_path}/ids.csv") == ids


@pytest.mark.parametrize("data", [b"", b"id\n", b"row,id\n1,\n", "é".encode("latin-1"), b"row,id,mark\n1,a,bad\n"])
def test_files_without_ids(data: bytes, tmp_path: Path) -> None:
    """A file without ids is refused, because nothing would be exported."""
    (tmp_path / "ids").write_bytes(data)
    with pytest.raises(UsageError) as refused:
        read_ids(f"{tmp_path}/ids")
    assert refused.value.where == f"{tmp_path}/ids"
    with pytest.raises(InputMissing):
        read_ids(f"{tmp_path}/none")


def test_the_command(runs: tuple[Path, list[str]], stylize: Callable[..., Any], tmp_path: Path) -> None:
    """All options on the command line."""
    (tmp_path / "ids.txt").write_text("a\nb\nd\n")
    command = ("export", str(runs[0]), "--format", "imagefolder", "-o", f"{tmp_path}/out")
    ended = stylize(*command, "--run", *runs[1][:2], "--ids", f"{tmp_path}/ids.txt", "--where", "seed != 3")
    assert ended.code == 0, ended.err
    assert sorted(path.stem for path in tmp_path.glob("out/train/*/*.png")) == ["a", "b"]
    ended = stylize(*command, "--where", "seed.real == 7")
    assert (ended.code, "is not a column, a number or a text" in ended.err) == (2, True)
