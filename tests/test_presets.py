"""Presets: each reproduces the values that its source states, and marks them."""

from typing import Any

import pytest

from stylize_core.errors import SettingError
from stylize_core.layers import LAYERS, format_layers
from stylize_core.presets import BASE, PRESETS, resolve
from stylize_core.settings import NEUTRAL, SETTING_FIELDS, Settings

FIVE = "conv1_1 conv2_1 conv3_1 conv4_1 conv5_1"

STATED: dict[str, dict[str, Any]] = {
    "gatys2016": {
        "content_layers": "conv4_2",
        "style_layers": FIVE,
        "form": "paper",
        "pooling": "average",
        "start": "noise",
        "optimiser": "lbfgs",
    },
    "adam2000": {
        "content_layers": "conv4_2",
        "style_layers": "conv1_1 conv2_1 conv3_1 conv4_1",
        "optimiser": "adam",
        "learning_rate": 0.003,
        "steps": 2000,
        "snapshot_every": 400,
    },
    "noise-start": {"start": "noise", "form": "mean"},
    "tv": {"fit": "stretch", "style_fit": "stretch", "optimiser": "adam"},
    "avgpool": {"content_layers": FIVE, "form": "mean", "pooling": "average"},
    "keras": {
        "content_layers": "conv4_2",
        "form": "paper",
        "content_weight": 8e-4,
        "style_weight": 8e-1,
        "pooling": "max",
        "start": "content",
        "optimiser": "adam",
        "steps": 3000,
    },
}
"""The sources' values, by preset."""

EACH_PRESET = pytest.mark.parametrize("name", PRESETS)


def test_there_are_eight() -> None:
    """Six sources have a preset each; `default` and `fast` are ours and come first."""
    assert list(PRESETS) == [
        "default",
        "fast",
        "default-1",
        "fast-1",
        "gatys2016",
        "adam2000",
        "noise-start",
        "tv",
        "avgpool",
        "keras",
    ]
    assert [preset.name for preset in PRESETS.values()] == list(PRESETS)
    assert set(STATED) == set(PRESETS) - {"default", "fast", "default-1", "fast-1"}


@pytest.mark.parametrize("name", STATED)
def test_what_the_source_states(name: str) -> None:
    """Exactly the values that the source states are resolved to them and marked as the source's."""
    settings = resolve(name, {}).to_dict()
    assert {setting: settings[setting] for setting in STATED[name]} == STATED[name]
    assert {spec.name for spec in SETTING_FIELDS if PRESETS[name].origin(spec.name) == "source"} == set(STATED[name])


def test_the_default_is_all_ours() -> None:
    """`default` has no source: every value is marked as ours."""
    assert {PRESETS["default"].origin(spec.name) for spec in SETTING_FIELDS} == {"ours"}


@EACH_PRESET
def test_every_value_is_a_known_setting(name: str) -> None:
    """A preset names only settings, and resolves all of them."""
    preset = PRESETS[name]
    assert set(preset.source) | set(preset.ours) <= {spec.name for spec in SETTING_FIELDS}
    assert not set(preset.source) & set(preset.ours)
    assert set(preset.values) == {spec.name for spec in SETTING_FIELDS} == {*BASE, *NEUTRAL}
    settings = resolve(name, {})
    assert all(getattr(settings, spec.name) is not None for spec in SETTING_FIELDS)
    assert Settings.from_dict(settings.to_dict()) == settings


@EACH_PRESET
def test_the_builtin_weights_reach_every_preset(name: str) -> None:
    """No preset needs a layer beyond conv5_1, where the built-in weights end."""
    settings = resolve(name, {})
    used = {layer for layer, _ in settings.content_layers + settings.style_layers}
    assert used <= set(LAYERS[: LAYERS.index("conv5_1") + 1])


@pytest.mark.parametrize(("name", "layers"), [("gatys2016", 5), ("adam2000", 4), ("keras", 5)])
def test_style_layers_weigh_the_same(name: str, layers: int) -> None:
    """Without numbers each of n style layers weighs 1/n: the paper's 1/5."""
    assert [weight for _, weight in resolve(name, {}).style_layers] == [1 / layers] * layers


def test_noise_start_uses_every_style_layer() -> None:
    """`noise-start` compares the Gram matrix of every layer up to conv5_1."""
    assert [layer for layer, _ in resolve("noise-start", {}).style_layers] == list(LAYERS[:13])


def test_tv_compares_equal_shapes_and_smooths() -> None:
    """`tv` stretches content and style to one shape, and its total variation counts."""
    settings = resolve("tv", {})
    assert settings.style_size == settings.size
    assert settings.tv_weight > 0
    assert all(resolve(name, {}).tv_weight == 0 for name in PRESETS if name not in ("tv", "default", "fast"))


def test_avgpool_compares_several_layers() -> None:
    """`avgpool` is a weighted sum over several layers of features and of Gram matrices."""
    settings = resolve("avgpool", {})
    assert len(settings.content_layers) > 1
    assert len(settings.style_layers) > 1


def test_keras_was_made_for_0_255_inputs() -> None:
    """`keras` scales features to those of inputs of 0-255: 1/std of ImageNet times 57.6 is about 255."""
    std = (0.229 + 0.224 + 0.225) / 3
    assert resolve("keras", {}).feature_scale / std == pytest.approx(255, rel=0.01)


def test_given_values_win() -> None:
    """A row's values replace the preset's; layers may be text or parsed."""
    text = resolve("gatys2016", {"steps": 7, "content_layers": "conv2_2", "seed": 9})
    parsed = resolve("gatys2016", {"steps": 7, "content_layers": (("conv2_2", 1.0),), "seed": 9})
    assert text == parsed
    assert (text.steps, format_layers(text.content_layers), text.pooling) == (7, "conv2_2", "average")


@pytest.mark.parametrize(("given", "expected"), [({}, 512), ({"size": 64}, 64), ({"size": 64, "style_size": 32}, 32)])
def test_style_size_follows_size(given: dict[str, object], expected: int) -> None:
    """The style has the output's size unless the row gives another."""
    assert resolve("default-1", given).style_size == expected


@pytest.mark.parametrize(
    ("name", "hint"), [("gatys2061", "'gatys2016'"), ("", "default | fast | default-1"), ("zzz", "keras")]
)
def test_an_unknown_preset_is_named(name: str, hint: str) -> None:
    """An unknown preset is an error that names the nearest, or all."""
    with pytest.raises(SettingError, match="unknown preset") as caught:
        resolve(name, {})
    assert caught.value.where == "preset"
    assert hint in caught.value.todo


def test_a_bad_value_is_refused() -> None:
    """Values are checked when a preset is resolved."""
    with pytest.raises(SettingError, match="steps cannot be -1"):
        resolve("default-1", {"steps": -1})
    with pytest.raises(SettingError, match="unknown layer"):
        resolve("default-1", {"style_layers": "conv9_9"})


def test_presets_cannot_be_changed() -> None:
    """Presets are constants: changing the returned values does not change the preset."""
    PRESETS["keras"].values["steps"] = 1
    assert resolve("keras", {}).steps == 3000
    with pytest.raises(TypeError):
        BASE["steps"] = 1  # type: ignore[index]  # the point
