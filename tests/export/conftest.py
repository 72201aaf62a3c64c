"""A store that the command makes from a class tree, and the expected contents of its export, read with pandas."""

import csv
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from fixtures.pictures import draw_picture
from PIL import Image
from stylize_flows.cli import main

from stylize_core.export.export import Exported, ExportWatch
from stylize_core.export.export import export as make_export
from stylize_core.export.formats import FormatName
from stylize_core.export.selection import Selection
from stylize_core.export.shards import ShardSize
from stylize_core.files.files import Files
from stylize_core.store.store import open_store

_cache = tempfile.mkdtemp(prefix="stylize-libraries-")
os.environ |= {  # before the libraries are imported: no files of the user, no network
    "HF_HOME": _cache,
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "CROISSANT_CACHE": f"{_cache}/croissant",
}

TINY = {"size": "32", "steps": "1", "content_layers": "conv1_1", "style_layers": "conv1_1"}

FORMATS: tuple[FormatName, ...] = ("imagefolder", "webdataset", "parquet")

Pixels = npt.NDArray[np.uint8]


def _rows(folder: Path) -> list[dict[str, str]]:
    """Rows for a class tree with two splits; one without an id, one duplicate, one rejected."""
    style = [str(draw_picture(folder / f"styles/style {number}.png", 90 + number)) for number in range(3)]
    rows = []
    for split, numbers in (("train", (0, 1, 2)), ("val", (7,))):
        for name in ("cats", "dögs"):
            for number in numbers:
                content = draw_picture(folder / f"photos/{split}/{name}/{number:03d}.png", len(rows))
                row = {"content": str(content), "style": style[len(rows) % 3], "seed": str(len(rows)), **TINY}
                rows.append(row | {"id": f"{split}/{number:03d}-{name[0]}", "x_licence": "CC BY 4.0", "x_note": "7"})
    rows[0] |= {"id": "007", "x_note": "2020-01-01"}
    rows[1] |= {"id": "", "x_note": ""}
    rows[2] |= {"id": "", "x_note": "a,\"b'|\n<c>"}
    again = rows[2] | {"x_note": "the same job, and the same name"}
    missing = rows[0] | {"id": "missing", "content": str(folder / "photos/train/cats/none.png")}
    return [*rows, again, missing]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a run of ten rows, nine of which have an image."""
    folder = tmp_path_factory.mktemp("data set")
    return _run(folder, _rows(folder), "--max-failed", "1")


def _run(folder: Path, rows: list[dict[str, str]], *options: str) -> Path:
    """Runs rows into a store in a folder."""
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[-1]))
        writer.writeheader()
        writer.writerows(rows)
    fixed = ["--store", str(folder / "store"), "--weights", "builtin", "--runner", "loop"]
    with pytest.raises(SystemExit) as ended:
        main(["run", str(folder / "manifest.csv"), *fixed, *options])
    assert ended.value.code == 0
    return folder / "store"


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    """Runs rows of tiny jobs into a folder's `store`."""
    return lambda folder, rows: _run(folder, [TINY | row for row in rows])


ODD_NAMES = (
    *("cats/cat (1)", "cats/été 003", "猫/一", "猫/二", "c++ [#5] {x}/100% ~'a' & b!"),
    "l" * 40 + "猫" * 30 + "/1",
    "test-cars/train 1",
)

ODD_SPLITS = ("0", "2024", "yes", "no", "all", "训练")


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a run of rows with odd splits, classes and names."""
    folder = tmp_path_factory.mktemp("odd")
    style, contents = draw_picture(folder / "style.png", 1), [folder / f"photos/{name}.png" for name in ODD_NAMES]
    rows = [
        {"content": str(draw_picture(path, seed)), "style": str(style), "seed": str(seed), "x_name": path.stem, **TINY}
        for seed, path in enumerate(contents)
    ]
    rows += [rows[0] | {"seed": str(100 + seed), "x_split": split} for seed, split in enumerate(ODD_SPLITS)]
    return _run(folder, rows)


@dataclass(frozen=True)
class Expected:
    """The expected data of a row that has an image.

    Attributes:
        path: of its file in a class tree.
        columns: those that this test knows without the product.
        pixels: (H, W, 3).
    """

    path: str
    columns: dict[str, Any]
    pixels: Pixels

    @property
    def split(self) -> str:
        """The first folder of the path."""
        return self.path.partition("/")[0]


NAMES = ("007", "001--style 1", "002--style 2-{}-3", "000-d", "001-d", "002-d", "007-c", "007-d", "002--style 2-{}-9")


@pytest.fixture(scope="session")
def expected(made: Path) -> list[Expected]:
    """The rows that have an image, in the manifest's order."""
    plan = pd.concat(pd.read_parquet(path) for path in made.glob("runs/*/plan.parquet"))
    results = pd.concat(pd.read_parquet(path) for path in made.glob("results/*.parquet")).set_index("job_id")
    rows = plan[plan["action"] != "reject"].to_dict("records")
    return [_expected(made, row, results.loc[row["job_id"]], name) for row, name in zip(rows, NAMES, strict=True)]


def _expected(made: Path, row: dict[str, Any], result: Any, name: str) -> Expected:
    cells, settings = json.loads(row["cells"]), json.loads(result["settings"])
    split, class_name, _ = row["content"].split("/")[-3:]
    path = f"{split}/{class_name}/{name.format(row['job_id'])}.png"
    columns = {
        "path": path,
        "class": class_name,
        "label": ["cats", "dögs"].index(class_name),
        "split": split,
        "id": cells["id"],
        "row": row["row"],
        "job_id": row["job_id"],
        "content": cells["content"],
        "style": cells["style"],
        "content_sha256": json.loads(result["digests"])["content"],
        "style_sha256": json.loads(result["digests"])["styles"][0][0],
        "init": "",
        "preset": "default",
        "x_note": cells.get("x_note", ""),
        "x_licence": "CC BY 4.0",
        **{name: settings[name] for name in ("size", "steps", "seed", "style_weight", "content_layers", "format")},
        "final_total": result["final_total"],
        "image_sha256": result["image_sha256"],
        "bytes": (made / result["image"]).stat().st_size,
        "width": 32,
        "height": 32,
    }
    with Image.open(made / result["image"]) as image:
        return Expected(path, columns, np.asarray(image))


@pytest.fixture(scope="session")
def exported(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[FormatName], Path]:
    """Returns a function: format -> a folder with an export in shards of three images, made once; do not change it."""
    folders: dict[str, Path] = {}

    def make(format: FormatName) -> Path:
        if format not in folders:
            folders[format] = tmp_path_factory.mktemp(format)
            to_folder(made, folders[format], format)
        return folders[format]

    return make


def to_folder(
    store: Path,
    folder: Path,
    format: FormatName,
    *,
    images: int = 3,
    run: str = "",
    ids: frozenset[str] | None = None,
    watch: ExportWatch | None = None,
    **options: Any,
) -> Exported:
    """Exports the store, or a run or some rows of it."""
    files, output = open_store(str(store), create=False), Files(str(folder))
    selection = Selection(runs=(run,) if run else (), ids=ids)
    return make_export(files, selection, output, format, ShardSize(images=images), watch, **options)


@pytest.fixture(scope="session")
def export() -> Callable[..., Exported]:
    """Exports a run of a store into a folder."""
    return to_folder


@pytest.fixture(scope="session")
def bytes_of() -> Callable[[Path], dict[str, bytes]]:
    """Returns the bytes of every file below a folder, by path."""
    return lambda folder: {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
