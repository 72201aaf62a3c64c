"""A really computed run with two forms, some failures and duplicates, for the tests of trackers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stylize_flows.cli import main

from stylize_core.files.files import Files
from stylize_core.record.run_files import latest_run
from stylize_core.store.store import open_store
from stylize_core.trackers.figures import RunFigures, read_figures

SHORT, LONG = "3", "9"
"""Steps of the two jobs of form `paper`, and of one of form `mean`, besides five of `SHORT`."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, manifests_in: Callable[[Path], Any]) -> Path:
    """The store; do not change it."""
    home = tmp_path_factory.mktemp("trackers")
    manifests = manifests_in(home / "manifests")
    rows = manifests.rows(11, steps=SHORT)
    for place, row in enumerate(rows):
        row |= {"id": f"row-{place}", "content": f"content-{place % 3}.png"}
    for row in rows[1:3]:
        row["style_weight"] = "1000"
    for row in rows[6:8]:
        row |= {"form": "paper", "style": "style-1.png"}
    rows[5]["steps"] = LONG
    rows[8] |= {"seed": "0", "content": "content-0.png"}  # the first row again
    data = (manifests.folder / "content-3.png").read_bytes()
    (manifests.folder / "truncated.png").write_bytes(data[: len(data) // 2])
    rows[9]["content"], rows[10]["content"] = "truncated.png", "missing.png"
    command = ["run", manifests.write(rows), "--store", str(home / "store"), "--weights", "builtin"]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--runner", "loop", "--precision", "float32", "--max-failed", "2"])
    assert ended.value.code == 0
    return home / "store"


@pytest.fixture(scope="session")
def filled(folder: Path) -> Files:
    """The same store."""
    return open_store(str(folder), create=False)


@pytest.fixture(scope="session")
def figures(filled: Files) -> RunFigures:
    """The trackers' figures of its run."""
    return read_figures(filled, latest_run(filled))
