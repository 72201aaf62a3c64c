"""The program that kills: a few kills, and the faults that it has to find."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.killer import Ended
from benchmarks.kills import _check_any, _check_end
from stylize_core.files.files import Files

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_three_kills(tmp_path: Path) -> None:
    """Law 2, at three random moments of the real command."""
    command = [sys.executable, "-m", "benchmarks.kills", "--kills", "3", "--rows", "4", "--store", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "3 kills in " in ended.stdout
    assert ended.stdout.endswith("violations: 0\n")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_counts_as_a_violation(manifests: Any, run_loop: Callable[..., Any], store: Any) -> None:
    """The program finds a violation of each law that a kill might break, and none in a sound store."""
    assert run_loop(manifests.write(manifests.rows(3))).code == 0
    files, images = Files(str(store.folder)), store.images

    def seen(committed: set[int], computed: tuple[int, ...]) -> list[str]:
        return list(_check_any(files, committed, Ended(-9, 1.0, "computing", computed, "")))

    assert seen({0, 1}, (2,)) == list(_check_end(files, images)) == []
    assert seen({0, 1}, (1, 2)) == ["committed and computed again, by seed: [1]"]
    assert seen({0, 7}, ()) == ["committed and lost, by seed: [7]"]
    assert list(_check_end(files, dict.fromkeys(images, b""))) == ["images differ from those of an undisturbed run"]
    assert any(what.startswith("rows: ") for what in _check_end(files, {**images, "fourth": b""}))

    stray = f"images/aa/{'a' * 24}.png"  # a name as this program makes it
    (store.folder / stray).parent.mkdir(exist_ok=True)
    (store.folder / stray).touch()
    assert seen(set(), ()) == []
    assert list(_check_end(files, images)) == [f"{stray}: stray file without a mark"]
    (results,) = (store.folder / "results").glob("*.parquet")
    pd.read_parquet(results).assign(run="another").to_parquet(results.with_stem("again"))
    assert [what.partition(":")[0] for what in seen(set(), ())] == ["several results"]
    (store.folder / next(iter(images))).write_bytes(b"")
    assert any("image of 0 bytes" in what for what in seen(set(), ()))
