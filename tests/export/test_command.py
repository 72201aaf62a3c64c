"""`stylize export`: its output, its refusals, its exit codes."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FORMATS = ("imagefolder", "webdataset", "parquet")


def test_what_it_says(made: Path, stylize: Callable[..., Any], tmp_path: Path) -> None:
    """It prints the images, splits and classes, what was left out, and where; later also what was already there."""
    command = ("export", str(made), "--format", "parquet", "--output", f"{tmp_path}/out")
    ended = stylize(*command)
    assert ended.code == 0
    first, left_out, where = ended.out.splitlines()
    assert first.startswith("9 images (")
    assert first.endswith(" kB) in 2 classes: 7 train, 2 val")
    assert left_out == "left out, because they have no image: 1 rejected"
    assert where == f"data set: {tmp_path}/out"
    assert stylize(*command).out.splitlines()[0] == f"{first}; 9 of them were already there"


def test_an_export_as_a_document(made: Path, stylize: Callable[..., Any], tmp_path: Path) -> None:
    """`--json`: the same as a document; the second time, what was already there."""
    command = ("export", str(made), "--format", "parquet", "--output", f"{tmp_path}/out", "--json")
    document = json.loads(stylize(*command).out)
    assert document.pop("bytes") > 1000
    assert document == {
        "store": str(made),
        "data_set": f"{tmp_path}/out",
        "images": 9,
        "splits": {"train": 7, "val": 2},
        "classes": 2,
        "left_out": {"rejected": 1},
        "kept": 0,
        "annotated": None,
    }
    assert json.loads(stylize(*command).out)["kept"] == 9


def test_shard_size(made: Path, stylize: Callable[..., Any], tmp_path: Path) -> None:
    """Shards have the requested size."""
    stylize("export", str(made), "--format", "webdataset", "-o", f"{tmp_path}/out", "--shard-size", "5")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tar")) == [
        "train-000000.tar",
        "train-000001.tar",
        "val-000000.tar",
    ]


def test_a_run_by_its_name(made: Path, stylize: Callable[..., Any], tmp_path: Path) -> None:
    """Any run of the store can be exported."""
    run = next((made / "runs").iterdir()).name
    assert stylize("export", str(made), "--format", "parquet", "-o", f"{tmp_path}/out", "--run", run).code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--format", "tfrecord"), "tfrecord"),
        (("--format", "imagefolder", "--shard-size", "5"), "a class tree has no shards"),
        (("--format", "parquet", "--shard-size", "some"), "'some' is not a shard size"),
        (("--format", "parquet", "--run", "none"), "there is no run 'none'"),
    ],
)
def test_bad_options(
    options: tuple[str, ...], words: str, made: Path, stylize: Callable[..., Any], tmp_path: Path
) -> None:
    """Exit code 2 and the reason, before anything is written."""
    ended = stylize("export", str(made), "-o", f"{tmp_path}/out", *options)
    assert ended.code == 2
    assert words in ended.err
    assert not (tmp_path / "out").exists()


def test_a_damaged_image_ends_it(made: Path, stylize: Callable[..., Any], tmp_path: Path) -> None:
    """Exit code 1, because the export had begun; the error names the image, also as a document."""
    shutil.copytree(made, tmp_path / "copy")
    image = next((tmp_path / "copy/images").rglob("*.png"))
    image.write_bytes(b"")
    ended = stylize("export", f"{tmp_path}/copy", "--format", "imagefolder", "-o", f"{tmp_path}/out", "--json")
    assert ended.code == 1
    assert f"where: {image}" in ended.err
    assert json.loads(ended.out)["error"]["where"] == str(image)


@pytest.mark.parametrize("moment", ["half .json 1", "after export.json 1", "half .tar 1", "half .tar 3", "half .md 1"])
def test_killed_and_run_again(
    moment: str, made: Path, exported: Any, bytes_of: Any, drive: Callable[..., Any], tmp_path: Path
) -> None:
    """After a kill while any of its files is written, the same command gives the same bytes and no other file."""
    command = ("export", str(made), "--format", "webdataset", "-o", f"{tmp_path}/out", "--shard-size", "3")
    assert drive(*command, kill=moment).wait() == -signal.SIGKILL
    assert drive(*command).wait() == 0
    found, whole = bytes_of(tmp_path / "out"), bytes_of(exported("webdataset"))
    for index in (found, whole):  # the same size of shards, written differently
        del index["export.json"]
    assert found == whole


@pytest.mark.slow
def test_an_object_store(made: Path, exported: Any, bucket: str, stylize: Callable[..., Any], swift: Any) -> None:
    """From a folder onto an object store: the same bytes; a second time nothing is written."""
    from botocore.session import get_session

    command = ("export", str(made), "--format", "imagefolder", "-o", f"{bucket}/data")
    assert stylize(*command).code == 0
    client = get_session().create_client("s3", endpoint_url=swift.address)
    name = bucket.removeprefix("s3://")
    for path in exported("imagefolder").rglob("*"):
        if path.is_file():
            key = f"data/{path.relative_to(exported('imagefolder'))}"
            assert client.get_object(Bucket=name, Key=key)["Body"].read() == path.read_bytes()
    assert "9 of them were already there" in stylize(*command).out
    index = json.loads(client.get_object(Bucket=name, Key="data/export.json")["Body"].read())
    assert index["complete"] is True
