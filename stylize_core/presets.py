"""Presets: named settings. Each value is marked as from its source (a readme or the paper) or as ours.

Weights of form `mean` suit a network whose input is (x − mean)/std; see `engine/losses/` for the forms.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from stylize_core.errors import SettingError
from stylize_core.layers import LAYERS, Layers, parse_layers
from stylize_core.settings import NEUTRAL, SETTING_FIELDS, Settings

STYLE_LAYERS = "conv1_1 conv2_1 conv3_1 conv4_1 conv5_1"
BASE: Mapping[str, object] = MappingProxyType(
    {
        "size": 512,
        "fit": "keep",
        "style_size": None,
        "style_fit": "keep",
        "content_layers": "conv4_2",
        "style_layers": STYLE_LAYERS,
        "content_weight": 1.0,
        "style_weight": 1e6,
        "tv_weight": 0.0,
        "form": "mean",
        "feature_scale": 1.0,
        "pooling": "max",
        "start": "content",
        "noise": 0.5,
        "seed": 0,
        "optimiser": "lbfgs",
        "learning_rate": 1.0,
        "steps": 300,
        "snapshot_every": 0,
        "keep": "last",
        "format": "png",
        "quality": 95,
        "alpha": "white",
    }
)
"""Defaults of every preset; ours. A setting of a later release defaults to its neutral value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A named set of values.

    Attributes:
        name: as written in column `preset`.
        summary: one line.
        source: values that the preset's source states.
        ours: values that we chose because the source does not state them.
    """

    name: str
    summary: str
    source: Mapping[str, object]
    ours: Mapping[str, object]

    @property
    def values(self) -> dict[str, object]:
        """All settings of the preset, layers as text."""
        return {**NEUTRAL, **BASE, **self.ours, **self.source}

    def origin(self, setting: str) -> str:
        """Returns `source` or `ours`."""
        return "source" if setting in self.source else "ours"


_PAINTED: Mapping[str, object] = {
    "form": "relative",
    # In this form conv1_1 carries the palette, and each deeper layer has a stronger effect than the one before.
    "style_layers": "conv1_1=0.8 conv2_1=0.1 conv3_1=0.04 conv4_1=0.03 conv5_1=0.03",
    "style_weight": 50.0,
    "tv_weight": 0.3,
    "scales": 0,
    "optimiser": "plbfgs",
}
"""Chosen by eye, see docs/pictures.md. Terms relative to their targets do not depend on the scale of a network, so
values chosen on the built-in network hold for others."""

_HATCHED: Mapping[str, object] = {
    "style_weight": 2e7,
    "style_layers": "conv1_1=0.1 conv2_1=0.2 conv3_1=0.2 conv4_1=0.3 conv5_1=0.2",
    "optimiser": "plbfgs",
}
"""Chosen by eye on the built-in network. With ImageNet weights the balance is about that of the
PyTorch program by the paper's author, 1 : 1e3/N² on 0-255 inputs, which is 1 : 1.6e7 in this form."""

_ALL = (
    Preset(
        name="default",
        summary="strokes of the style over the whole picture, on any VGG-19; ours",
        source={},
        ours={**_PAINTED, "steps": 150},
    ),
    Preset(
        name="fast",
        summary="as default in 60 steps: for previews, sweeps and large data sets; ours",
        source={},
        ours={**_PAINTED, "steps": 60},
    ),
    Preset(
        name="default-1",
        summary="default of release 0.1: the photograph recoloured and hatched; ours",
        source={},
        ours={**_HATCHED, "steps": 100},
    ),
    Preset(
        name="fast-1",
        summary="fast of release 0.1: as default-1 in 40 steps; ours",
        source={},
        ours={**_HATCHED, "steps": 40},
    ),
    Preset(
        name="gatys2016",
        summary="Gatys, Ecker, Bethge, CVPR 2016: noise start, average pooling, L-BFGS",
        source={
            "content_layers": "conv4_2",
            "style_layers": STYLE_LAYERS,  # w = 1/5 each
            "form": "paper",
            "pooling": "average",
            "start": "noise",
            "optimiser": "lbfgs",
        },
        # The paper's ratios 1e-3 .. 1e-4 belong to another normalisation of its terms. 1 : 1e8 was chosen by eye on the
        # built-in network at 128 to 256 px (benchmarks/README.md); the content term, a sum, grows with the image.
        ours={"content_weight": 1.0, "style_weight": 1e8, "steps": 500},
    ),
    Preset(
        name="adam2000",
        summary="origin 000: Adam at 0.003 for 2000 steps, a snapshot every 400",
        source={
            "content_layers": "conv4_2",
            "style_layers": "conv1_1 conv2_1 conv3_1 conv4_1",
            "optimiser": "adam",
            "learning_rate": 0.003,
            "steps": 2000,
            "snapshot_every": 400,
        },
        ours={},
    ),
    Preset(
        name="noise-start",
        summary="origin 001: random start, Gram of every style layer, MSE content",
        source={"start": "noise", "form": "mean"},
        ours={"style_layers": " ".join(LAYERS[:13]), "steps": 500},
    ),
    Preset(
        name="tv",
        summary="origin 002: equal shapes, content + style + total variation, Adam",
        source={"fit": "stretch", "style_fit": "stretch", "optimiser": "adam"},
        ours={"tv_weight": 1.0, "learning_rate": 0.02, "steps": 500},  # the source has the term but gives no number
    ),
    Preset(
        name="avgpool",
        summary="origin 003: MSE of features of several layers and of Grams, average pooling",
        # "Multiple convolutional layers": those of the program that the source links to.
        source={"content_layers": STYLE_LAYERS, "form": "mean", "pooling": "average"},
        ours={"optimiser": "adam", "learning_rate": 0.02, "steps": 500},
    ),
    Preset(
        name="keras",
        summary="origin 004: the paper's formulas, weights 8e-4 and 8e-1 for 0-255 inputs, Adam for 3000 steps",
        source={
            "content_layers": "conv4_2",
            "form": "paper",
            "content_weight": 8e-4,
            "style_weight": 8e-1,
            "pooling": "max",
            "start": "content",
            "optimiser": "adam",
            "steps": 3000,
        },
        ours={"feature_scale": 57.6, "learning_rate": 0.02},
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _ALL})
"""Every preset by its name."""


def resolve(preset: str, given: Mapping[str, object]) -> Settings:
    """Returns the settings of a preset with some values replaced.

    Args:
        preset: a preset's name.
        given: typed values by setting; layers as text or parsed.

    Raises:
        SettingError: unknown preset, or a value that is not allowed.
    """
    if preset not in PRESETS:
        near = get_close_matches(preset, PRESETS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"use {' | '.join(PRESETS)}"
        raise SettingError(f"unknown preset {preset!r}", where="preset", todo=hint)
    values = {**PRESETS[preset].values, **given}
    for name in (field.name for field in SETTING_FIELDS if field.type == Layers):
        if isinstance(values[name], str):
            values[name] = parse_layers(str(values[name]))
    if values["style_size"] is None:
        values["style_size"] = values["size"]
    return Settings(**values)  # type: ignore[arg-type]  # every value is checked in __post_init__
