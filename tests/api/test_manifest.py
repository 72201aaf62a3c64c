"""A manifest run by a program: the store equals the command's, and the process continues."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from stylize_core import run_manifest
from stylize_core.chunk.context import Progress
from stylize_core.errors import ManifestError, Stopped, UsageError

ROOT = Path(__file__).parents[2]

BUILTIN: dict[str, Any] = {"weights": "builtin", "device": "cpu", "report": False}


def test_counts_and_table(manifests: Any, tmp_path: Path) -> None:
    """Rows are counted by status, and the table has each of them; the second time all are skipped."""
    rows = [*manifests.rows(2), {**manifests.rows(1)[0], "content": "none.png"}]
    manifest, store = manifests.write(rows), tmp_path / "out"
    told: list[Progress] = []
    first = run_manifest(Path(manifest), store, on_progress=told.append, **BUILTIN)
    assert first.counts == {"done": 2, "skipped": 0, "failed": 0, "rejected": 1, "stopped": 0}
    table = first.table()
    assert table["status"].tolist() == ["done", "done", "rejected"]
    assert table["seed"].tolist()[:2] == [0, 1]
    assert all((store / image).exists() for image in table["image"][:2])
    assert sum(len(progress.finished) for progress in told) == 2
    assert Path(first.folder, "results.csv").exists()
    assert first.report == ""
    again = run_manifest(manifest, str(store), **BUILTIN)
    assert (again.counts["skipped"], again.run > first.run) == (2, True)


def test_the_report_is_drawn(manifests: Any, tmp_path: Path) -> None:
    """The report is drawn as by the command, unless the program declines it."""
    outcome = run_manifest(manifests.write(manifests.rows(1)), tmp_path / "out", **{**BUILTIN, "report": True})
    assert Path(outcome.report).read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("how", ["Ctrl-C", "asked"])
def test_a_caught_stop_leaves_nothing_behind(how: str, manifests: Any, tmp_path: Path) -> None:
    """Every row is accounted for, the store is free, and signals, threads and timers are as before."""
    manifest, store = manifests.write(manifests.rows(3)), tmp_path / "out"
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)], threading.active_count()
    is_begun = threading.Event()

    def on_progress(progress: Progress) -> None:
        is_begun.set()
        if how == "Ctrl-C":
            signal.raise_signal(signal.SIGINT)

    error = KeyboardInterrupt if how == "Ctrl-C" else Stopped
    with pytest.raises(error):
        run_manifest(manifest, store, on_progress=on_progress, should_stop=is_begun.is_set, **BUILTIN)
    assert (
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        threading.active_count(),
    ) == before
    (results,) = store.glob("runs/*/results.csv")
    assert len(results.read_text().splitlines()) == 4
    outcome = run_manifest(manifest, store, **BUILTIN)
    assert outcome.counts["done"] + outcome.counts["skipped"] == 3


@pytest.mark.parametrize(
    ("manifest", "options", "error"),
    [
        ("none.csv", {}, ManifestError),
        ("manifest.csv", {"device": "tpu"}, UsageError),
        ("manifest.csv", {"retry_failed": "some"}, UsageError),
    ],
)
def test_what_cannot_be_started(
    manifest: str, options: dict[str, Any], error: type[Exception], manifests: Any, tmp_path: Path
) -> None:
    """Errors are the package's own."""
    manifests.write(manifests.rows(1))
    with pytest.raises(error):
        run_manifest(manifests.folder / manifest, tmp_path / "out", **{**BUILTIN, **options})


LIGHT = """
import sys
sys.modules["prefect"] = None  # as if it were not installed
import stylize_core
heavy = {"torch", "numpy", "pandas", "pyarrow", "PIL", "pydantic"} & sys.modules.keys()
assert not heavy, heavy
assert "stylize" in stylize_core.__all__
from stylize_core import run_manifest, stylize, stylize_pairs
import stylize_core.run.loop
assert not {"rich", "cyclopts", "stylize_flows"} & sys.modules.keys()
try:
    stylize_core.stylise
except AttributeError as error:
    assert "stylise" in str(error)
"""


def test_the_package_is_light() -> None:
    """Importing the package is fast; the functions for programs need neither Prefect nor the command line."""
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


PROGRAM = """
from pathlib import Path

import numpy as np
from PIL import Image

from stylize_core import RunOutcome, Stylised, StylizeError, run_manifest, stylize, stylize_pairs

made: Stylised = stylize("photo.png", Image.new("RGB", (64, 64)), preset="fast", size=64, weights="builtin")
made.image.save("out.png")
losses: float = made.final["total"]
for one in stylize_pairs([(np.zeros((64, 64, 3), np.uint8), Path("painting.png"))], size=64):
    print(one.where if isinstance(one, StylizeError) else one.job_id)
outcome: RunOutcome = run_manifest("pairs.csv", Path("out"), weights="builtin")
count: int = outcome.counts["done"]
reveal_type(outcome.table())
stylize("photo.png")
run_manifest("pairs.csv", "out", retry_failed="some")
"""


@pytest.mark.slow
def test_a_typed_program(tmp_path: Path) -> None:
    """The functions for programs have types: mypy accepts a correct call and rejects a wrong one."""
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", "program.py"]
    env = {**os.environ, "MYPYPATH": str(ROOT)}  # mypy does not see an editable install
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    lines = PROGRAM.splitlines()
    told = [(lines[int(line.split(":")[1]) - 1], line) for line in done.stdout.splitlines() if ": error:" in line]
    assert [source for source, _ in told] == lines[-2:], done.stdout
    assert "DataFrame" in done.stdout
