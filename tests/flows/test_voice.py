"""A command's output: one JSON document on standard output, JSON lines on standard error, less, more."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stylize_flows.voice import PLAIN, voice


@pytest.fixture
def rows(damaged: Path, manifests: Any) -> list[dict[str, str]]:
    """One good row, one with a damaged content, one with a missing content."""
    good, *bad = manifests.rows(3)
    return [good, {**bad[0], "content": "truncated.jpg"}, {**bad[1], "content": "nowhere.png"}]


def test_a_run_as_a_document(run_loop: Callable[..., Any], manifests: Any, rows: Any, store: Any) -> None:
    """--json: the rows by status, the plan, and the paths; all messages go to standard error."""
    ended = run_loop(manifests.write(rows), "--json", "--no-report")
    assert ended.code == 3
    document = json.loads(ended.out)
    assert document["run"] == store.runs[0]
    assert document["rows"] == {"done": 1, "skipped": 0, "failed": 1, "rejected": 1, "stopped": 0}
    assert document["too_many_failed"]
    assert document["plan"]["actions"] == {"run": 2, "skip": 0, "keep_failed": 0, "reject": 1}
    assert [one["line"] for one in document["plan"]["rejected"]] == [4]
    assert document["places"] == {"failed_rows": f"{store.folder}/runs/{store.runs[0]}/failed.csv"}
    assert document["error"] is None
    assert ended.err.startswith("planning ")


def test_an_error_as_a_document(run_loop: Callable[..., Any], manifests: Any) -> None:
    """If nothing can be started, the document is the error, which is also on standard error as usual."""
    ended = run_loop(f"{manifests.folder}/none.csv", "--json")
    assert ended.code == 2
    error = json.loads(ended.out)["error"]
    assert error["code"] == "manifest_unreadable"
    assert f"error: {error['what']}\n  where: {error['where']}\n" in ended.err


def test_a_plan_as_a_document(stylize: Callable[..., Any], manifests: Any, rows: Any, tmp_path: Path) -> None:
    """`plan --json`: the numbers of plan.json, and the first rejected rows."""
    arguments = ("plan", manifests.write(rows), "--store", f"{tmp_path}/store", "--weights", "builtin", "--json")
    ended = stylize(*arguments)
    assert ended.code == 3
    document = json.loads(ended.out)
    assert (document["rows"], document["chunks"], document["forecast"]["jobs"]) == (3, 1, 2)
    (rejected,) = document["rejected"]
    assert rejected["line"] == 4
    assert "there is no such file" in rejected["error"]


def test_a_store_as_a_document(
    run_loop: Callable[..., Any], stylize: Callable[..., Any], manifests: Any, store: Any
) -> None:
    """`status --json`: jobs, errors, files, runs, holder; faults only with --verify."""
    run_loop(manifests.write(manifests.rows(2)), "--no-report")
    document = json.loads(stylize("status", str(store.folder), "--json").out)
    assert (document["jobs"], document["holder"], document["faults"]) == ({"done": 2}, None, None)
    assert [run["rows"] for run in document["runs"]] == [{"done": 2}]

    Path(store.folder, sorted(store.images)[0]).unlink()
    ended = stylize("status", str(store.folder), "--json", "--verify")
    assert ended.code == 1
    assert [fault["what"] for fault in json.loads(ended.out)["faults"]] == ["missing image"]


def test_a_run_that_goes_on_is_no_document(
    run_loop: Callable[..., Any], stylize: Callable[..., Any], refused: Callable[..., str], store: Any
) -> None:
    """--watch and --json exclude each other."""
    assert "--watch cannot write a JSON document" in refused(stylize("status", str(store.folder), "--json", "--watch"))


def test_quiet(run_loop: Callable[..., Any], manifests: Any, rows: Any) -> None:
    """--quiet: a successful run prints nothing; errors are printed."""
    ended = run_loop(manifests.write(rows), "--quiet", "--no-report")
    assert (ended.code, ended.out, ended.err) == (3, "", "")
    assert run_loop("none.csv", "--quiet").err.startswith("error: ")


def test_verbose(run_loop: Callable[..., Any], manifests: Any, store: Any) -> None:
    """--verbose: device and weights, and a line for each commit."""
    ended = run_loop(manifests.write(manifests.rows(2)), "--verbose", "--no-report", "--device", "cpu")
    assert f"run {store.runs[0]}: cpu, float32, builtin\n" in ended.err
    assert "\n2/2 jobs · " in ended.err


def test_less_and_more(run_loop: Callable[..., Any], refused: Callable[..., str]) -> None:
    """--quiet and --verbose exclude each other."""
    assert "quiet and verbose" in refused(run_loop("m.csv", "--quiet", "--verbose"))


def test_json_lines(run_loop: Callable[..., Any], manifests: Any, rows: Any) -> None:
    """--log-json: each line of standard error is an object with time, level, message, and figures as numbers."""
    ended = run_loop(manifests.write(rows), "--log-json", "--verbose", "--no-report")
    lines = [json.loads(line) for line in ended.err.splitlines()]
    assert all(line["time"] and line["level"] and line["message"] for line in lines)
    assert [line["code"] for line in lines if "line" in line] == ["input_missing"]
    assert [(line["failed"], line["jobs"]) for line in lines if "jobs" in line][-1] == (1, 2)
    assert ended.out.startswith("3 rows: 2 to compute, 1 rejected\n")

    (*_, error) = run_loop("none.csv", "--log-json").err.splitlines()
    assert json.loads(error)["level"] == "error"
    assert json.loads(error)["code"] == "manifest_unreadable"


def test_the_next_command_speaks_as_always(run_loop: Callable[..., Any]) -> None:
    """A command's output options apply only to that command."""
    run_loop("none.csv", "--json", "--verbose", "--log-json")
    assert voice() == PLAIN
