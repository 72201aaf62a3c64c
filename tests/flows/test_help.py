"""The help of every command: it can be read without knowing the program, and documents every option."""

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

COMMANDS = ["", "run", "plan", "status", "report", "cross", "presets", "weights", "weights show", "weights normalise"]


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
    """The first thing behind the usage is a sentence."""
    usage, sentence = [part for part in stylize(*command.split(), "--help").out.split("\n\n") if part.strip()][:2]
    assert usage.startswith("Usage: stylize")
    assert sentence[0].isupper()
    assert sentence.rstrip().endswith(".")


def test_the_help_names_every_exit_code(stylize: Callable[..., Any]) -> None:
    """0, 1, 2, 3 and 130 each stand in the help with their meaning."""
    words = " ".join(stylize("--help").out.split())
    for meaning in ("0 done", "1 unexpected", "2 nothing could be started", "3 more failed", "130 stopped"):
        assert meaning in words


def test_version(stylize: Callable[..., Any]) -> None:
    """The version is a version."""
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", stylize("--version").out)


@pytest.mark.parametrize(
    "arguments", [["presets"], ["status", "nowhere"], ["run", "--bogus"], ["cross", "--help"]], ids=" ".join
)
def test_commands_that_compute_nothing_start_at_once(arguments: list[str]) -> None:
    """Torch and Prefect, which take seconds to import, are left alone by commands that do without."""
    code = f"""
import sys
from stylize_flows.cli import main
try:
    main({arguments!r})
finally:
    print("imported:", *sys.modules.keys() & {{"torch", "prefect"}})
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines()[-1] == "imported:", ended
