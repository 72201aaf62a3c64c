"""The terms of the objective by name: total = Σ weight · term.

Whatever has a column, a chart or a weight for each term follows from this list. A new term is one file in
`engine/losses/`, one line here, and its settings `<term>_weight` and `<term>_layers`.
"""

from typing import NamedTuple

from stylize_core.layers import LAYERS


class TermName(NamedTuple):
    """A term as everybody but the engine knows it.

    Attributes:
        name: also of its file in `engine/losses/`, and in the names of columns and settings.
        meaning: what charts and exports call it.
        is_layered: it sums over layers of the network, with weights; otherwise it is of the image alone.
        is_original: computed and recorded in every job, as since the first release; a later term only in jobs that
            give it a weight.
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
"""The total and the terms: of results the columns `final_<loss>`, of metrics the columns of that name."""


def loss_columns(*, is_original: bool) -> list[str]:
    """Returns the columns of metrics that terms have: the terms, then their layers without layer weights."""
    terms = [term for term in TERM_NAMES if term.is_original == is_original]
    layers = [f"{term.name}_{layer}" for term in terms if term.is_layered for layer in LAYERS]
    return [*(term.name for term in terms), *layers]
