"""The layers of VGG-19, and the notation of weighted layers in a manifest.

Layers have the paper's names; `conv4_2` means that layer's activation after its ReLU.
"""

import math

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
        numbers += [_weight(word, number)] if equals else []
    if not names:
        raise SettingError("no layer is named", todo="write, for example: conv4_2")
    if len(set(names)) < len(names):
        raise SettingError("a layer is named twice", todo="name each layer once")
    if numbers and len(numbers) < len(names):
        raise SettingError("some layers have a weight and some have none", todo="give all layers a weight, or none")
    weights = numbers or [1 / len(names)] * len(names)
    return tuple(sorted(zip(names, weights, strict=True), key=lambda item: LAYERS.index(item[0])))


def format_layers(layers: Layers) -> str:
    """Writes layers as `parse_layers` reads them; equal weights of 1/n are left out."""
    if all(weight == 1 / len(layers) for _, weight in layers):
        return " ".join(name for name, _ in layers)
    return " ".join(f"{name}={weight!r}" for name, weight in layers)


def _weight(word: str, number: str) -> float:
    plain = number.isascii() and "_" not in number  # float() reads 1_000 and digits of other scripts too
    try:
        weight = float(number) if plain else math.nan
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise SettingError(f"{word!r} has no usable weight", todo="write, for example: conv1_1=0.2")
    return weight
