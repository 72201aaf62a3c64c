"""Options that cannot be used: exit code 2 and an error in three parts, before anything is read or written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

OPTIONS = {
    "unknown device": (("--device", "tpu"), "unknown device 'tpu'", "use auto, cpu, cuda or cuda:N"),
    "unknown precision": (("--precision", "fp8"), "unknown precision 'fp8'", "use auto or float32 or bfloat16"),
    "no number of rows": (("--max-failed", "many"), "'many' is neither a number of rows nor a share", "10 or 5%"),
    "negative number": (("--max-failed", "-1"), "'-1' is neither a number of rows nor a share", "10 or 5%"),
    "share above 100 %": (("--max-failed", "101%"), "'101%' is neither a number of rows nor a share", "10 or 5%"),
    "no number of jobs": (("--rows-per-task", "few"), "'few' is not a number of rows", "use auto or 1, 2"),
    "zero jobs": (("--rows-per-task", "0"), "0 rows are too few for a task", "use auto or 1, 2"),
    "no time for a job": (("--job-timeout", "0"), "0 seconds is not a valid limit", "write for instance 600"),
    "no number of seconds": (("--job-timeout", "nan"), "nan seconds is not a valid limit", "write for instance 600"),
    "unknown choice": (("--retry-failed", "some"), "unknown choice 'some'", "use none, transient, all"),
    "unknown option": (("--bogus",), "Unknown option: --bogus", "see stylize run --help"),
    "option without value": (("--device",), "--device", "see stylize run --help"),
    "second manifest": (("other.csv",), "other.csv", "see stylize run --help"),
    "manifest and pair": (("--content", "a.png"), "a manifest and options of a single pair", "give one of the two"),
    "manifest and settings": (("--set", "size=64"), "a manifest and options of a single pair", "give one of the two"),
}
"""By fault: the options, and parts of the error's `what` and `todo`."""


@pytest.mark.parametrize(("options", "what", "todo"), OPTIONS.values(), ids=OPTIONS.keys())
def test_bad_option(
    options: tuple[str, ...],
    what: str,
    todo: str,
    manifests: Any,
    run_loop: Callable[..., Any],
    refused: Callable[..., str],
    store: Any,
) -> None:
    """A bad option is refused by name before the store is created."""
    first, *_, last = refused(run_loop(manifests.write(manifests.rows(1)), *options)).splitlines()
    assert what in first
    assert todo in last
    assert not store.folder.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_absent_gpu(manifests: Any, run_loop: Callable[..., Any], refused: Callable[..., str]) -> None:
    """A missing GPU is refused, with the number of existing ones."""
    error = refused(run_loop(manifests.write(manifests.rows(1)), "--device", "cuda"))
    assert "there is no device cuda" in error
    assert "GPUs seen here: 0" in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--store", "s"), "there is nothing to stylise"),
        (("run", "--store", "s", "--content", "a.png"), "where: --style"),
        (("run", "--store", "s", "--style", "a.png"), "where: --content"),
        (("run", "manifest.csv"), "error: --store is missing"),
        (("run", "manifest.csv", "--store"), "--store requires an argument"),
        (("run", "m.csv", "--store", "s", "--runner", "abacus"), "abacus"),
        (("status",), "error: STORE is missing"),
        (("paint",), 'Unknown command "paint"'),
        (("presets", "defualt"), "unknown preset 'defualt'"),
        (("weights", "bake"), 'Unknown command "bake"'),
        (("cross",), "a cross needs contents and styles"),
        (("cross", "--content", "nowhere", "--style", "nowhere"), "no images are found"),
        (("cross", "--from-image", "nowhere.png"), "there is no such file"),
    ],
)
def test_bad_arguments(
    arguments: tuple[str, ...],
    words: str,
    stylize: Callable[..., Any],
    refused: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Arguments that make no sense together are refused, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert words in refused(stylize(*arguments))
    assert list(tmp_path.iterdir()) == []


def test_no_arguments(stylize: Callable[..., Any]) -> None:
    """Without arguments the command shows its help."""
    ended = stylize()
    assert ended.code == 0
    assert "Usage: stylize COMMAND" in ended.out
