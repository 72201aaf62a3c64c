"""The terms of the objective by name: total = Σ weight · term.

All columns, charts and weights per term follow from this list. A new term needs one file in
`engine/losses/`, one line here, and the settings `<term>_weight` and `<term>_layers`.
"""

from typing import NamedTuple

from stylize_core.layers import LAYERS


class TermName(NamedTuple):
    """A term as all rooms except the engine see it.

    Attributes:
        name: also the name of its file in `engine/losses/`, and part of the names of columns and settings.
        meaning: its name in charts and exports.
        is_layered: whether it sums over layers of the network, with weights; otherwise it uses only the image.
        is_original: whether every job computes and records it, as since the first release; a later term only in jobs
              that give it a weight.
    """

    name: str
    meaning: str
    is_layered: bool = True
    is_original: bool = False


TERM_NAMES = (
    TermName("content", "content loss", is_original=True),
    TermName("style", "style loss", is_original=True),
    TermName("tv", "total variation", is_layered=False, is_original=True),
)
"""Every term, in the order of the columns."""

TERMS = tuple(term.name for term in TERM_NAMES)
LOSSES = ("total", *TERMS)
"""The total and the terms: columns `final_<loss>` in results, and columns of the same name in metrics."""


def loss_columns(*, is_original: bool) -> list[str]:
    """Returns the columns of metrics for terms: the terms, then their layers without layer weights."""
    terms = [term for term in TERM_NAMES if term.is_original == is_original]
    layers = [f"{term.name}_{layer}" for term in terms if term.is_layered for layer in LAYERS]
    return [*(term.name for term in terms), *layers]
