"""All settings of a job, in one frozen dataclass: the only definition of names, meanings and ranges.

The manifest's row model, the column dictionary, the help of the command line, the job id, groups, comparability and the
record in results are derived from the fields below.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args, get_type_hints

from stylize_core.errors import SettingError
from stylize_core.layers import Layers, parse_layers
from stylize_core.setting_field import ALWAYS, SettingField, setting
from stylize_core.terms import TERM_NAMES

STYLE_LOSS_FORMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "gram": ("paper", "mean", "relative"),
        "covariance": ("paper", "mean", "relative"),
        "meanstd": ("mean", "relative"),
        "gram+meanstd": ("relative",),
        "wasserstein": ("mean", "relative"),
        "sliced": ("mean", "relative"),
        "histogram": ("mean", "relative"),
        "cmd": ("mean", "relative"),
        "nn": ("mean", "relative"),
    }
)
"""The style losses, see `engine/losses/style.py`, with the forms in which each is defined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of a job, resolved. Values come from a preset and a manifest row; see `presets.resolve`."""

    size: int = setting(
        "long edge of the output in pixels, smaller contents are enlarged; content: exactly the content's own pixels",
        low=16,
        high=8192,
        words={"content": 0},
        scale="terms",
    )
    fit: str = setting(
        "shape of the output: keep the content's aspect (short edge rounded to a multiple of 8), keep it exactly, crop "
        "its middle to size x size, or stretch it to size x size",
        choices=("keep", "exact", "crop", "stretch"),
    )
    style_size: int | None = setting(
        "long edge to which the style is resized; the same as the output's unless given",
        low=16,
        high=16384,
        words={"content": 0},
    )
    style_scale: float = setting("factor on the long edge of the style", low=0.05, high=20, neutral=1.0)
    style_fit: str = setting(
        "keep the style's aspect, or stretch the style to the shape of the output",
        choices=("keep", "stretch"),
    )
    content_layers: Layers = setting("layers whose features are matched, with weights", scale="terms")
    style_layers: Layers = setting("layers whose Gram matrices are matched, with weights", scale="terms")
    content_weight: float = setting("weight of the content term", low=0, scale="totals")
    style_weight: float = setting("weight of the style term", low=0, scale="totals")
    tv_weight: float = setting("weight of the total variation term", low=0, scale="totals")
    form: str = setting(
        "how the terms are normalised: as in the paper (sums, pixels 0-255), as means that do not depend on size, or "
        "relative to their targets, which does not depend on the scale of the network's layers either",
        choices=("paper", "mean", "relative"),
        fixes_graph=True,
        scale="terms",
    )
    style_loss: str = setting(
        "what is compared with the style at each style layer: Gram matrices, covariances, means and spreads, Gram "
        "matrices and these, the Wasserstein distance of Gaussians, sliced Wasserstein distances, histograms, central "
        "moments, or nearest neighbours",
        choices=tuple(STYLE_LOSS_FORMS),
        neutral="gram",
        fixes_graph=True,
        scale="terms",
    )
    feature_scale: float = setting(
        "factor on all features; about 57.6 for weights made for 0-255 inputs", low=1e-6, high=1e6, scale="terms"
    )
    pooling: str = setting("pooling of the network", choices=("max", "average"), fixes_graph=True, scale="terms")
    scales: int = setting(
        "number of sizes at which the picture is optimised, each twice the previous one, up to its own: the smallest "
        "gets the most steps; auto chooses by the picture's size",
        low=1,
        high=5,
        words={"auto": 0},
        neutral=1,
        fixes_graph=True,
    )
    colour: str = setting(
        "colours of the result: the style's; the content's, with only the luminance stylised; or the style's, first "
        "matched to the content's",
        choices=("style", "content", "match"),
        neutral="style",
    )
    start: str = setting(
        "where the optimisation starts: the content, uniform noise, a mix of both, or the image in column init",
        choices=("content", "noise", "mix", "image"),
    )
    noise: float = setting("share of noise in a mixed start", low=0, high=1)
    seed: int = setting("seed of the noise", low=0, high=2**63 - 1)
    optimiser: str = setting(
        "the optimiser; plbfgs is lbfgs with a preconditioner, which needs about half of the steps",
        choices=("lbfgs", "plbfgs", "adam"),
        fixes_graph=True,
    )
    learning_rate: float = setting(
        "step size; 1 is usual for lbfgs and plbfgs, 0.003 to 0.05 for adam", low=1e-9, high=1e3
    )
    steps: int = setting("number of steps (updates of the image)", low=0, high=1_000_000, fixes_graph=True)
    snapshot_every: int = setting(
        "steps between two kept images; 0 keeps none", low=0, high=1_000_000, fixes_graph=True
    )
    keep: str = setting("which image is the result: the last or the best", choices=("last", "best"))
    format: str = setting("file format of the result", choices=("png", "jpeg", "webp"))
    quality: int = setting("quality of jpeg and webp; 100 makes webp lossless", low=1, high=100)
    alpha: str = setting(
        "transparency of the content: composited on white, or kept in the output as well",
        choices=("white", "keep"),
    )

    def __post_init__(self) -> None:
        """Checks every value, so that invalid settings cannot exist.

        Raises:
            SettingError: a value is not allowed, or two values exclude each other.
        """
        for spec in SETTING_FIELDS:
            value = getattr(self, spec.name)
            spec.check(value)
            if spec.type is float:  # 1 and 1.0 are the same value, and give the same job id
                object.__setattr__(self, spec.name, float(value))
        if self.alpha == "keep" and self.format == "jpeg":
            raise SettingError("does not go with format=jpeg", where="alpha", todo="use format png or webp")
        if self.size == 0 and self.fit in ("crop", "stretch"):
            raise SettingError(
                "does not go with size=content", where="fit", todo="use fit keep or exact, or give a size"
            )
        if self.form not in STYLE_LOSS_FORMS[self.style_loss]:
            forms = " or ".join(STYLE_LOSS_FORMS[self.style_loss])
            raise SettingError(f"is not defined in form={self.form}", where="style_loss", todo=f"use form {forms}")

    def __repr__(self) -> str:
        """Returns the fields with their values; words that a manifest uses stand for their numbers."""
        values = ((field, getattr(self, field.name)) for field in SETTING_FIELDS)
        return f"Settings({', '.join(f'{field.name}={field.word(value) or value!r}' for field, value in values)})"

    def style_edge(self, height: int, width: int) -> float:
        """Returns the long edge to which the style is resized, in pixels.

        Args:
            height: of the output, pixels.
            width: of the output, pixels.
        """
        return (self.style_size or max(height, width)) * self.style_scale

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms in use: always those of the first release, later ones if they have a weight."""
        return tuple(term.name for term in TERM_NAMES if term.is_original or self.weight(term.name))

    @property
    def layered_terms(self) -> tuple[str, ...]:
        """The terms in use that sum over layers."""
        return tuple(term.name for term in TERM_NAMES if term.is_layered and term.name in self.terms)

    def weight(self, term: str) -> float:
        """Returns the weight of a term."""
        weight: float = getattr(self, f"{term}_weight")
        return weight

    def layers(self, term: str) -> Layers:
        """Returns the layers of a layered term."""
        layers: Layers = getattr(self, f"{term}_layers")
        return layers

    @property
    def layers_in_use(self) -> tuple[str, ...]:
        """The layers that the terms in use read, those of content first, without repetition."""
        return tuple(dict.fromkeys(layer for term in self.layered_terms for layer, _ in self.layers(term)))

    @property
    def graph(self) -> tuple[object, ...]:
        """All that fixes the compute graph except the image's shape: jobs with equal graphs may share a batch."""
        fixed = (getattr(self, field.name) for field in SETTING_FIELDS if field.fixes_graph)
        layers = (tuple(layer for layer, _ in self.layers(term)) for term in self.layered_terms)
        return (*fixed, self.terms, *layers)

    def to_dict(self) -> dict[str, object]:
        """Returns every setting as a plain JSON value, layers as text; the inverse of `from_dict`."""
        return {field.name: field.plain(getattr(self, field.name)) for field in SETTING_FIELDS}

    def to_json(self) -> str:
        """Returns the settings as results, plans and images record them, and as the job id uses them.

        This is JSON without spaces, with sorted keys, so that equal settings are equal texts. Neutral values are left
        out, so that a setting that a later release adds does not change the ids of earlier jobs.
        """
        values = {name: value for name, value in self.to_dict().items() if value != NEUTRAL.get(name, ALWAYS)}
        return json.dumps(values, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> "Settings":
        """Reads the output of `to_dict` or `to_json`, also from an earlier release: missing settings are neutral.

        Raises:
            SettingError: a value is not allowed, or this release does not know a setting.
        """
        names = {field.name for field in SETTING_FIELDS}
        if unknown := sorted(values.keys() - names):
            what = f"these settings are of a later release: {', '.join(unknown)}"
            raise SettingError(what, todo="use the release that wrote them, or a later one")
        if missing := sorted(names - values.keys() - NEUTRAL.keys()):
            raise SettingError(f"these settings are missing: {', '.join(missing)}", todo="restore the record")
        whole = with_neutral(values)
        layers = {field.name: parse_layers(str(whole[field.name])) for field in SETTING_FIELDS if field.type == Layers}
        return cls(**{**whole, **layers})  # type: ignore[arg-type]  # checked in __post_init__


def with_neutral(values: Mapping[str, object]) -> dict[str, object]:
    """Returns recorded settings, completed with neutral values."""
    return {**NEUTRAL, **values}


def _fields() -> tuple[SettingField, ...]:
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


SETTING_FIELDS = _fields()
"""One `SettingField` per setting, in the order of the columns."""

FIELD_BY_NAME = {field.name: field for field in SETTING_FIELDS}
"""The same by name."""

NEUTRAL = {field.name: field.neutral for field in SETTING_FIELDS if field.neutral is not ALWAYS}
"""The neutral values, by setting."""

TERM_SCALE = tuple(field.name for field in SETTING_FIELDS if field.scale == "terms")
"""Settings (with the network) that must be equal for terms to be comparable."""

TOTAL_SCALE = (*TERM_SCALE, *(field.name for field in SETTING_FIELDS if field.scale == "totals"))
"""Settings (with the network) that must be equal for totals to be comparable."""
