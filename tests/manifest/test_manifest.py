import time
from collections.abc import Callable
from typing import Any

import pytest

from stylize_core.errors import ManifestError
from stylize_core.presets import resolve


def test_good_rows_stay_beside_rejected_ones(load: Callable[..., Any]) -> None:
    """Every row is counted; a wrong one does not affect the others."""
    manifest = load("content,style,size\na,b,64\na,b,-1\na,b\na,b,128\n")
    assert [row.row for row in manifest.rows] == [1, 4]
    assert [row.settings.size for row in manifest.rows] == [64, 128]
    assert [(p.line, p.row, p.column, p.value) for p in manifest.problems] == [(3, 2, "size", "-1"), (4, 3, "", "")]
    assert manifest.total == 4


def test_all_rows_may_be_rejected(load: Callable[..., Any]) -> None:
    """A manifest with only rejected rows is not an error; the caller decides."""
    manifest = load("content,style,size\na,b,-1\n")
    assert (manifest.rows, len(manifest.problems), manifest.total) == ([], 1, 1)


def test_problems_are_located_after_long_cells(load: Callable[..., Any]) -> None:
    """The line is the file's, the row is the table's."""
    manifest = load('content,style,size\n\n"a\nb",s,64\nc,s,x\n')
    assert [(p.line, p.row) for p in manifest.problems] == [(5, 2)]


def test_a_repeated_id_is_a_problem_of_the_later_row(load: Callable[..., Any]) -> None:
    """The problem names the line that already has the id, even if that row is rejected itself."""
    manifest = load("content,style,id,size\na,b,cat,\na,b,dog,-1\na,b,cat,-1\na,b,dog,\na,b,cat,\na,b,,\na,b,,\n")
    ids = [(p.line, p.message) for p in manifest.problems if p.column == "id"]
    assert ids == [
        (line, f"is also the id of line {first}; give each row its own") for line, first in [(4, 2), (5, 3), (6, 2)]
    ]
    assert [p.line for p in manifest.problems] == [3, 4, 4, 5, 6]
    assert [row.line for row in manifest.rows] == [2, 7, 8]


def test_equal_rows_are_both_kept(load: Callable[..., Any]) -> None:
    """Equal rows are all kept."""
    first, second = load("content,style\na,b\na,b\n").rows
    assert (first.content, first.settings) == (second.content, second.settings)
    assert (first.row, second.row) == (1, 2)


def test_images_are_absolute(load: Callable[..., Any]) -> None:
    """Content, style and init are relative to the manifest's folder."""
    (row,) = load("content,style,init,start\na.png,../s/b.png,i/c.png,image\n").rows
    assert (row.content, row.style, row.init) == ("/data/a.png", "/s/b.png", "/data/i/c.png")
    assert row.cells["content"] == "a.png"


def test_a_manifest_in_a_bucket(load: Callable[..., Any]) -> None:
    """The folder of a URL is a URL."""
    (row,) = load(b"content,style\na.png,/abs/b.png\n", "s3://b/jobs/m.csv").rows
    assert (row.content, row.style, row.init) == ("s3://b/jobs/a.png", "/abs/b.png", None)


def test_errors_name_the_file_without_credentials(load: Callable[..., Any]) -> None:
    """Errors of the whole file name it, without a password."""
    with pytest.raises(ManifestError) as caught:
        load(b"", "s3://key:secret@b/m.csv")
    assert caught.value.where == "s3://b/m.csv"


def test_a_hundred_thousand_rows(load: Callable[..., Any]) -> None:
    """A long manifest is read and validated in seconds; the limit leaves room for slow machines."""
    lines = [f"r{i},images/{i}.png,styles/{i % 50}.png,{256 + i % 3},1e6" for i in range(100_000)]
    data = "\n".join(["id,content,style,size,style_weight", *lines]).encode()
    begin = time.perf_counter()
    manifest = load(data, "/data/m.csv")
    assert time.perf_counter() - begin < 60
    assert (len(manifest.rows), manifest.problems, manifest.total) == (100_000, [], 100_000)
    assert manifest.rows[-1].settings == resolve("default", {"size": 256 + 99_999 % 3, "style_weight": 1e6})
    assert manifest.rows[-1].line == 100_001
