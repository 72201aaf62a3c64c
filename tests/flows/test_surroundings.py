"""What the system around a command may lack: a message says so before anything is computed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("command", ["run", "plan", "status", "report", "cross"])
def test_a_current_folder_that_is_gone(
    command: str,
    stylize: Callable[..., Any],
    refused: Callable[..., str],
    manifests: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every command says so, whatever its paths: without one, a library would end the process in its own words."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setenv("PWD", f"{tmp_path}/gone")
    arguments = {
        "run": (manifests.write(manifests.rows(1)), "--store", f"{tmp_path}/store", "--weights", "builtin"),
        "plan": (manifests.write(manifests.rows(1)), "--store", f"{tmp_path}/store", "--weights", "builtin"),
        "cross": ("--content", "*.png", "--style", "*.jpg"),
    }
    error = refused(stylize(command, *arguments.get(command, ("store",))))
    assert "the current folder cannot be used: No such file or directory" in error
    assert f"where: {tmp_path}/gone" in error
    assert not (tmp_path / "store").exists()
