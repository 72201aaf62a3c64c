import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.errors import UsageError
from stylize_core.manifest.write import row_from_settings, write_manifest
from stylize_core.presets import resolve
from stylize_core.settings import SETTING_FIELDS, Settings

_PATHS = st.text(string.ascii_letters + string.digits + " ._-=+@,;'\"\n\té漢/", min_size=1, max_size=30).filter(
    lambda path: path == path.rstrip() and not path.endswith("/")
)


def test_one_fixed_order_of_columns() -> None:
    """Columns are in the settings' order, and only filled ones are written."""
    rows = [
        {"x_b": "1", "steps": "5", "style": "/d/s.png", "content": "/d/c.png", "size": "", "x_a": "2"},
        {"content": "/d/e.png", "style": "/d/s.png", "id": "n", "size": "64"},
    ]
    assert write_manifest(rows, "/d").decode() == (
        "id,content,style,size,steps,x_a,x_b\n,c.png,s.png,,5,2,1\nn,e.png,s.png,64,,,\n"
    )


def test_paths_as_they_are() -> None:
    """Without a folder, paths are not made relative."""
    assert write_manifest([{"content": "/d/c.png", "style": "s.png"}], None) == b"content,style\n/d/c.png,s.png\n"


def test_a_name_that_looks_like_a_formula_is_written_as_a_path() -> None:
    """`./=a.png` is the same file, and not a formula."""
    assert write_manifest([{"content": "/d/=a.png", "style": "/d/ b.png"}], "/d") == (
        b"content,style\n./=a.png,./ b.png\n"
    )


def test_an_unknown_column_is_not_dropped() -> None:
    """A cell that would silently be lost is the caller's error."""
    with pytest.raises(ValueError, match="hue"):
        write_manifest([{"content": "/d/c.png", "style": "/d/s.png", "hue": "red"}], "/d")


@pytest.mark.parametrize("value", ["=1", "a ", "a\rb", "a\0b", "a\udce9"])
def test_cells_that_would_be_lost_are_refused(value: str) -> None:
    """Text that cannot be read back is refused."""
    with pytest.raises(UsageError, match="no manifest can carry"):
        write_manifest([{"content": "/d/c.png", "style": "/d/s.png", "x_note": value}], "/d")


@given(content=_PATHS, style=_PATHS)
def test_paths_come_back(load: Callable[..., Any], content: str, style: str) -> None:
    """Any file name is the same file after writing and reading."""
    row = {"content": f"/d/m/{content}", "style": f"/d/{style}"}
    (loaded,) = load(write_manifest([row], "/d/m"), "/d/m/m.csv").rows
    (kept,) = load(write_manifest([row], None), "/elsewhere/m.csv").rows
    assert (kept.content, kept.style) == (row["content"], row["style"])
    (again,) = load(write_manifest([{"content": loaded.content, "style": loaded.style}], "/d/m"), "/d/m/x").rows
    assert (again.content, again.style) == (loaded.content, loaded.style)


@given(data=st.data())
def test_settings_come_back_exactly(
    load: Callable[..., Any], any_settings: st.SearchStrategy[Settings], data: st.DataObject
) -> None:
    """A row made from settings gives exactly those settings."""
    wanted = data.draw(any_settings)
    init = "/d/i.png" if wanted.start == "image" else None
    row = row_from_settings("/d/c.png", "/d/s.png", init, wanted)
    manifest = load(write_manifest([row], "/d"), "/d/m.csv")
    assert manifest.problems == []
    assert manifest.rows[0].settings == wanted
    assert (manifest.rows[0].content, manifest.rows[0].init) == ("/d/c.png", init)


def test_a_row_from_settings_names_every_setting() -> None:
    """Every setting is written, because presets may change."""
    row = row_from_settings("c", "s", None, resolve("keras", {}))
    assert set(row) == {"content", "style", "init", *(spec.name for spec in SETTING_FIELDS)}
    assert all(row[spec.name] for spec in SETTING_FIELDS)


@given(cells=st.lists(st.dictionaries(st.sampled_from(["x_a", "x_b", "x_c"]), st.text(string.printable)), min_size=1))
def test_extra_columns_come_back(load: Callable[..., Any], cells: list[dict[str, str]]) -> None:
    """Any text that can be written is read unchanged."""
    rows = [{"content": "/d/c", "style": "/d/s", **each} for each in cells]
    try:
        data = write_manifest(rows, "/d")
    except UsageError:
        assert any(
            text != text.strip() or "\r" in text or text[:1] in ("=", "+", "@")
            for each in cells
            for text in each.values()
        )
        return
    loaded = load(data, "/d/m.csv").rows
    for given_cells, row in zip(cells, loaded, strict=True):
        filled = {column: text for column, text in row.extra.items() if text}
        assert filled == {column: text for column, text in given_cells.items() if text}
