"""Every later release skips, reports, exports and verifies a store of release 0.1.

Job ids change only with `NUMERICS_VERSION`; for a new version, `tests/data` gets another store.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stylize_core.job import NUMERICS_VERSION

OLD = Path(__file__).parent / "data" / "store-0.1"

IDS = {
    "hills--stripes": "29d93b8e38b3dbddb7994d08",
    "disc--dots": "fa3c109c972adf039300619d",
    "paper": "e423cb243836919fbb47e28d",
    "snapshots": "d8ea53f417c7f52beb19d504",
    "noise/start": "8d0d574e71d15bc876fc2360",
    "tv": "a5777185fe121709419b7098",
    "average": "033556a42a4037b328a76da2",
    "keras": "7828b3a5ba9816f0d5a1cbf1",
    "glass": "94dff0fe5c068499e468638c",
    "glass-again": "94dff0fe5c068499e468638c",
    "same job": "",
    "broken": "2b7215cf3d1fcfdb22a98bb1",
}
"""The id of each row's job in release 0.1."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the folder with manifest, pictures and store, with today's names of its presets."""
    folder = Path(shutil.copytree(OLD, tmp_path / "old"))
    manifest = folder / "manifest.csv"
    manifest.write_text(re.sub(r",(default|fast),", r",\1-1,", manifest.read_text()))
    return folder


@pytest.fixture
def run_again(stylize: Callable[..., Any], old: Path) -> Callable[..., Any]:
    """Runs the old manifest into the old store."""
    fixed = ("--weights", "builtin", "--precision", "float32", "--device", "cpu", "--runner", "loop")
    return lambda *options: stylize("run", f"{old}/manifest.csv", "--store", f"{old}/store", *fixed, *options)


def files_of(folder: Path) -> dict[str, bytes]:
    """Bytes of each file below a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_is_skipped_whole(run_again: Callable[..., Any], old: Path, view: Callable[[Path], Any]) -> None:
    """Every row keeps its job id, nothing is computed, and no existing file changes."""
    assert NUMERICS_VERSION == 3
    before = {folder: files_of(old / "store" / folder) for folder in ("images", "snapshots", "metrics", "results")}
    ended = run_again()
    assert ended.code == 3, ended.err
    rows = view(old / "store").rows()
    assert dict(zip(rows["id"], rows["job_id"], strict=True)) == IDS
    assert list(rows["status"]) == [*["skipped"] * 10, "rejected", "failed"]
    assert {folder: files_of(old / "store" / folder) for folder in before} == before


def test_its_report_is_drawn(stylize: Callable[..., Any], old: Path) -> None:
    """Report, sheets and the comparison of the old run are drawn."""
    run = next((old / "store" / "runs").iterdir())
    assert stylize("report", f"{old}/store").code == 0
    assert stylize("report", f"{old}/store", "--run", run.name, "--compare", run.name).code == 0
    assert (run / "report.html").stat().st_size > 100_000
    assert list((run / "contact-sheets").glob("*.jpg"))


@pytest.mark.parametrize("format", ["imagefolder", "parquet", "webdataset"])
def test_it_is_exported(stylize: Callable[..., Any], old: Path, tmp_path: Path, format: str) -> None:
    """An export has the ten images with every setting filled in."""
    ended = stylize("export", f"{old}/store", "--format", format, "-o", f"{tmp_path}/out")
    assert ended.code == 0, ended.err
    assert "10 images" in ended.out
    if format == "parquet":
        made = pd.concat(map(pd.read_parquet, (tmp_path / "out").glob("*.parquet")))
        assert sorted(made["job_id"]) == sorted(IDS[name] for name in IDS if name not in ("same job", "broken"))
        assert set(made["form"]) == {"mean", "paper"}


def test_it_is_sound(stylize: Callable[..., Any], old: Path) -> None:
    """`status --verify` reads the whole store and finds no fault."""
    ended = stylize("status", f"{old}/store", "--verify")
    assert ended.code == 0, ended.out
    assert "9 done, 1 failed" in ended.out
    assert "verified: 0 faults" in ended.out


def test_its_pictures_tell_how_they_were_made(stylize: Callable[..., Any], old: Path) -> None:
    """`cross --from-image` gives the row of each image, which is the same job."""
    images = sorted(path for path in (old / "store" / "images").rglob("*") if path.is_file())
    for image in images:
        ended = stylize("cross", "--from-image", str(image))
        assert ended.code == 0, ended.err
        manifest = old / "again.csv"
        manifest.write_text(ended.out.replace("/srv/stylize", str(old)))
        options = ("--weights", "builtin", "--precision", "float32", "--device", "cpu")
        planned = stylize("plan", str(manifest), "--store", f"{old}/store", *options)
        assert planned.code == 0, planned.err
        assert "1 row: 1 done before" in planned.out, image
    assert {json.loads(text)["steps"] for text in pd.read_parquet(old / "store" / "results")["settings"]} >= {3, 10}
