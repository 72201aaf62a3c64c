"""A run in Weights & Biases, written offline by the real library and read back from its file."""

import json
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stylize_core.errors import UsageError
from stylize_core.trackers.figures import RunFigures
from stylize_core.trackers.wandb import run_id, write_wandb

BLOCK = 32768


def records(folder: Path) -> list[Any]:
    """The contents of an offline run's folder: messages in blocks, as in LevelDB's log."""
    from wandb.proto import wandb_internal_pb2

    (path,) = folder.glob("*.wandb")
    return [wandb_internal_pb2.Record.FromString(message) for message in messages(path.read_bytes())]


def messages(data: bytes) -> Iterator[bytes]:
    """The messages of a log after its header of 7 bytes; each part has a checksum, a length and its position."""
    position, message = 7, b""
    while position + 7 <= len(data):
        left = BLOCK - position % BLOCK
        if left < 7:
            position += left
            continue
        _, length, place = struct.unpack("<IHB", data[position : position + 7])
        message += data[position + 7 : position + 7 + length]
        position += 7 + length
        if place in (1, 4):  # whole, or its last part
            yield message
            message = b""


@pytest.fixture(scope="module")
def written(figures: RunFigures, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the offline run."""
    with pytest.MonkeyPatch.context() as patch:
        _offline(patch, tmp_path_factory.mktemp("wandb"))
        folder = Path(write_wandb(figures, "project"))
        deadline = time.monotonic() + 30  # a separate process of wandb writes the file
        while not any(record.HasField("exit") for record in records(folder)):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield folder


def _offline(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv("WANDB_MODE", "offline")
    patch.setenv("WANDB_DIR", str(folder))


def _history(folder: Path) -> list[dict[str, Any]]:
    return [dict(_values(record.history.item)) for record in records(folder) if record.HasField("history")]


def _values(items: Any) -> Iterator[tuple[str, Any]]:
    """The values of a record; those of a dictionary have the key `key:inner`."""
    for item in items:
        yield item.key or ":".join(item.nested_key), json.loads(item.value_json)


def test_bands_are_a_history_by_step(written: Path, figures: RunFigures) -> None:
    """A line of history for each step, with every quantile of every group and term."""
    history = [line for line in _history(written) if "step" in line]
    table = figures.groups[0].bands["style"]
    found = {line["step"]: line["style/relative-32px/p75"] for line in history}
    assert found == pytest.approx(dict(zip(table["step"], table["p75"], strict=True)))
    assert {"total/paper-32px/p10", "content/relative-32px/p90"} <= set(history[1])


def test_distributions_and_strips_are_there(written: Path, figures: RunFigures) -> None:
    """Histograms with as many values as jobs, and a picture for each strip."""
    (line,) = [line for line in _history(written) if "step" not in line]
    histogram = "quality/gram/paper-32px"
    assert (line[f"{histogram}:_type"], sum(line[f"{histogram}:values"])) == ("histogram", 2)
    shown = {name for name, value in line.items() if value == "image-file"}
    assert shown == {f"results/{name}:_type" for name in figures.strips}
    assert len(list((written / "files" / "media" / "images" / "results").glob("*.png"))) == len(shown)


def test_one_run_with_its_settings(written: Path, figures: RunFigures) -> None:
    """One run of the project with the run's name; its settings are the configuration, its counts the summary."""
    (run,) = [record.run for record in records(written) if record.HasField("run")]
    assert (run.project, run.display_name, run.run_id) == ("project", figures.run, run_id(figures))
    config = dict(_values(run.config.update))
    assert (config["size"], config["style_weight"]) == (32, "2 values")
    parts = [record.summary.update for record in records(written) if record.HasField("summary")]
    summary = {name: value for part in parts for name, value in _values(part)}
    assert (summary["rows_done"], summary["rows_failed"], summary["jobs_done"]) == (9, 1, 8)
    assert summary["median/quality/ssim"] == pytest.approx(figures.medians["quality/ssim"])


def test_nothing_of_the_machine_is_sent(written: Path) -> None:
    """The program, packages, command line and machine's name are not included."""
    kinds = {record.WhichOneof("record_type") for record in records(written)}
    assert not {"environment", "stats"} & kinds
    assert [record.run.host for record in records(written) if record.HasField("run")] == [""]
    names = {path.name for path in (written / "files").rglob("*") if path.is_file() and path.suffix != ".png"}
    assert not names


def test_the_same_run_has_the_same_id(figures: RunFigures) -> None:
    """Written again, from any folder, a run overwrites itself; another run or store does not."""
    from dataclasses import replace

    assert run_id(figures) == run_id(replace(figures, groups=()))
    others = {run_id(replace(figures, run="other")), run_id(replace(figures, store="s3://other"))}
    assert len(others | {run_id(figures)}) == 3


def test_without_an_account(figures: RunFigures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a login, the error says what to do."""
    import wandb

    wandb.teardown()  # it keeps the settings of its first use
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"NETRC": "netrc", "HOME": "", "WANDB_DIR": "", "WANDB_CONFIG_DIR": "config"}.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"does not take the run: .*--wandb.*`wandb login`"):
        write_wandb(figures, "project")


def test_the_extra_is_named(figures: RunFigures, monkeypatch: pytest.MonkeyPatch) -> None:
    """If Weights & Biases is not installed, the error says how to install it."""
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match=r"not installed .*--wandb.* pip install '\.\[wandb\]'"):
        write_wandb(figures, "project")
