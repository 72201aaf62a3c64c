"""Failing output: a full disk, a closed pipe, characters that the stream cannot encode. It does not end a run."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
from stylize_flows.cli import main


@pytest.fixture(params=["full", "unread"])
def why(request: pytest.FixtureRequest) -> str:
    """Why a stream fails."""
    return str(request.param)


@pytest.fixture
def failing(why: str) -> Iterator[TextIO]:
    """A stream on a full disk, or one with a closed pipe."""
    if why == "full":
        number = os.open("/dev/full", os.O_WRONLY)
    else:
        reading_end, number = os.pipe()
        os.close(reading_end)
    with os.fdopen(number, "w", encoding="utf-8") as stream:
        yield stream


def _code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_run_goes_on(
    name: str,
    why: str,
    failing: TextIO,
    manifests: Any,
    store: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whichever output fails, a run computes its rows and exits accordingly; a full disk is reported at the end."""
    monkeypatch.setattr(sys, name, failing)
    manifest = manifests.write(manifests.rows(2))
    options = ("--store", str(store.folder), "--weights", "builtin", "--runner", "loop", "--no-report")
    assert _code("run", manifest, *options) == 0
    assert store.statuses() == ["done", "done"]
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert ("standard output cannot be written: No space left on device" in said) == ((why, name) == ("full", "stdout"))


@pytest.mark.parametrize("command", ["--help", "presets", "presets default", "cross", "plan", "status"])
def test_a_command_whose_output_is_all_there_is(
    command: str,
    why: str,
    failing: TextIO,
    manifests: Any,
    store: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 1; a full disk is named on standard error, a closed pipe is not."""
    manifest = manifests.write(manifests.rows(1))
    where = ("--store", str(store.folder), "--weights", "builtin")
    assert _code("run", manifest, *where, "--runner", "loop", "--no-report") == 0
    arguments = {
        "cross": ("--content", f"{manifests.folder}/content-*", "--style", f"{manifests.folder}/style-0.png"),
        "plan": (manifest, *where),
        "status": (str(store.folder),),
    }
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdout", failing)
    assert _code(*command.split(), *arguments.get(command, ())) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert ("error: standard output cannot be written: No space left on device" in said) == (why == "full")
    assert "error" not in said or why == "full"


def test_a_watcher_whose_reader_is_gone_ends(
    failing: TextIO, store: Any, manifests: Any, drive: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`status --watch` ends when nobody reads it, however long the run takes."""
    options = ("--store", str(store.folder), "--weights", "builtin", "--runner", "loop")
    run = drive("run", manifests.write(manifests.rows(2)), *options, step_seconds=60)
    run.wait_for_step()
    monkeypatch.setattr(sys, "stdout", failing)
    assert _code("status", str(store.folder), "--watch", "--every", "0.1") == 1


@pytest.fixture
def ascii_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., bytes]]:
    """Runs a successful command with a standard output that takes only ASCII; returns the output."""
    with io.TextIOWrapper(written := io.BytesIO(), encoding="ascii") as stream:

        def run(*arguments: str) -> bytes:
            monkeypatch.setattr(sys, "stdout", stream)
            assert _code(*arguments) == 0
            return written.getvalue()

        yield run


@pytest.mark.parametrize("command", ["--help", "run --help", "presets", "presets default"])
def test_letters_that_the_stream_has_not(command: str, ascii_only: Callable[..., bytes]) -> None:
    """Such characters are written as escapes."""
    text = ascii_only(*command.split()).decode("ascii")
    assert len(text) > 100
    assert "\\xb7 2 nothing could be started" in text or command != "--help"


def test_a_printed_manifest_is_utf_8(
    ascii_only: Callable[..., bytes], manifests: Any, draw: Callable[..., Path]
) -> None:
    """It is UTF-8 like every manifest, whatever the encoding of standard output, because it has the names of files."""
    picture = draw(manifests.folder / "Kätzchen 猫.png", 1)
    printed = ascii_only("cross", "--content", str(picture), "--style", f"{manifests.folder}/style-0.png")
    assert str(picture) in printed.decode("utf-8")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str, manifests: Any, tmp_path: Path) -> None:
    """Without standard streams a command works as usual; none of its files takes their descriptors."""
    code = "import sys; from stylize_flows.cli import main; main(sys.argv[1:])"
    pictures = ("--content", f"{manifests.folder}/content-0.png", "--style", f"{manifests.folder}/style-0.png")
    command = [sys.executable, "-c", code, "cross", *pictures, "--output", f"{tmp_path}/crossed.csv"]
    ended = subprocess.run(["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *command], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
    lines = (tmp_path / "crossed.csv").read_text().splitlines()
    assert lines[0].startswith("id,content,style")
    assert len(lines) == 2
