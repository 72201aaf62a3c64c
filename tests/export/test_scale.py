"""Ten thousand images: the same bytes after a kill and a stop; no more memory than for fewer."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.export import measure, write_store
from benchmarks.memory import in_fresh_process
from stylize_core.export.shards import ShardSize

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

IMAGES, EDGE_PX = 10_000, 48


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with 10,000 images of 7 kB."""
    folder = tmp_path_factory.mktemp("large")
    write_store(folder, IMAGES, EDGE_PX)
    return folder


def _finished(folder: Path) -> int:
    index = folder / "export.json"
    return len(json.loads(index.read_text())["shards"]) if index.exists() else -1


def _wait_for(process: "subprocess.Popen[bytes]", folder: Path, shards: int) -> None:
    deadline = time.monotonic() + 120
    while _finished(folder) < shards:
        assert process.poll() is None, "it ended too early to be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize("format", ["imagefolder", "webdataset", "parquet"])
def test_killed_in_the_middle(format: str, large: Path, export: Any, bytes_of: Any, tmp_path: Path) -> None:
    """Killed, then stopped by Ctrl-C within seconds, then finished: the bytes of an undisturbed export."""
    command = [
        sys.executable,
        "-m",
        "stylize_flows.cli",
        "export",
        str(large),
        "--format",
        format,
        "-o",
        f"{tmp_path}/out",
    ]
    command[1:3] = ["-c", "from stylize_flows.cli import main; main()"]
    options = [] if format == "imagefolder" else ["--shard-size", "500"]
    for shards, number, code in ((2, signal.SIGKILL, -signal.SIGKILL), (6, signal.SIGINT, 130)):
        process = subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL)
        _wait_for(process, tmp_path / "out", shards)
        process.send_signal(number)
        asked = time.monotonic()
        assert process.wait(60) == code
        assert time.monotonic() - asked < 5
        assert shards <= _finished(tmp_path / "out") < 20
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    export(large, tmp_path / "whole", format, images=500)
    found, whole = bytes_of(tmp_path / "out"), bytes_of(tmp_path / "whole")
    for index in (found, whole):  # the same size of shards, written differently
        del index["export.json"]
    assert len(found) >= 20
    assert found == whole


@pytest.mark.parametrize("format", ["imagefolder", "webdataset", "parquet"])
def test_memory_does_not_grow_with_images(format: str, large: Path, tmp_path: Path) -> None:
    """Five times as many images, 70 MB, take less than 50 MB more: the rows of one batch and the names."""
    write_store(tmp_path / "small", IMAGES // 5, EDGE_PX)
    peaks = [
        in_fresh_process(measure, str(store), format, str(tmp_path / f"out-{number}"), ShardSize(images=500))["peak MB"]
        for number, store in enumerate((tmp_path / "small", large))
    ]
    assert peaks[1] - peaks[0] < 50
