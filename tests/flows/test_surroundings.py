"""Missing parts of the system: a message says so before anything is computed."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stylize_flows.surroundings import limited_memory

from stylize_core.errors import UsageError


@pytest.mark.parametrize("command", ["run", "plan", "status", "report", "cross"])
def test_a_current_folder_that_is_gone(
    command: str,
    stylize: Callable[..., Any],
    refused: Callable[..., str],
    manifests: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every command reports a deleted current folder, which would otherwise end the process with a library's error."""
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


@pytest.mark.parametrize("kilobytes", [600_000, 2_000_000])
def test_too_little_address_space(kilobytes: int, manifests: Any, tmp_path: Path) -> None:
    """If `ulimit -v` is too low for torch the error names it, in three parts and without a traceback."""
    code = "import sys; from stylize_flows.cli import main; main(sys.argv[1:])"
    options = ("--store", f"{tmp_path}/store", "--weights", "builtin", "--runner", "loop")
    command = [sys.executable, "-c", code, "run", manifests.write(manifests.rows(1)), *options]
    limited = ["/bin/sh", "-c", f'ulimit -v {kilobytes}; exec "$@"', "sh", *command]
    ended = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    _, what, where, todo = ended.stderr.splitlines()
    assert what.startswith("error: the address space of this process is limited to ")
    assert (where, todo[:9]) == ("  where: ulimit -v", "  to do: ")


@pytest.mark.parametrize(
    ("error", "is_told"),
    [
        (MemoryError(), True),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), True),
        (RuntimeError("can't start new thread"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("something else"), False),
    ],
)
def test_what_the_limit_is_behind(error: Exception, is_told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only memory errors become this message, and only if there is a limit."""
    with pytest.raises(type(error)), limited_memory():
        raise error
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10**9, 10**9))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    with pytest.raises(UsageError if is_told else type(error)), limited_memory():
        raise error
