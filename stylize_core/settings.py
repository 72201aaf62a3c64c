"""All settings of a job, in one frozen dataclass: names, meaning, ranges and defaults stand here and nowhere else.

The manifest's row model, the column dictionary, the help of the command line and the record in results are derived
from the fields below. Layers bear the paper's names; `conv4_2` means that layer's activation after its ReLU.
"""

import dataclasses
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from stylize_core.errors import SettingError

LAYERS = tuple(f"conv{block}_{i}" for block, n in enumerate((2, 2, 4, 4, 4), 1) for i in range(1, n + 1))
"""The 16 convolutional layers of VGG-19, shallow to deep."""

Layers = tuple[tuple[str, float], ...]
"""Layers in use with their weights, shallow to deep."""


def parse_layers(text: str) -> Layers:
    """Reads `conv1_1=0.2 conv2_1=0.8`; without numbers each of n layers gets 1/n.

    Raises:
        SettingError: an unknown or repeated layer, numbers on some layers only, a negative or infinite number.
    """
    names, numbers = [], []
    for word in text.replace(",", " ").split():
        name, equals, number = word.partition("=")
        if name not in LAYERS:
            raise SettingError(f"unknown layer {name!r}", todo=f"use {' '.join(LAYERS)}")
        names.append(name)
        numbers += [_layer_weight(word, number)] if equals else []
    if not names:
        raise SettingError("no layer is named", todo="write for instance: conv4_2")
    if len(set(names)) < len(names):
        raise SettingError("a layer is named twice", todo="name each layer once")
    if numbers and len(numbers) < len(names):
        raise SettingError("some layers have a weight and some have none", todo="give all layers a weight, or none")
    weights = numbers or [1 / len(names)] * len(names)
    return tuple(sorted(zip(names, weights, strict=True), key=lambda item: LAYERS.index(item[0])))


def _layer_weight(word: str, number: str) -> float:
    plain = number.isascii() and "_" not in number  # float() reads 1_000 and digits of other scripts too
    try:
        weight = float(number) if plain else math.nan
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise SettingError(f"{word!r} has no usable weight", todo="write for instance: conv1_1=0.2")
    return weight


def format_layers(layers: Layers) -> str:
    """Writes layers as `parse_layers` reads them; equal weights of 1/n are left out."""
    if all(weight == 1 / len(layers) for _, weight in layers):
        return " ".join(name for name, _ in layers)
    return " ".join(f"{name}={weight!r}" for name, weight in layers)


def _setting(help: str, *, choices: tuple[str, ...] = (), low: float | None = None, high: float | None = None) -> Any:
    return dataclasses.field(metadata={"help": help, "choices": choices, "low": low, "high": high})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of a job, resolved. Values come from a preset and a manifest row; see `presets.resolve`."""

    size: int = _setting("long edge of the output in pixels; smaller contents are enlarged", low=16, high=8192)
    fit: str = _setting(
        "shape of the output: keep the content's aspect (short edge rounded to a multiple of 8), crop its middle to "
        "size x size, or stretch it to size x size",
        choices=("keep", "crop", "stretch"),
    )
    style_size: int | None = _setting(
        "long edge at which the style is seen; the same as size unless given", low=16, high=16384
    )
    style_fit: str = _setting(
        "keep the style's aspect, or stretch the style to the shape of the output",
        choices=("keep", "stretch"),
    )
    content_layers: Layers = _setting("layers whose features are matched, with weights")
    style_layers: Layers = _setting("layers whose Gram matrices are matched, with weights")
    content_weight: float = _setting("weight of the content term", low=0)
    style_weight: float = _setting("weight of the style term", low=0)
    tv_weight: float = _setting("weight of the total variation term", low=0)
    form: str = _setting(
        "how the terms are normalised: as in the paper (sums, pixels 0-255), or as means that do not depend on size",
        choices=("paper", "mean"),
    )
    feature_scale: float = _setting(
        "factor on all features; about 57.6 where weights were made for 0-255 inputs", low=1e-6, high=1e6
    )
    pooling: str = _setting("pooling of the network", choices=("max", "average"))
    start: str = _setting(
        "where the optimisation starts: the content, uniform noise, a mix of both, or the image in column init",
        choices=("content", "noise", "mix", "image"),
    )
    noise: float = _setting("share of noise in a mixed start", low=0, high=1)
    seed: int = _setting("seed of the noise", low=0, high=2**63 - 1)
    optimiser: str = _setting(
        "the optimiser; plbfgs is lbfgs with a preconditioner, which needs about half of the steps",
        choices=("lbfgs", "plbfgs", "adam"),
    )
    learning_rate: float = _setting(
        "step size; 1 is usual for lbfgs and plbfgs, 0.003 to 0.05 for adam", low=1e-9, high=1e3
    )
    steps: int = _setting("number of steps (updates of the image)", low=0, high=1_000_000)
    snapshot_every: int = _setting("keep an image every so many steps; 0 keeps none", low=0, high=1_000_000)
    keep: str = _setting("which image is the result: the last or the best", choices=("last", "best"))
    format: str = _setting("file format of the result", choices=("png", "jpeg", "webp"))
    quality: int = _setting("quality of jpeg and webp; 100 makes webp lossless", low=1, high=100)
    alpha: str = _setting(
        "transparency of the content: composited on white, or kept in the output as well",
        choices=("white", "keep"),
    )

    def __post_init__(self) -> None:
        """Checks every value, so that no unusable settings can exist.

        Raises:
            SettingError: a value out of its range or choices, or two values that do not go together.
        """
        for spec in SETTING_FIELDS:
            value = getattr(self, spec.name)
            spec.check(value)
            if spec.type is float:  # 1 and 1.0 are one value, and so one job id
                object.__setattr__(self, spec.name, float(value))
        if self.alpha == "keep" and self.format == "jpeg":
            raise SettingError("does not go with format=jpeg", where="alpha", todo="use format png or webp")

    def to_dict(self) -> dict[str, object]:
        """Returns plain JSON values, layers as text; the inverse of `from_dict`."""
        values = {spec.name: getattr(self, spec.name) for spec in SETTING_FIELDS}
        return values | {name: format_layers(values[name]) for name in ("content_layers", "style_layers")}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> "Settings":
        """Reads what `to_dict` wrote."""
        layers = {name: parse_layers(str(values[name])) for name in ("content_layers", "style_layers")}
        return cls(**{**values, **layers})  # type: ignore[arg-type]  # checked in __post_init__


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingField:
    """What is known of one setting.

    Attributes:
        name: the column's name.
        type: of the value: int, float, str or `Layers`.
        optional: whether None is a value.
        help: one sentence.
        choices: allowed words; empty where it is no choice.
        low: least allowed number.
        high: greatest allowed number.
    """

    name: str
    type: Any
    optional: bool
    help: str
    choices: tuple[str, ...]
    low: float | None
    high: float | None

    @property
    def allowed(self) -> str:
        """The allowed values, in words."""
        if self.choices:
            return " | ".join(self.choices)
        if self.type == Layers:
            return "layers, for instance: conv1_1=0.2 conv2_1=0.8"
        kind = "whole number" if self.type is int else "number"
        low = f" from {self.low:g}" if self.low is not None else ""
        high = f" to {self.high:g}" if self.high is not None else ""
        return f"{kind}{low}{high}"

    def check(self, value: Any) -> None:
        """Raises SettingError unless the value is allowed."""
        if value is None and self.optional:
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


def _specs() -> tuple[SettingField, ...]:
    hints = get_type_hints(Settings)
    return tuple(
        SettingField(
            name=field.name,
            type=get_args(hints[field.name])[0] if type(None) in get_args(hints[field.name]) else hints[field.name],
            optional=type(None) in get_args(hints[field.name]),
            **field.metadata,
        )
        for field in dataclasses.fields(Settings)
    )


SETTING_FIELDS = _specs()
"""One `SettingField` a setting, in the order of the columns."""
