from pathlib import Path

import pytest

from stylize_core.manifest.manifest import Manifest
from stylize_core.manifest.row import Row
from stylize_core.presets import PRESETS
from stylize_core.settings import SETTING_FIELDS

MANIFESTS = Path(__file__).parents[2] / "manifests"
CONTENTS = {"astronaut", "cat", "coffee", "rocket", "motorcycle"}
STYLES = {"brick", "gravel", "grass", "ihc", "retina", "colorwheel", "waves", "mosaic"}

CONTROLS = {
    "style-losses": "style_loss",
    "forms": "form",
    "sizes": "size",
    "scales": "scales",
    "colours": "colour",
    "exact-sizes": "fit",
    "style-scales": "style_scale",
}
"""Manifests that demonstrate a setting, with that setting."""


def shipped(name: str) -> list[Row]:
    """The rows of a manifest of the repository, none of which is rejected."""
    path = MANIFESTS / f"{name}.csv"
    with path.open("rb") as file:
        found = list(Manifest(file, str(path)))
    rows = [row for row in found if isinstance(row, Row)]
    assert len(rows) == len(found)
    return rows


def test_one_manifest_a_preset_a_control_and_the_demo() -> None:
    """Nothing is missing and nothing is left over."""
    assert {path.stem for path in MANIFESTS.glob("*.csv")} == {*PRESETS, *CONTROLS, "demo", "choice"}


@pytest.mark.parametrize("name", [*PRESETS, "demo"])
def test_a_shipped_manifest_is_valid(name: str) -> None:
    """Every row runs its preset on the demo's pictures, at a small size, with an id."""
    rows = shipped(name)
    assert {row.preset for row in rows} == {"default" if name == "demo" else name}
    assert all(row.id for row in rows)
    folder = MANIFESTS / "images"
    assert {row.content for row in rows} <= {str(folder / f"{stem}.png") for stem in CONTENTS}
    assert {row.style for row in rows} <= {str(folder / f"{stem}.png") for stem in STYLES}
    assert {row.settings.size for row in rows} == {192 if name == "demo" else 256}


def test_the_choice_of_the_default_is_valid() -> None:
    """The earlier default and four ways to set today's, on each of two pairs."""
    rows = shipped("choice")
    assert len({(row.content, row.style) for row in rows}) == 2
    assert [row.preset for row in rows] == ["default-1", *["default"] * 4] * 2
    assert {row.settings.size for row in rows} == {224}


@pytest.mark.parametrize(("name", "setting"), CONTROLS.items())
def test_a_control_is_compared(name: str, setting: str) -> None:
    """Each pair has every value of the setting, or at least three numbers."""
    rows = shipped(name)
    allowed = next(field.choices for field in SETTING_FIELDS if field.name == setting)
    pairs = {(row.content, row.style) for row in rows}
    found = {
        pair: {getattr(row.settings, setting) for row in rows if (row.content, row.style) == pair} for pair in pairs
    }
    for values in found.values():
        assert len(values) >= 3 or setting == "fit"
        assert not allowed or setting == "fit" or values == set(allowed)
    assert len({row.id for row in rows}) == len(rows)


@pytest.mark.parametrize("name", [*PRESETS, *CONTROLS, "demo"])
def test_the_readme_tells_of_each_manifest(name: str) -> None:
    """Each file has a line in the readme."""
    assert f"`{name}.csv`" in (MANIFESTS / "README.md").read_text()


def test_the_demo_has_six_to_eight_pairs() -> None:
    """Different pairs, all at the demo's size."""
    pairs = {(row.content, row.style) for row in shipped("demo")}
    assert 6 <= len(pairs) == len(shipped("demo")) <= 8


def test_noise_start_sweeps_the_trade_off() -> None:
    """One pair, at least four style weights, everything else equal."""
    rows = shipped("noise-start")
    assert len({row.settings.style_weight for row in rows}) == len(rows) >= 4
    assert len({(row.content, row.style, row.settings.content_weight, row.settings.seed) for row in rows}) == 1


def test_adam2000_keeps_five_snapshots() -> None:
    """A snapshot every 400 of 2000 steps."""
    assert {(row.settings.steps, row.settings.snapshot_every) for row in shipped("adam2000")} == {(2000, 400)}


def test_keras_compares_layers_and_starts() -> None:
    """conv4_2 with conv2_2 and the content with a noise start, on one pair."""
    rows = shipped("keras")
    compared = {(row.settings.content_layers[0][0], row.settings.start) for row in rows}
    assert compared == {(layer, start) for layer in ("conv4_2", "conv2_2") for start in ("content", "noise")}
    assert len({(row.content, row.style) for row in rows}) == 1
    assert len(rows) == 4
