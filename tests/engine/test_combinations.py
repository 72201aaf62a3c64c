"""Every two values of two controls work together, or are refused by name."""

import itertools
from typing import Any

import pytest
import torch
from fixtures.optimisers import RATES

from stylize_core.engine.engine import Engine
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import Weights
from stylize_core.errors import SettingError
from stylize_core.presets import resolve
from stylize_core.settings import STYLE_LOSS_FORMS

CONTROLS: dict[str, tuple[Any, ...]] = {
    "form": ("relative", "mean", "paper"),
    "style_loss": tuple(STYLE_LOSS_FORMS),
    "scales": (1, 2, 0),
    "colour": ("style", "content", "match"),
    "fit": ("keep", "exact", "crop", "stretch"),
    "size": (32, 0),
    "style_scale": (1.0, 0.5),
    "start": ("content", "noise", "mix", "image"),
    "optimiser": tuple(RATES),
    "pooling": ("max", "average"),
    "keep": ("last", "best"),
}
EXCLUDED = {("size", "fit"): {(0, "crop"), (0, "stretch")}}
"""For forms, see `STYLE_LOSS_FORMS`."""

HEIGHT, WIDTH = 31, 37


def goes(values: dict[str, Any]) -> bool:
    """Whether values work together according to the documentation."""
    excluded = any((values[a], values[b]) in pairs for (a, b), pairs in EXCLUDED.items())
    return not excluded and values["form"] in STYLE_LOSS_FORMS[values["style_loss"]]


def pairwise_rows() -> list[dict[str, Any]]:
    """Rows that cover every valid pair of values of two controls, found greedily."""
    names = list(CONTROLS)
    missing = {
        frozenset({(a, x), (b, y)})
        for a, b in itertools.combinations(names, 2)
        for x, y in itertools.product(CONTROLS[a], CONTROLS[b])
        if goes({**{name: values[0] for name, values in CONTROLS.items()}, a: x, b: y})
    }
    rows = []
    while missing:
        row = {name: values[0] for name, values in CONTROLS.items()} | dict(min(missing, key=sorted_text))
        for name in names:
            options = [{**row, name: value} for value in CONTROLS[name] if goes({**row, name: value})]
            row = max(options, key=lambda one: sum(pair <= set(one.items()) for pair in missing)) if options else row
        covered = {pair for pair in missing if pair <= set(row.items())}
        if not covered:
            row = {name: values[0] for name, values in CONTROLS.items()} | dict(min(missing, key=sorted_text))
            covered = {pair for pair in missing if pair <= set(row.items())}
        missing -= covered
        rows.append(row)
    return rows


def sorted_text(pair: frozenset[tuple[str, Any]]) -> str:
    """A fixed order, so that the rows are the same each time."""
    return str(sorted(map(str, pair)))


def picture(seed: int, height: int, width: int) -> torch.Tensor:
    """A seeded picture."""
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def engine(builtin: Weights) -> Engine:
    """An engine in float32."""
    return Engine(builtin, device=torch.device("cpu"), precision="float32")


@pytest.mark.parametrize("values", pairwise_rows(), ids=lambda values: "-".join(map(str, values.values())))
def test_every_two_values_go_together(engine: Engine, values: dict[str, Any]) -> None:
    """A small job with these settings finishes: finite losses of every step, an image of its shape."""
    given = {**values, "steps": 3, "content_layers": "conv2_1", "style_layers": "conv1_1 conv3_1", "style_weight": 10.0}
    settings = resolve("default-1", {**given, "learning_rate": RATES[values["optimiser"]]})
    init = picture(3, HEIGHT, WIDTH) if values["start"] == "image" else None
    pair = Pair(
        settings=settings, content=picture(1, HEIGHT, WIDTH), style=picture(2, 24, 40), style_key=str(values), init=init
    )
    (found,) = engine.optimise([pair])
    assert found.losses.isfinite().all()
    assert found.final.isfinite().all()
    assert found.image.shape == (3, HEIGHT, WIDTH)
    assert not found.diverged


@pytest.mark.parametrize(("name", "form"), [(n, f) for n in STYLE_LOSS_FORMS for f in CONTROLS["form"]])
def test_a_form_that_is_not_defined_is_refused(name: str, form: str) -> None:
    """The error names the setting and the possible forms."""
    if form in STYLE_LOSS_FORMS[name]:
        assert resolve("default-1", {"style_loss": name, "form": form}).style_loss == name
        return
    with pytest.raises(SettingError, match=f"not defined in form={form}") as caught:
        resolve("default-1", {"style_loss": name, "form": form})
    assert caught.value.where == "style_loss"


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_exact_pixels_are_not_cropped(fit: str) -> None:
    """size=content keeps every pixel of the content, so it allows no other fit."""
    with pytest.raises(SettingError, match="does not go with size=content"):
        resolve("default-1", {"size": 0, "fit": fit})
