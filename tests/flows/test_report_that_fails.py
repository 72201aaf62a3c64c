"""A report that cannot be drawn: images and record exist, and the exit code depends on the rows."""

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stylize_core.errors import StoreFull
from stylize_core.run.run import Run


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Makes every drawing of a report fail."""

    def fail(error: BaseException) -> None:
        def write_report(*_: object) -> None:
            raise error

        monkeypatch.setattr("stylize_core.report.page.write_report", write_report)

    return fail


@pytest.mark.parametrize(
    "error",
    [RuntimeError("no home directory"), OSError(28, "No space left on device"), StoreFull("full"), MemoryError()],
    ids=lambda error: type(error).__name__,
)
def test_the_run_ends_by_its_rows(
    error: Exception,
    manifests: Any,
    run_loop: Callable[..., Any],
    stylize: Callable[..., Any],
    store: Any,
    broken: Callable[[BaseException], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 0, all rows done and recorded; a warning says why there is no report, and how to draw it later."""
    with monkeypatch.context():
        broken(error)
        ended = run_loop(manifests.write(manifests.rows(2)))
    assert ended.code == 0
    assert store.statuses() == ["done", "done"]
    folder = store.folder / "runs" / store.runs[0]
    (warning,) = (line for line in ended.err.splitlines() if line.startswith("warning: "))
    assert warning.startswith("warning: the report cannot be drawn: ")
    assert (str(error) or type(error).__name__) in warning
    assert "Traceback" not in ended.err
    assert f"report: not drawn; to draw it: stylize report {store.folder}" in ended.out.splitlines()
    assert not (folder / "report.html").exists()
    assert f"{type(error).__name__}" in (folder / "log.txt").read_text()

    monkeypatch.undo()
    assert stylize("report", str(store.folder)).code == 0
    assert (folder / "report.html").exists()


def test_failed_rows_still_count(
    manifests: Any, run_loop: Callable[..., Any], broken: Callable[[BaseException], None]
) -> None:
    """If rows failed too, the exit code is theirs, and the rows to correct are named."""
    broken(RuntimeError("no home directory"))
    rows = [*manifests.rows(1), *manifests.rows(1, content="nowhere.png")]
    ended = run_loop(manifests.write(rows))
    assert ended.code == 3
    assert ended.out.splitlines()[-1].endswith("failed.csv")


@pytest.fixture
def no_temp(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes all temporary folders unusable."""

    def take() -> None:
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere/tmp"])

    return take


def test_temporary_files_end_after_the_plan(
    manifests: Any,
    run_loop: Callable[..., Any],
    store: Any,
    no_temp: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If temporary files become impossible after the plan, nothing is missing in the end."""
    prepare = Run.prepare

    def prepare_and_take(run: Run) -> None:
        prepare(run)
        no_temp()

    monkeypatch.setattr(Run, "prepare", prepare_and_take)
    assert run_loop(manifests.write(manifests.rows(2))).code == 0
    assert store.statuses() == ["done", "done"]
    assert (store.folder / "runs" / store.runs[0] / "report.html").exists()


@pytest.mark.parametrize("what", ["manifest", "pair", "plan"])
def test_no_temporary_folder(
    what: str,
    manifests: Any,
    stylize: Callable[..., Any],
    tmp_path: Path,
    no_temp: Callable[[], None],
    refused: Callable[..., str],
) -> None:
    """At the start this is an error that names the variable to set, and nothing is computed."""
    pair = ("--content", f"{manifests.folder}/content-0.png", "--style", f"{manifests.folder}/style-0.png")
    manifest = manifests.write(manifests.rows(1))
    no_temp()
    arguments = {"manifest": ("run", manifest), "pair": ("run", *pair), "plan": ("plan", manifest)}[what]
    ended = stylize(*arguments, "--store", f"{tmp_path}/store", "--weights", "builtin", "--runner", "loop")
    assert "environment variable TMPDIR" in refused(ended)
    assert not (tmp_path / "store").exists()


def test_a_user_without_a_home(
    manifests: Any, run_loop: Callable[..., Any], store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user unknown to the system, without HOME, gets `/` as in containers; an existing HOME is kept."""

    def unknown(_: int) -> pwd.struct_passwd:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("HOME")
    assert run_loop(manifests.write(manifests.rows(1)), "--no-report").code == 0
    assert Path.home() == Path("/")
    monkeypatch.setenv("HOME", "/somewhere")
    assert run_loop(manifests.write(manifests.rows(1)), "--no-report").code == 0
    assert os.environ["HOME"] == "/somewhere"


@pytest.mark.slow
def test_python_without_docstrings(manifests: Any, store: Any) -> None:
    """Drawing the report works with PYTHONOPTIMIZE=2."""
    code = "import sys; from stylize_flows.cli import main; main(sys.argv[1:])"
    options = ("--store", str(store.folder), "--weights", "builtin", "--runner", "loop")
    command = [sys.executable, "-OO", "-c", code, "run", manifests.write(manifests.rows(1)), *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert not any(word in ended.stderr for word in ("warning", "Traceback"))
    assert store.statuses() == ["done"]
    assert (store.folder / "runs" / store.runs[0] / "report.html").exists()
