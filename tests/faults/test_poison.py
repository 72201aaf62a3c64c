"""A thousand rows, twenty of them poisoned in different ways, which do not affect the others."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROWS = 1000
LIMIT = "2"
"""Seconds for each job: a hundred times what one takes here."""

QUICK = {"size": "16", "steps": "1", "content_layers": "conv2_1", "style_layers": "conv1_1"}
SLOW_BATCH = range(500, 504)
"""Rows of a separate group, so that the batch that hangs is small and reaches its limit soon."""

POISON = {
    "missing": ({"content": "nowhere.png"}, "rejected", "input_missing"),
    "0 bytes": ({"content": "empty.png"}, "rejected", "image_empty"),
    "truncated": ({"content": "truncated.png"}, "failed", "image_truncated"),
    "text": ({"style": "text.png"}, "rejected", "image_unknown"),
    "folder": ({"content": "folder.png"}, "rejected", "input_is_folder"),
    "bomb header": ({"content": "bomb.png"}, "rejected", "image_too_large"),
    "1 px": ({"style": "dot.png"}, "rejected", "image_too_small"),
    "unreadable": ({"content": "private.png"}, "rejected", "input_unreadable"),
    "bad profile": ({"content": "profile.png"}, "failed", "image_profile"),
    "bad setting": ({"steps": "-1"}, "rejected", "bad_row"),
    "unknown layer": ({"style_layers": "conv9_9"}, "rejected", "bad_row"),
    "not a number": ({}, "failed", "diverged"),
    "divergence": ({"style_weight": "1e300"}, "failed", "diverged"),
    "crash": ({}, "failed", "unexpected"),
    "no memory": ({}, "failed", "out_of_memory"),
    "output refused": ({}, "failed", "output_refused"),
    "removed": ({"content": "removed.png"}, "failed", "input_missing"),
    "changed": ({"style": "changed.png"}, "failed", "input_changed"),
    "duplicate id": ({"id": "row-0"}, "rejected", "bad_row"),
    "hang": ({}, "failed", "timed_out"),
}
"""By poison: its cells, the row's status, and the error code."""

INJECTED = {"not a number": "nan", "crash": "crash", "no memory": "memory", "hang": "hang"}
"""Poison that is not in a cell; see `fixtures/driver.py`."""

PLACE = {poison: 25 + 48 * number for number, poison in enumerate(POISON)} | {"hang": SLOW_BATCH[2]}
"""The place of each among the rows; a row's number is its seed."""


@pytest.fixture
def manifest(manifests: Any, draw: Callable[..., Path], png: Callable[..., bytes]) -> str:
    """The thousand rows, and their files."""
    folder: Path = manifests.folder
    (folder / "empty.png").write_bytes(b"")
    whole = (folder / "content-0.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("this is not a picture")
    (folder / "folder.png").mkdir()
    (folder / "bomb.png").write_bytes(png((60_000, 60_000)))
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    draw(folder / "private.png", 7).chmod(0)
    Image.open(folder / "content-1.png").save(folder / "profile.png", icc_profile=b"no profile")
    draw(folder / "removed.png", 8)
    draw(folder / "changed.png", 9)
    rows = [{"id": f"row-{seed}", **row, **QUICK} for seed, row in enumerate(manifests.rows(ROWS))]
    for place in SLOW_BATCH:
        rows[place]["size"] = "24"
    for poison, (cells, _, _) in POISON.items():
        rows[PLACE[poison]] |= cells
    return str(manifests.write(rows))


@pytest.fixture
def occupied(manifests: Any, run_with: Callable[..., Any], view: Callable[[Path], Any], tmp_path: Path) -> str:
    """Path of the image of the job that the store refuses, from a store without this fault."""
    row = {**manifests.rows(ROWS)[PLACE["output refused"]], **QUICK}
    ended = run_with(manifests.write([row], "one.csv"), store=tmp_path / "other")
    assert ended.code == 0, ended.err
    (path,) = view(tmp_path / "other").images
    return str(path)


@pytest.mark.parametrize("runner", ["loop", "local"])
def test_twenty_poisoned_rows_among_a_thousand(
    runner: str,
    manifest: str,
    occupied: str,
    manifests: Any,
    run_with: Callable[..., Any],
    store: Any,
    stylize: Callable[..., Any],
) -> None:
    """980 rows are done, 20 are in failed.csv with code and message; corrected, it is a manifest that runs."""
    folder, in_the_way = manifests.folder, store.folder / occupied
    ended = run_with(
        manifest,
        *("--job-timeout", LIMIT),
        runner=runner,
        faults={PLACE[poison]: fault for poison, fault in INJECTED.items()},
        commands={
            "after plan.parquet 1": f"rm {folder}/removed.png; echo >>{folder}/changed.png; mkdir -p {in_the_way}"
        },
    )

    assert ended.code == 3, ended.err
    assert "Traceback" not in ended.err
    rows = store.rows()
    found = {poison: (rows["status"][place], rows["error_code"][place]) for poison, place in PLACE.items()}
    assert found == {poison: (status, code) for poison, (_, status, code) in POISON.items()}
    assert Counter(rows["status"]) == {"done": ROWS - 20, "failed": 10, "rejected": 10}
    assert (rows["error"][list(PLACE.values())].str.len() > 20).all()
    assert "use size 16 or less" in rows["error"][PLACE["no memory"]]
    failed = _failed(store)
    assert list(zip(failed["x_error_code"], failed["x_error"], strict=True)) == [
        (rows["error_code"][place], rows["error"][place]) for place in sorted(PLACE.values())
    ]
    assert stylize("status", str(store.folder), "--verify").out.endswith("verified: 0 faults\n")

    in_the_way.rmdir()
    ended = run_with(_mended(manifests, failed), "--retry-failed", "all", runner=runner)

    assert ended.code == 0, ended.err
    assert store.statuses() == ["done"] * 20
    assert stylize("status", str(store.folder), "--verify").out.endswith("verified: 0 faults\n")


def _failed(store: Any) -> pd.DataFrame:
    return pd.read_csv(store.folder / "runs" / store.runs[0] / "failed.csv", dtype=str, keep_default_na=False)


def _mended(manifests: Any, failed: pd.DataFrame) -> str:
    good = {"content": "content-0.png", "style": "style-0.png", "style_weight": "", **QUICK}
    sizes = failed["size"]  # kept, because it selects the jobs with injected faults
    ids = [f"mended-{number}" for number in range(len(failed))]
    mended = failed.assign(**{**good, "size": sizes, "id": ids})
    return str(manifests.write(mended.to_dict("records"), "mended.csv"))
