"""The help of every command documents every option and does not require knowledge of the program."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App
from stylize_flows.cli import app

from stylize_core.release import release


def _commands(of: App, name: str = "") -> Iterator[str]:
    """The words of each command, including the app itself."""
    yield name
    for word in of:
        if not word.startswith("-"):
            yield from _commands(of[word], f"{name} {word}".strip())


COMMANDS = list(_commands(app))


def test_the_commands() -> None:
    """The commands are those of the design; the tests below check the help of each."""
    assert {"run", "plan", "status", "report", "export", "cross", "presets", "weights show"} <= {*COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command: str, stylize: Callable[..., Any]) -> None:
    """Each argument, option and command in a help text has an explanation beside its name."""
    ended = stylize(*command.split(), "--help")
    assert ended.code == 0
    assert f"Usage: stylize {command}".rstrip() in ended.out
    table = [line.strip("│ ") for line in ended.out.splitlines() if line.startswith("│")]
    entries = re.split(r"\n(?=\*? *(?:--)?\w[\w-]*(?: |$))", "\n".join(table))
    assert entries
    for entry in entries:
        assert re.search(r"[a-z]+ [a-z]+", entry, re.IGNORECASE), f"{entry!r} is not explained"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_begins_with_what_the_command_does(command: str, stylize: Callable[..., Any]) -> None:
    """The first text after the usage is a sentence."""
    usage, sentence = [part for part in stylize(*command.split(), "--help").out.split("\n\n") if part.strip()][:2]
    assert usage.startswith("Usage: stylize")
    assert sentence[0].isupper()
    assert sentence.rstrip().endswith(".")


def test_the_help_names_every_exit_code(stylize: Callable[..., Any]) -> None:
    """The help has the codes 0, 1, 2, 3 and 130 with their meanings."""
    words = " ".join(stylize("--help").out.split())
    for meaning in ("0 done", "1 unexpected", "2 nothing could be started", "3 more failed", "130 stopped"):
        assert meaning in words


def test_version(stylize: Callable[..., Any]) -> None:
    """The version is that of the distribution."""
    told = stylize("--version").out
    assert told == f"{release()}\n"
    assert told != "0.0.0\n"


def test_commands_that_compute_nothing_start_at_once(
    manifests: Any, run_loop: Callable[..., Any], store: Any, tmp_path: Path
) -> None:
    """Commands do not import slow modules that they do not need; one interpreter runs them all."""
    run_loop(manifests.write(manifests.rows(1)), "--no-report")
    commands = [
        ["--help"],
        ["--version"],
        ["presets", "default"],
        ["status", str(store.folder), "--verify"],
        ["status", str(store.folder), "--watch"],
        ["run", "--bogus"],
        [
            "cross",
            "--content",
            str(manifests.folder),
            "--style",
            str(manifests.folder),
            "-o",
            f"{tmp_path}/crossed.csv",
        ],
    ]
    code = f"""
import sys
from stylize_flows.cli import main
for command in {commands!r}:
    try:
        main(command)
    except SystemExit as ended:
        print("code", command[0], ended.code)
print("imported:", *sys.modules.keys() & {{"torch", "prefect", "pandas"}})
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    lines = ended.stdout.splitlines()
    codes = ["--help 0", "--version 0", "presets 0", "status 0", "status 0", "run 2", "cross 0"]
    assert [line for line in lines if line.startswith("code")] == [f"code {one}" for one in codes], ended
    assert lines[-1] == "imported:", ended
