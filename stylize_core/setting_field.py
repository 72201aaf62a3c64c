"""The description of one setting: its type, meaning and range, and what its value affects."""

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from stylize_core.errors import SettingError
from stylize_core.layers import LAYERS, Layers, format_layers

ALWAYS = object()
"""Instead of a neutral value: the setting existed in the first release and is part of every job id."""


def setting(
    help: str,
    *,
    choices: tuple[str, ...] = (),
    words: Mapping[str, int] = MappingProxyType({}),
    low: float | None = None,
    high: float | None = None,
    neutral: Any = ALWAYS,
    fixes_graph: bool = False,
    scale: str = "",
) -> Any:
    """Returns a field of `Settings`; see the attributes of `SettingField`."""
    return dataclasses.field(
        metadata={
            "help": help,
            "choices": choices,
            "words": words,
            "low": low,
            "high": high,
            "neutral": neutral,
            "fixes_graph": fixes_graph,
            "scale": scale,
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingField:
    """The description of one setting.

    Attributes:
        name: the column's name.
        type: of the value: int, float, str or `Layers`.
        optional: whether None is a value.
        help: one sentence.
        choices: allowed words; empty if the setting is not a choice.
        words: words that a manifest may use instead of a number, with their numbers.
        low: least allowed number.
        high: greatest allowed number.
        neutral: the plain value that changes nothing; a job id leaves it out. `ALWAYS` for the settings
            of the first release.
        fixes_graph: whether all jobs of a batch must share its value.
        scale: `terms` if losses are comparable only at equal values, `totals` if this holds only for totals.
    """

    name: str
    type: Any
    optional: bool
    help: str
    choices: tuple[str, ...]
    words: Mapping[str, int]
    low: float | None
    high: float | None
    neutral: Any
    fixes_graph: bool
    scale: str

    def plain(self, value: Any) -> object:
        """Returns a value of the setting as a plain JSON value."""
        return format_layers(value) if self.type == Layers else value

    def word(self, value: Any) -> str | None:
        """Returns the word that a manifest uses instead of a number; None for other values."""
        return {number: word for word, number in self.words.items()}.get(value)

    def text(self, value: Any) -> str:
        """Returns a value as a manifest writes it."""
        return self.word(value) or str(self.plain(value))

    @property
    def allowed(self) -> str:
        """The allowed values, in words."""
        if self.choices:
            return " | ".join(self.choices)
        if self.type == Layers:
            return "layers, for instance: conv1_1=0.2 conv2_1=0.8"
        kind, form = ("whole number", "d") if self.type is int else ("number", "g")
        low = f" from {self.low:{form}}" if self.low is not None else ""
        high = f" to {self.high:{form}}" if self.high is not None else ""
        words = "".join(f", or {word}" for word in self.words)
        return f"{kind}{low}{high}{words}"

    def check(self, value: Any) -> None:
        """Raises SettingError unless the value is allowed."""
        if (value is None and self.optional) or (type(value) is int and value in self.words.values()):
            return
        if self.choices:
            good = value in self.choices
        elif self.type in (int, float):
            kinds = int if self.type is int else (int, float)
            low = -sys.float_info.max if self.low is None else self.low  # refuses infinity, and whole numbers
            high = sys.float_info.max if self.high is None else self.high  # that no float can hold
            good = isinstance(value, kinds) and not isinstance(value, bool) and low <= value <= high
        else:
            good = bool(value) and all(name in LAYERS for name, _ in value)
        if not good:
            raise SettingError(f"{self.name} cannot be {value!r}", where=self.name, todo=f"use {self.allowed}")
