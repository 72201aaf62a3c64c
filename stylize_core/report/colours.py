"""The colours of charts, legible on light and dark backgrounds."""

CATEGORICAL = ("#3b7dd8", "#d9822b", "#2f9e78", "#c2477f", "#8a63d2", "#a98a1f", "#4f93a5", "#8c6d5a")
"""Colours for categories."""

SEQUENTIAL = ("#4f64c4", "#3d7fc0", "#2f97ab", "#35a583", "#6aad58", "#a3a53c", "#cf9332", "#dc7434")
"""Colours for an order: of numbers, or of layers from shallow to deep."""

BAND = CATEGORICAL[0]
"""Colour of what many jobs share: bands, bars and ranges."""


def sample_colours(count: int) -> list[str]:
    """Returns `count` colours spread over the sequential scale, from its first to its last."""
    last = len(SEQUENTIAL) - 1
    return [SEQUENTIAL[round(place * last / max(count - 1, 1))] for place in range(count)]
