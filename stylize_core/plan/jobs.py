"""Makes jobs of validated rows: finds shapes and computes ids; work that rows share is done once."""

from collections.abc import Mapping
from typing import NamedTuple

from stylize_core.engine.network import least_edge
from stylize_core.engine.scales import coarsest
from stylize_core.engine.weights import Weights, require_layers
from stylize_core.errors import ImageTooSmall, StylizeError
from stylize_core.job import Job, Source, job_id, public_uri
from stylize_core.layers import LAYERS
from stylize_core.manifest.row import Row
from stylize_core.settings import Settings
from stylize_core.shapes import output_shape, style_shape

Inputs = Mapping[str, Source | StylizeError]
"""Inputs by URI: their source, or why they cannot be used."""

_KEPT = 4096  # settings in the cache


class DerivedSettings(NamedTuple):
    """Facts that follow from the settings alone.

    Attributes:
        layers: the layers in use.
        deepest: the deepest of them.
        least_edge: smallest edge, in pixels, at which each of them still has a pixel.
        graph: all that fixes the compute graph except the image's shape, as one text.
    """

    layers: tuple[str, ...]
    deepest: str
    least_edge: int
    graph: str

    @classmethod
    def of(cls, settings: Settings) -> "DerivedSettings":
        """Returns the facts for settings."""
        layers = settings.layers_in_use
        return cls(layers, max(layers, key=LAYERS.index), least_edge(layers), repr(settings.graph))


class JobMaker:
    """Makes jobs from rows.

    Args:
        weights: of the network.
        precision: resolved.
    """

    def __init__(self, weights: Weights, precision: str) -> None:
        self.weights, self.precision = weights, precision
        self._facts: dict[str, DerivedSettings] = {}

    def facts(self, row: Row) -> DerivedSettings:
        """Returns the facts for a row's settings."""
        facts = self._facts.get(row.settings_json)
        if facts is None:
            if len(self._facts) == _KEPT:
                self._facts.clear()
            facts = self._facts[row.settings_json] = DerivedSettings.of(row.settings)
        return facts

    def job(self, row: Row, inputs: Inputs) -> Job:
        """Returns the job of a row.

        Raises:
            InputError: an input cannot be used.
            WeightsIncomplete: the weights do not reach a layer in use.
        """
        settings, facts = row.settings, self.facts(row)
        content, style = _usable(inputs[row.content]), _usable(inputs[row.style])
        init = _usable(inputs[row.init]) if row.init else None
        require_layers(self.weights, facts.layers)
        height, width = output_shape(content.width, content.height, settings.size, settings.fit)
        style_edges = style_shape(
            style.width, style.height, settings.style_edge(height, width), settings.style_fit, height, width
        )
        first = coarsest(height, width, settings.scales)
        _require_edges("target" if first == (height, width) else "first of the sizes", content, first, facts)
        _require_edges("style", style, style_edges, facts)
        styles = ((style, 1.0),)
        identity = job_id(
            content=content,
            styles=styles,
            init=init,
            settings=row.settings_json,
            weights_sha256=self.weights.sha256,
            precision=self.precision,
        )
        return Job(
            job_id=identity, content=content, styles=styles, init=init, settings=settings, height=height, width=width
        )


def _require_edges(name: str, source: Source, edges: tuple[int, int], facts: DerivedSettings) -> None:
    if min(edges) < facts.least_edge:
        what = f"the {name} would be {edges[1]} x {edges[0]} px, but {facts.deepest} needs {facts.least_edge} px"
        raise ImageTooSmall(what, where=public_uri(source.uri))


def _usable(source: Source | StylizeError) -> Source:
    if isinstance(source, StylizeError):
        raise source
    return source
