"""A run's last lines: the paths of its sheets, its page, the rows to correct and a single image."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def bad_rows(manifests: Any) -> str:
    """A manifest of two rows, one of which names a missing picture."""
    return str(manifests.write([*manifests.rows(1), *manifests.rows(1, content="nowhere.png")]))


def test_a_manifest_ends_with_sheets_report_and_failed_rows(
    bad_rows: str, run_loop: Callable[..., Any], store: Any
) -> None:
    """The last lines are the paths of the sheets, the report and the rows to correct, which all exist."""
    lines = run_loop(bad_rows).out.splitlines()[-3:]
    folder = store.folder / "runs" / store.runs[0]
    assert lines == [
        f"contact sheets: {folder}/contact-sheets/index.html",
        f"report: {folder}/report.html",
        f"failed and rejected rows, to correct and run again: {folder}/failed.csv",
    ]
    for line in lines:
        assert (folder / line.partition(": ")[2]).is_file()


def test_no_report(bad_rows: str, run_loop: Callable[..., Any], stylize: Callable[..., Any], store: Any) -> None:
    """With --no-report the rows are published and nothing is drawn; `stylize report` draws it, as the run says."""
    lines = run_loop(bad_rows, "--no-report").out.splitlines()
    folder = store.folder / "runs" / store.runs[0]
    names = {path.name for path in folder.iterdir()}
    assert {"results.csv", "results.parquet", "failed.csv", "environment.json", "log.txt"} <= names
    assert not {"report.html", "contact-sheets"} & names
    assert lines[-2] == f"report: not drawn; to draw it: stylize report {store.folder}"
    assert stylize(*lines[-2].partition("stylize ")[2].split()).code == 0
    assert {"report.html", "contact-sheets"} <= {path.name for path in folder.iterdir()}


def test_a_failed_image_is_not_promised(manifests: Any, damaged: Any, run_loop: Callable[..., Any]) -> None:
    """A single row whose job failed without an image ends with the rows to correct."""
    ended = run_loop(manifests.write(manifests.rows(1, content="truncated.jpg")), "--no-report")
    assert ended.out.splitlines()[-1].startswith("failed and rejected rows, to correct and run again: ")
