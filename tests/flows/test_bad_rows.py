"""Unusable rows, each through the command: a code and a reason for each, and the other rows are done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

BAD_ROWS = {
    "missing file": ({"content": "nowhere.png"}, "rejected", "input_missing", "there is no such file"),
    "folder as file": ({"content": "folder.png"}, "rejected", "input_is_folder", "a folder, not a file"),
    "0-byte file": ({"content": "empty.png"}, "rejected", "image_empty", "the file has 0 bytes"),
    "text as image": ({"style": "text.png"}, "rejected", "image_unknown", "not an image of a known format"),
    "60,000 x 60,000 px": ({"content": "huge.png"}, "rejected", "image_too_large", "more than 89,478,485 pixels"),
    "1 x 1 px": ({"content": "dot.png"}, "rejected", "image_too_small", "the image has 1 x 1 pixels"),
    "out of range": ({"size": "5"}, "rejected", "bad_row", "column size: '5' is not allowed"),
    "not a number": ({"style_weight": "nan"}, "rejected", "bad_row", "column style_weight: 'nan' is not allowed"),
    "unknown layer": ({"style_layers": "conv9_9"}, "rejected", "bad_row", "unknown layer 'conv9_9'"),
    "layer beyond weights": (
        {"content_layers": "conv5_4"},
        "rejected",
        "weights_incomplete",
        "the weights end at layer conv5_1 and do not reach conv5_4",
    ),
    "unknown preset": ({"preset": "defualt"}, "rejected", "bad_row", "did you mean 'default'?"),
    "too small a target": (
        {"size": "16", "content_layers": "conv5_1", "content": "wide.png"},
        "rejected",
        "image_too_small",
        "the target would be 16 x 8 px, but conv5_1 needs 16 px",
    ),
    "truncated content": ({"content": "truncated.jpg"}, "failed", "image_truncated", "data ends early or is damaged"),
    "truncated style": ({"style": "truncated.jpg"}, "failed", "image_truncated", "data ends early or is damaged"),
}
"""By fault: the cells that make the row bad, its status, the error code, and part of the error."""


def test_each_bad_row_has_its_code_and_the_others_are_done(
    damaged: Path, draw: Callable[..., Path], manifests: Any, run_loop: Callable[..., Any], store: Any
) -> None:
    """A bad row is rejected or fails with its own code and message; the good rows around it are done."""
    draw(damaged / "wide.png", 7, width=80, height=20)
    good = manifests.rows(2, content="whole.jpg")
    bad = [{**manifests.rows(1)[0], **cells} for cells, *_ in BAD_ROWS.values()]

    ended = run_loop(manifests.write([good[0], *bad, good[1]]))

    rows = store.rows()
    found = {fault: (rows["status"][i], rows["error_code"][i]) for i, fault in enumerate(BAD_ROWS, 1)}
    assert found == {fault: (status, code) for fault, (_, status, code, _) in BAD_ROWS.items()}
    for i, (_, _, _, words) in enumerate(BAD_ROWS.values(), 1):
        assert words in rows["error"][i]
    assert [rows["status"].iloc[0], rows["status"].iloc[-1]] == ["done", "done"]
    assert ended.code == 3
    assert "Traceback" not in ended.err


def test_rejected_rows_are_told_with_their_lines(damaged: Path, manifests: Any, run_loop: Callable[..., Any]) -> None:
    """Each rejected row is reported once on standard error: line, what, where, what to do."""
    ended = run_loop(manifests.write([*manifests.rows(1), *manifests.rows(1, content="nowhere.png")]))
    advice = "check the path; relative paths start at the manifest's folder"
    expected = f"line 3 rejected: there is no such file · {damaged}/nowhere.png · {advice}"
    assert expected in ended.err.splitlines()


def test_failed_rows_come_back_as_a_manifest(
    damaged: Path, draw: Callable[..., Path], manifests: Any, run_loop: Callable[..., Any], store: Any
) -> None:
    """failed.csv has every failed and rejected row; with the faults corrected, it is a manifest that runs."""
    rows = [*manifests.rows(1), *manifests.rows(1, content="truncated.jpg"), *manifests.rows(1, content="late.png")]
    assert run_loop(manifests.write(rows)).code == 3

    draw(damaged / "late.png", 8)
    draw(damaged / "truncated.jpg", 9)
    assert run_loop(str(store.folder / "runs" / store.runs[0] / "failed.csv")).code == 0
    assert store.statuses() == ["done", "done"]
