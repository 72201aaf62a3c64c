"""Fixtures of the manifest's tests."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st

from stylize_core.layers import LAYERS, Layers
from stylize_core.manifest.manifest import Manifest, RejectedRow
from stylize_core.manifest.problems import Problem
from stylize_core.manifest.row import Row
from stylize_core.presets import PRESETS, resolve
from stylize_core.setting_field import SettingField
from stylize_core.settings import SETTING_FIELDS, STYLE_LOSS_FORMS, Settings


@dataclass(frozen=True)
class Loaded:
    """A manifest, read to its end."""

    rows: list[Row]
    rejected: list[RejectedRow]
    total: int

    @property
    def problems(self) -> list[Problem]:
        """Everything wrong with any row."""
        return [problem for row in self.rejected for problem in row.problems]


@pytest.fixture(scope="session")
def load() -> Callable[..., Loaded]:
    """Loads a manifest from text or bytes, by default as if it were /data/m.csv."""

    def read(data: str | bytes, uri: str = "/data/m.csv") -> Loaded:
        manifest = Manifest(io.BytesIO(data.encode() if isinstance(data, str) else data), uri)
        found = list(manifest)
        rows = [row for row in found if isinstance(row, Row)]
        return Loaded(rows, [row for row in found if isinstance(row, RejectedRow)], manifest.total)

    return read


def _layers() -> st.SearchStrategy[Layers]:
    names = st.lists(st.sampled_from(LAYERS), min_size=1, unique=True)
    equal = names.map(lambda chosen: [(name, 1 / len(chosen)) for name in chosen])
    weighted = st.dictionaries(st.sampled_from(LAYERS), st.floats(0, 1e6), min_size=1).map(lambda each: each.items())
    return st.one_of(equal, weighted).map(lambda pairs: tuple(sorted(pairs, key=lambda pair: LAYERS.index(pair[0]))))


def _values(spec: SettingField) -> st.SearchStrategy[object]:
    if spec.choices:
        return st.sampled_from(spec.choices)
    if spec.type == Layers:
        return _layers()
    low, high = spec.low or 0, spec.high
    if spec.type is int:
        return st.integers(int(low), None if high is None else int(high))
    return st.floats(low, 1e30 if high is None else high)


@pytest.fixture(scope="session")
def any_settings() -> st.SearchStrategy[Settings]:
    """Any allowed settings, each value over its whole range."""
    values = st.fixed_dictionaries({spec.name: _values(spec) for spec in SETTING_FIELDS})

    def go_together(given: dict[str, Any]) -> bool:
        has_form = given["form"] in STYLE_LOSS_FORMS[given["style_loss"]]
        return has_form and not (given["alpha"] == "keep" and given["format"] == "jpeg")

    fitting = values.filter(go_together)
    return st.tuples(st.sampled_from(sorted(PRESETS)), fitting).map(lambda pair: resolve(*pair))
