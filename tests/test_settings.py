"""Settings: layers as text, ranges and choices, and conversion to JSON and back."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stylize_core.errors import SettingError
from stylize_core.layers import LAYERS, format_layers, parse_layers
from stylize_core.presets import BASE, resolve
from stylize_core.setting_field import SettingField
from stylize_core.settings import NEUTRAL, SETTING_FIELDS, STYLE_LOSS_FORMS, Settings

DEFAULT = resolve("default-1", {})
BY_NAME = {spec.name: spec for spec in SETTING_FIELDS}


def values_of(spec: SettingField) -> st.SearchStrategy[Any]:
    """Every possible value of a setting, except very large numbers."""
    if spec.choices:
        return st.sampled_from(spec.choices)
    low, high = spec.low or 0, 1e12 if spec.high is None else spec.high
    if spec.type is int:
        return st.integers(int(low), int(high)) | st.sampled_from([*spec.words.values(), int(low)])
    if spec.type is float:
        return st.floats(low, high)
    return layers()


def layers() -> st.SearchStrategy[tuple[tuple[str, float], ...]]:
    """Layers in order, with weights or with 1/n each."""
    names = st.lists(st.sampled_from(LAYERS), min_size=1, unique=True).map(lambda n: sorted(n, key=LAYERS.index))

    def weighted(chosen: list[str]) -> st.SearchStrategy[tuple[tuple[str, float], ...]]:
        weights = st.lists(st.floats(0, 1e6), min_size=len(chosen), max_size=len(chosen))
        equal = st.just([1 / len(chosen)] * len(chosen))
        return (weights | equal).map(lambda w: tuple(zip(chosen, w, strict=True)))

    return names.flatmap(weighted)


def go_together(values: dict[str, Any]) -> bool:
    """Whether no two values exclude each other."""
    return (
        not (values["alpha"] == "keep" and values["format"] == "jpeg")
        and not (values["size"] == 0 and values["fit"] in ("crop", "stretch"))
        and values["form"] in STYLE_LOSS_FORMS[values["style_loss"]]
    )


ANY_SETTINGS = st.fixed_dictionaries({spec.name: values_of(spec) for spec in SETTING_FIELDS}).filter(go_together)


@given(values=ANY_SETTINGS)
@hypothesis_settings(deadline=None, max_examples=100)
def test_settings_survive_json(values: dict[str, Any]) -> None:
    """Written as JSON and read again, settings are equal: numbers to the last digit, layers with their weights."""
    settings = Settings(**values)
    assert Settings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@given(chosen=layers())
def test_layers_survive_text(chosen: tuple[tuple[str, float], ...]) -> None:
    """Layers written as text and read again are the same."""
    assert parse_layers(format_layers(chosen)) == chosen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conv4_2", (("conv4_2", 1.0),)),
        ("conv1_1 conv2_1", (("conv1_1", 0.5), ("conv2_1", 0.5))),
        ("conv1_1=0.2 conv2_1=0.8", (("conv1_1", 0.2), ("conv2_1", 0.8))),
        ("conv2_1=8e-1,conv1_1=0", (("conv1_1", 0.0), ("conv2_1", 0.8))),
        ("  conv5_4 ,\tconv1_2 ", (("conv1_2", 0.5), ("conv5_4", 0.5))),
    ],
)
def test_layers_by_hand(text: str, expected: tuple[tuple[str, float], ...]) -> None:
    """Layers are sorted shallow to deep, with their weights or 1/n each; spaces and commas separate them."""
    assert parse_layers(text) == expected


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no layer"),
        (" , ", "no layer"),
        ("conv6_1", "unknown layer 'conv6_1'"),
        ("relu4_2", "unknown layer 'relu4_2'"),
        ("Conv4_2", "unknown layer 'Conv4_2'"),
        ("conv4_2 conv4_2", "named twice"),
        ("conv1_1=0.5 conv1_1=0.5", "named twice"),
        ("conv1_1=0.5 conv2_1", "some layers have a weight"),
        *((f"conv1_1={number}", "no usable weight") for number in ("", "x", "-1", "nan", "inf", "1_0", "٣", "1=2")),
    ],
)
def test_bad_layers_are_named(text: str, what: str) -> None:
    """An error of layers says what is wrong and what to write instead."""
    with pytest.raises(SettingError, match=what) as caught:
        parse_layers(text)
    assert caught.value.todo


def test_layers_are_those_of_vgg19() -> None:
    """There are 16 layers: 2, 2, 4, 4 and 4 in five blocks."""
    assert len(LAYERS) == 16
    assert [sum(name.startswith(f"conv{block}_") for name in LAYERS) for block in range(1, 6)] == [2, 2, 4, 4, 4]
    assert (LAYERS[0], LAYERS[9], LAYERS[-1]) == ("conv1_1", "conv4_2", "conv5_4")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("size", [16, 8192, 0], [15, 8193, -5, 512.5, 512.0, "512", True, float("nan"), None, 10**400]),
        ("style_size", [16, 16384, 0, None], [15, 16385, "x"]),
        ("steps", [0, 1_000_000], [-1, 1_000_001, 1.5]),
        ("seed", [0, 2**63 - 1], [-1, 2**63]),
        ("content_weight", [0, 1e300], [-1e-9, float("inf"), float("nan"), "1", None, 10**400]),
        ("feature_scale", [1e-6, 1e6], [0, 1e7]),
        ("learning_rate", [1e-9, 1e3], [0, 1001]),
        ("noise", [0, 1], [-0.1, 1.1]),
        ("scales", [0, 1, 5], [-1, 6]),
        ("quality", [1, 100], [0, 101]),
        ("optimiser", ["adam", "lbfgs", "plbfgs"], ["Adam", "sgd", "", None]),
        ("form", ["paper", "mean"], ["sum"]),
        ("start", ["content", "noise", "mix", "image"], ["random"]),
        ("content_layers", [(("conv1_1", 1.0),)], [(), (("conv9_9", 1.0),)]),
    ],
)
def test_ranges_and_choices(name: str, good: list[Any], bad: list[Any]) -> None:
    """Values in a range, ends included, are accepted; all others are refused with the setting's name and the range."""
    for value in good:
        assert getattr(dataclasses.replace(DEFAULT, **{name: value}), name) == value
    for value in bad:
        with pytest.raises(SettingError, match=f"{name} cannot be") as caught:
            dataclasses.replace(DEFAULT, **{name: value})
        assert caught.value.where == name
        assert BY_NAME[name].allowed in caught.value.todo


def test_jpeg_has_no_transparency() -> None:
    """Transparency cannot be kept in a JPEG."""
    with pytest.raises(SettingError, match="jpeg"):
        dataclasses.replace(DEFAULT, alpha="keep", format="jpeg")
    assert dataclasses.replace(DEFAULT, alpha="keep", format="webp").alpha == "keep"


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_the_contents_own_pixels_are_not_cropped(fit: str) -> None:
    """`size=content` keeps the content's pixels, which no square has."""
    with pytest.raises(SettingError, match="size=content"):
        dataclasses.replace(DEFAULT, size=0, fit=fit)


def test_a_style_loss_has_its_forms() -> None:
    """A form in which a style loss is not defined is refused; the error names the others."""
    with pytest.raises(SettingError, match="form=paper") as caught:
        dataclasses.replace(DEFAULT, style_loss="sliced", form="paper")
    assert caught.value.todo == "use form mean or relative"


def test_whole_and_decimal_numbers_are_one_value() -> None:
    """`1` and `1.0` give equal settings and equal JSON: one job, not two."""
    whole, decimal = (dataclasses.replace(DEFAULT, content_weight=weight) for weight in (1, 1.0))
    assert json.dumps(whole.to_dict()) == json.dumps(decimal.to_dict())


def test_settings_are_frozen() -> None:
    """Settings cannot be changed, and equal ones are equal keys."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT.steps = 3  # type: ignore[misc]  # the point
    assert hash(DEFAULT) == hash(resolve("default-1", {}))


def test_settings_are_shown_with_their_words() -> None:
    """Python's representation has the manifest's word for a number with a special meaning."""
    shown = repr(dataclasses.replace(DEFAULT, size=0, scales=0, steps=0))
    assert "Settings(size='content', fit='keep'" in shown
    assert "scales='auto'" in shown
    assert "steps=0" in shown


def test_specs_describe_every_setting() -> None:
    """There is one description per setting, in the order of the fields, with help and allowed values."""
    assert [spec.name for spec in SETTING_FIELDS] == [field.name for field in dataclasses.fields(Settings)]
    assert {spec.name for spec in SETTING_FIELDS} == {*BASE, *NEUTRAL}
    assert all(spec.help and spec.allowed for spec in SETTING_FIELDS)
    assert [spec.name for spec in SETTING_FIELDS if spec.optional] == ["style_size"]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("size", "whole number from 16 to 8192, or content"),
        ("scales", "whole number from 1 to 5, or auto"),
        ("content_weight", "number from 0"),
        ("noise", "number from 0 to 1"),
        ("form", "paper | mean | relative"),
        ("style_layers", "layers, for instance: conv1_1=0.2 conv2_1=0.8"),
    ],
)
def test_allowed_in_words(name: str, allowed: str) -> None:
    """The text of a setting's allowed values is readable."""
    assert BY_NAME[name].allowed == allowed
