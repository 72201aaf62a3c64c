"""From rows to jobs: what determines a job id, what is read, what is refused."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stylize_core.plan.input_scan
from stylize_core.files.inputs import open_input
from stylize_core.store.fingerprints import Fingerprints


def _ids(plan: Any) -> list[str]:
    return [job_id for batch in plan.lines() for job_id in batch["job_id"].to_pylist()]


def test_a_job_id_knows_no_place(plan: Callable[..., Any], manifests: Any) -> None:
    """The same bytes under other names, in other rows, with other ids and presets of equal values, are one job."""
    shutil.copy(manifests.folder / "content-0.png", manifests.folder / "copy.png")
    shutil.copy(manifests.folder / "style-0.png", manifests.folder / "other.png")
    row = manifests.rows(1)[0]
    same = {**row, "content": "copy.png", "style": str(manifests.folder / "other.png"), "id": "x", "x_note": "y"}
    assert len(set(_ids(plan([row, same])))) == 1
    assert _ids(plan([same, row])) == _ids(plan([row, same]))


@pytest.mark.parametrize(
    "change",
    [
        {"content": "content-1.png"},
        {"style": "style-1.png"},
        {"content": "style-0.png", "style": "content-0.png"},
        {"seed": "1"},
        {"style_weight": "3"},
        {"style_layers": "conv1_1=0.5"},
        {"size": "40"},
        {"format": "jpeg"},
        {"start": "image", "init": "content-1.png"},
    ],
    ids=str,
)
def test_a_job_id_knows_what_decides_the_pixels(
    change: dict[str, str], plan: Callable[..., Any], manifests: Any
) -> None:
    """Another input or another setting is another job."""
    row = manifests.rows(1)[0]
    assert len(set(_ids(plan([row, {**row, **change}])))) == 2


def test_a_changed_file_is_another_job(plan: Callable[..., Any], manifests: Any, draw: Callable[..., Path]) -> None:
    """A file with new bytes under its old name is another job, even if its old fingerprint is known."""
    known = Fingerprints()
    picture = draw(manifests.folder / "late.png", 1)
    rows = manifests.rows(1, content="late.png")
    before = _ids(plan(rows, fingerprints=known))
    draw(picture, 2)
    assert _ids(plan(rows, fingerprints=known)) != before


def test_each_input_is_read_once(plan: Callable[..., Any], manifests: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many rows, each distinct file is read once; a later plan reads only files that changed."""
    read: list[str] = []

    def read_and_note(uri: str) -> bytes:
        read.append(Path(uri).name)
        return open_input(uri)

    monkeypatch.setattr(stylize_core.plan.input_scan, "open_input", read_and_note)
    known = Fingerprints()
    rows = [*manifests.rows(5), *manifests.rows(5, content="content-1.png")]
    plan(rows, fingerprints=known)
    assert sorted(read) == ["content-0.png", "content-1.png", "style-0.png"]

    read.clear()
    picture = manifests.folder / "content-1.png"
    data = picture.read_bytes()
    picture.unlink()
    picture.write_bytes(data)
    os.utime(picture, ns=(1, 1))
    plan(rows, fingerprints=known)
    assert read == ["content-1.png"]


def test_shape_of_the_target(plan: Callable[..., Any], manifests: Any, draw: Callable[..., Path]) -> None:
    """The target has the content's aspect; its long edge is the size, its short edge a multiple of 8."""
    draw(manifests.folder / "wide.png", 1, width=100, height=50)
    job = plan(manifests.rows(1, content="wide.png", size="64")).chunks[0].jobs[0]
    assert (job.height, job.width) == (32, 64)


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        ({"content": "wide.png"}, "the target would be 16 x 8 px, but conv5_1 needs 16 px"),
        (
            {"content": "wide.png", "size": "64", "scales": "2"},
            "the first of the sizes would be 32 x 8 px, but conv5_1 needs 16 px",
        ),
        ({"style": "wide.png", "size": "16"}, "the style would be 16 x 4 px, but conv5_1 needs 16 px"),
    ],
)
def test_too_small_for_the_deepest_layer(
    cells: dict[str, str], what: str, plan: Callable[..., Any], manifests: Any, draw: Callable[..., Path]
) -> None:
    """A target or style too small for the poolings is refused, with its shape, the deepest layer and the file."""
    draw(manifests.folder / "wide.png", 1, width=160, height=40)
    layers = {"content_layers": "conv5_1", "style_layers": "conv1_1 conv2_1"}
    error = plan(manifests.rows(1, **{"size": "16", **layers, **cells})).rows.rejected[0].error
    assert error.what == what
    assert error.where == str(manifests.folder / "wide.png")
