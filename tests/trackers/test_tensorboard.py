"""A run in TensorBoard, read back with TensorBoard's reader."""

import dataclasses
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from stylize_core.errors import UsageError
from stylize_core.trackers.figures import RunFigures
from stylize_core.trackers.tensorboard import write_tensorboard


def read(folder: Path) -> Any:
    """Everything that TensorBoard reads from a folder."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "histograms": 0, "tensors": 0})
    events.Reload()
    return events


def test_bands_are_scalars_by_step(figures: RunFigures, tmp_path: Path) -> None:
    """A series for each group, term and quantile, with a value at each step."""
    events = read(write_tensorboard(figures, tmp_path))
    bands = {f"{t}/{g.name}/{b}" for g in figures.groups for t, table in g.bands.items() for b in table.columns[1:]}
    medians = {"median/quality/ssim", "median/quality/colour", "median/quality/gram"}
    assert set(events.Tags()["scalars"]) == bands | medians
    table = figures.groups[0].bands["style"]
    found = {event.step: event.value for event in events.Scalars("style/relative-32px/p25")}
    assert found == pytest.approx(dict(zip(table["step"], table["p25"], strict=True)))


def test_distributions_are_histograms(figures: RunFigures, tmp_path: Path) -> None:
    """A histogram for each group and figure, with as many values as jobs."""
    events = read(write_tensorboard(figures, tmp_path))
    values = figures.groups[0].distributions["quality/colour"]
    (event,) = events.Histograms("quality/colour/relative-32px")
    found = event.histogram_value
    assert (found.num, found.min, found.max) == pytest.approx((6, values.min(), values.max()))
    assert len(events.Tags()["histograms"]) == sum(len(group.distributions) for group in figures.groups)


def test_strips_are_images(figures: RunFigures, tmp_path: Path) -> None:
    """The strips are the same, pixel by pixel."""
    events = read(write_tensorboard(figures, tmp_path))
    (event,) = events.Images("results/row-0")
    shown = Image.open(io.BytesIO(event.encoded_image_string))
    assert np.array_equal(np.asarray(shown), np.asarray(figures.strips["row-0"]))
    assert len(events.Tags()["images"]) == 8


def test_settings_and_counts_are_there(figures: RunFigures, tmp_path: Path) -> None:
    """They are tables of text, and a line of hyperparameters; medians with their bands have a layout of charts."""
    events = read(write_tensorboard(figures, tmp_path))
    tags = [tag for tag in events.Tags()["tensors"] if tag.endswith("/text_summary")]
    texts = {tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in tags}
    assert "| rows_done | `9` |" in texts["run/text_summary"]
    assert "| style_weight | `2 values` |" in texts["settings/text_summary"]
    assert "| jobs | `6` |" in texts["group/relative-32px/text_summary"]
    content = {tag: metadata.plugin_data.plugin_name for tag, metadata in events.summary_metadata.items()}
    assert "hparams" in content.values()
    assert content["custom_scalars__config__"] == "custom_scalars"


def test_writing_again_replaces(figures: RunFigures, tmp_path: Path) -> None:
    """Writing twice leaves only the last one, in one folder per run; other files are not touched."""
    own = write_tensorboard(figures, tmp_path)
    other = own / "events.out.tfevents.1.elsewhere"
    other.touch()
    write_tensorboard(dataclasses.replace(figures, medians={"quality/ssim": 0.5}), tmp_path)
    assert own == tmp_path / figures.run
    assert other in own.iterdir()
    assert len(list(own.iterdir())) == 2
    events = read(own)
    assert [event.value for event in events.Scalars("median/quality/ssim")] == [0.5]
    assert "median/quality/gram" not in events.Tags()["scalars"]


def test_a_run_without_a_done_job_is_written(figures: RunFigures, tmp_path: Path) -> None:
    """A run without groups and pictures still has its counts."""
    nothing = dataclasses.replace(figures, groups=(), strips={}, medians={})
    assert "run/text_summary" in read(write_tensorboard(nothing, tmp_path)).Tags()["tensors"]


def test_the_extra_is_named(figures: RunFigures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If TensorBoard is not installed, the error says how to install it, and nothing is written."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError, match=r"not installed .*--tensorboard.* pip install '\.\[tensorboard\]'"):
        write_tensorboard(figures, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written(figures: RunFigures, tmp_path: Path) -> None:
    """A file at the folder's path is named in the error."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        write_tensorboard(figures, tmp_path / "file")
