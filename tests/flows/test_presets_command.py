"""`stylize presets`: the list, and all of one preset."""

from collections.abc import Callable
from typing import Any

import pytest

from stylize_core.presets import PRESETS
from stylize_core.settings import SETTING_FIELDS


def test_list(stylize: Callable[..., Any]) -> None:
    """Every preset has a line with its name and description."""
    lines = stylize("presets").out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_one_preset(name: str, stylize: Callable[..., Any]) -> None:
    """Every setting has a line; each value is marked as the source's or ours."""
    out = stylize("presets", name).out
    assert out.startswith(f"{name}: {PRESETS[name].summary}\n")
    lines = {line.split()[0]: line for line in out.splitlines()[2:] if not line.startswith(" ")}
    assert list(lines) == [spec.name for spec in SETTING_FIELDS]
    for setting in SETTING_FIELDS:
        assert PRESETS[name].origin(setting.name) in lines[setting.name].split()
    assert lines["scales"].split()[1] == ("auto" if PRESETS[name].values["scales"] == 0 else "1")
