"""From a validated row to a job: inputs fingerprinted, shapes known, the id computed."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from stylize_core.engine.decode import shape_of
from stylize_core.engine.network import least_edge
from stylize_core.engine.objective import layers_in_use
from stylize_core.engine.resize import output_shape, style_shape
from stylize_core.engine.weights import Weights, require_layers
from stylize_core.errors import ImageTooSmall, InputError, StylizeError
from stylize_core.job import Job, Source, job_id, public_uri
from stylize_core.manifest.row import Row
from stylize_core.settings import LAYERS
from stylize_core.store.fingerprints import Fingerprint, Fingerprints
from stylize_core.store.inputs import read_input, stat_input

READERS = 8
"""Threads that read inputs never seen before."""

Sources = Mapping[str, Source | StylizeError]
"""Inputs by URI: what they are, or why they cannot be used."""


def fingerprint(uris: Collection[str], known: Fingerprints) -> Sources:
    """Returns each input as it is now, or why it cannot be used; only files never seen before are read."""
    with ThreadPoolExecutor(READERS) as pool:
        return dict(zip(uris, pool.map(lambda uri: _source(uri, known), uris), strict=True))


def _source(uri: str, known: Fingerprints) -> Source | StylizeError:
    try:
        size, stamp = stat_input(uri)
        entry = known.get(uri, size, stamp)
        if entry is None:
            data = read_input(uri)
            width, height = shape_of(data, uri)
            entry = Fingerprint(hashlib.sha256(data).hexdigest(), width, height)
            known.add(uri, size, stamp, entry)
        return Source(uri=uri, sha256=entry.sha256, width=entry.width, height=entry.height)
    except InputError as error:
        return error


def job_of(row: Row, sources: Sources, weights: Weights, precision: str) -> Job:
    """Returns the job of a row.

    Raises:
        InputError: an input cannot be used.
        WeightsIncomplete: the weights do not reach a layer in use.
    """
    settings = row.settings
    content, style = _usable(sources[row.content]), _usable(sources[row.style])
    init = _usable(sources[row.init]) if row.init else None
    layers = layers_in_use(settings)
    require_layers(weights, layers)
    height, width = output_shape(content.width, content.height, settings.size, settings.fit)
    style_edges = style_shape(
        style.width, style.height, settings.style_size or settings.size, settings.style_fit, height, width
    )
    _require_edges("target", content, (height, width), layers)
    _require_edges("style", style, style_edges, layers)
    styles = ((style, 1.0),)
    identity = job_id(
        content=content,
        styles=styles,
        init=init,
        settings=settings,
        weights_sha256=weights.sha256,
        precision=precision,
    )
    return Job(
        job_id=identity, content=content, styles=styles, init=init, settings=settings, height=height, width=width
    )


def _require_edges(name: str, source: Source, edges: tuple[int, int], layers: Sequence[str]) -> None:
    least = least_edge(layers)
    if min(edges) < least:
        deepest = max(layers, key=LAYERS.index)
        what = f"the {name} would be {edges[1]} x {edges[0]} px, but {deepest} needs {least} px"
        raise ImageTooSmall(what, where=public_uri(source.uri))


def _usable(source: Source | StylizeError) -> Source:
    if isinstance(source, StylizeError):
        raise source
    return source
