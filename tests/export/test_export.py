"""An export's promises: the same bytes for the same store, every image checked, no other folder touched."""

import hashlib
import json
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stylize_core.errors import Stopped, StoreError, UsageError
from stylize_core.export.columns import own_columns
from stylize_core.export.export import ExportWatch
from stylize_core.export.gathering import GATHERED, gather
from stylize_core.export.selection import Selection
from stylize_core.record.run_files import latest_run
from stylize_core.store import layout
from stylize_core.store.compact import compact
from stylize_core.store.store import open_store

FORMATS = ["imagefolder", "webdataset", "parquet"]


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_store_gives_the_same_bytes(
    format: str, made: Path, exported: Any, export: Any, bytes_of: Any, tmp_path: Path
) -> None:
    """A second export, elsewhere, from a copy of the store with other times, does not differ."""
    shutil.copytree(made, tmp_path / "copy")
    export(tmp_path / "copy", tmp_path / "again", format)
    assert bytes_of(tmp_path / "again") == bytes_of(exported(format))


def test_a_compacted_store_gives_the_same_bytes(
    made: Path, exported: Any, export: Any, bytes_of: Any, tmp_path: Path
) -> None:
    """The files in which the lines of results are do not matter."""
    shutil.copytree(made, tmp_path / "copy")
    compact(open_store(str(tmp_path / "copy"), create=False))
    export(tmp_path / "copy", tmp_path / "again", "webdataset")
    assert bytes_of(tmp_path / "again") == bytes_of(exported("webdataset"))


def test_each_file_is_downloaded_once(made: Path, uploaded: Any, downloads: Counter[str]) -> None:
    """An export downloads only the plan, the results files, and the lease, which names the newest run."""
    files = uploaded(open_store(str(made), create=False))
    run = latest_run(files)
    downloads.clear()
    assert [len(lines) for lines in gather(files, Selection(), Counter(), dots=True)] == [9]
    results = [entry.path for entry in files.list(layout.RESULTS)]
    lease = [entry.path for entry in files.list(layout.LEASE)]
    assert downloads == dict.fromkeys([layout.run(run, "plan.parquet"), *results, *lease], 1)


@pytest.mark.parametrize("format", FORMATS)
def test_the_index(format: str, exported: Any) -> None:
    """export.json counts the images of each shard, without gaps; shards that are files have sizes and digests."""
    index = json.loads((exported(format) / "export.json").read_text())
    assert index["complete"] is True
    assert [(line["shard"], line["images"]) for line in index["shards"]] == (
        [("train-000000", 7), ("val-000000", 2)]
        if format == "imagefolder"
        else [("train-000000", 3), ("train-000001", 3), ("train-000002", 1), ("val-000000", 2)]
    )
    for line in index["shards"] if format != "imagefolder" else ():
        data = (exported(format) / line["path"]).read_bytes()
        assert (line["bytes"], line["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_tar_files_are_a_class_tree(exported: Any, bytes_of: Any, tmp_path: Path) -> None:
    """All shards unpacked into one folder are a class tree; no entry has a time, a user or permissions."""
    for path in exported("webdataset").glob("*.tar"):
        with tarfile.open(path) as tar:
            assert {(entry.mtime, entry.uid, entry.gid, entry.mode) for entry in tar} == {(0, 0, 0, 0o644)}
            tar.extractall(tmp_path, filter="data")
    images = {path: data for path, data in bytes_of(tmp_path).items() if path.endswith(".png")}
    tree = {path: data for path, data in bytes_of(exported("imagefolder")).items() if path.endswith(".png")}
    assert images == tree


def test_columns_beside_the_tar_files(exported: Any, expected: list[Any]) -> None:
    """columns.parquet has a line for each sample, in the order of the tar files."""
    columns = pd.read_parquet(exported("webdataset") / "columns.parquet")
    assert columns["path"].tolist() == [
        one.path for split in ("train", "val") for one in expected if one.split == split
    ]
    assert set(columns["x_licence"]) == {"CC BY 4.0"}


def test_rows_without_an_image_are_counted(made: Path, export: Any, tmp_path: Path) -> None:
    """Rows that are left out are counted by status."""
    exported = export(made, tmp_path / "out", "parquet")
    assert (exported.images, exported.left_out, exported.splits) == (9, {"rejected": 1}, {"train": 7, "val": 2})
    assert "have no image: 1 rejected" in (tmp_path / "out/README.md").read_text()


@pytest.mark.parametrize("format", FORMATS)
def test_a_second_time_writes_no_image(format: str, made: Path, export: Any, bytes_of: Any, tmp_path: Path) -> None:
    """The same command over its own export keeps every shard; deleted files come back."""
    export(made, tmp_path / "out", format)
    before = bytes_of(tmp_path / "out")
    assert export(made, tmp_path / "out", format).kept == 9

    gone = next(path for path in before if path.startswith("val"))
    (tmp_path / "out" / gone).unlink()
    assert export(made, tmp_path / "out", format).kept == 7
    assert bytes_of(tmp_path / "out") == before


@pytest.mark.parametrize("format", FORMATS)
def test_stopped_and_gone_on_with(
    format: str, made: Path, exported: Any, export: Any, bytes_of: Any, tmp_path: Path
) -> None:
    """Stopped before any image, the export continues there: the same bytes, and nothing left over."""
    for limit in range(9):
        asked: list[bool] = []

        def should_stop(asked: list[bool] = asked, limit: int = limit) -> bool:
            asked.append(True)
            return len(asked) > limit

        out = tmp_path / f"out-{limit}"
        with pytest.raises(Stopped):
            export(made, out, format, watch=ExportWatch(should_stop=should_stop))
        assert json.loads((out / "export.json").read_text())["complete"] is False
        assert not (out / "README.md").exists()
        (out / "train-000000.tar.tmp-0123456789ab").write_bytes(b"half")  # as a kill leaves it
        done = [line["images"] for line in json.loads((out / "export.json").read_text())["shards"]]
        assert export(made, out, format).kept == sum(done)
        assert bytes_of(out) == bytes_of(exported(format))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "parquet"}, "format"),
        ({"images": 4}, "shard_size"),
        ({"run": "another"}, "samples"),
    ],
)
def test_another_export_in_the_folder(
    options: dict[str, Any], words: str, made: Path, export: Any, bytes_of: Any, tmp_path: Path, run_again: Any
) -> None:
    """A folder with another export is refused and not changed; the error says how they differ."""
    export(made, tmp_path / "out", "webdataset")
    before = bytes_of(tmp_path / "out")
    arguments: dict[str, Any] = {"format": "webdataset", **options}
    store = run_again(made) if "run" in options else made
    arguments.pop("run", None)
    with pytest.raises(UsageError, match=f"the folder holds another export: .*{words}.*differ"):
        export(store, tmp_path / "out", **arguments)
    assert bytes_of(tmp_path / "out") == before


@pytest.fixture
def run_again(tmp_path: Path) -> Callable[[Path], Path]:
    """Copies a store, and removes the last row of its run."""

    def copy(made: Path) -> Path:
        shutil.copytree(made, tmp_path / "shorter")
        (plan,) = (tmp_path / "shorter").glob("runs/*/plan.parquet")
        pd.read_parquet(plan).iloc[:-2].to_parquet(plan, index=False)
        return tmp_path / "shorter"

    return copy


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("thesis.tex", "", "the folder is not empty and does not hold an export"),
        ("export.json", "{", "the folder's index cannot be read"),
        ("export.json", '{"product": "other", "shards": []}', "the folder's index cannot be read"),
    ],
)
def test_a_folder_of_others(name: str, text: str, words: str, made: Path, export: Any, tmp_path: Path) -> None:
    """Folders that are not exports are not touched."""
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=words):
        export(made, tmp_path, "parquet")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("damage", "words"), [("missing", "is missing"), ("changed", "another sha256")])
def test_a_damaged_image(
    format: str, damage: str, words: str, made: Path, exported: Any, export: Any, bytes_of: Any, tmp_path: Path
) -> None:
    """An image that differs from its record ends the export, which names it; once repaired, the export finishes."""
    shutil.copytree(made, tmp_path / "copy")
    columns = pd.read_parquet(exported("webdataset") / "columns.parquet")
    job_id = columns["job_id"].iloc[4]
    (image,) = (tmp_path / "copy/images").rglob(f"{job_id}.png")
    whole = image.read_bytes()
    image.unlink()
    if damage == "changed":
        image.write_bytes(whole[:-1] + b"x")
    with pytest.raises(StoreError, match=f"{words}.*{job_id}"):
        export(tmp_path / "copy", tmp_path / "out", format)
    image.write_bytes(whole)
    export(tmp_path / "copy", tmp_path / "out", format)
    assert bytes_of(tmp_path / "out") == bytes_of(exported(format))


def test_a_run_without_images(made: Path, export: Any, tmp_path: Path) -> None:
    """If there is nothing to export, the folder is not even made."""
    shutil.copytree(made, tmp_path / "copy")
    for path in (tmp_path / "copy/results").iterdir():
        path.unlink()
    with pytest.raises(UsageError, match="has no image to export"):
        export(tmp_path / "copy", tmp_path / "out", "parquet")
    assert not (tmp_path / "out").exists()


def test_an_unknown_run(made: Path, export: Any, tmp_path: Path) -> None:
    """The error names the existing runs."""
    with pytest.raises(UsageError, match=r"there is no run 'yesterday'.*latest runs here: 2"):
        export(made, tmp_path / "out", "parquet", run="yesterday")


@pytest.mark.parametrize(("size", "style_size", "in_use"), [(300, None, 300), (0, None, 300), (300, 120, 120)])
def test_the_size_of_a_style_is_that_in_use(size: int, style_size: int | None, in_use: int) -> None:
    """Where a row gives none, the style is as large as the image, which `size=content` leaves to the content."""
    settings = json.dumps({"size": size, "style_size": style_size})
    digests = json.dumps({"content": "c", "styles": [["s"]], "weights": "w"})
    line = dict.fromkeys(GATHERED.names) | {"settings": settings, "digests": digests, "extra": "{}"}
    columns = own_columns(line | {"width": 200, "height": 300})
    assert (columns["size"], columns["style_size"]) == (size, in_use)
