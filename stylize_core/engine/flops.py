"""How many operations an evaluation takes."""

from stylize_core.engine.losses import TERMS
from stylize_core.engine.memory import CHANNELS
from stylize_core.layers import LAYERS
from stylize_core.settings import Settings


def evaluation_flops(settings: Settings, height: int, width: int, *, recompute: bool = False) -> float:
    """Returns the operations of one evaluation of one image, counted the plain way: convolutions and losses.

    Each is one product forward and one backward (the gradient by its input); with `recompute` another one forward.
    """
    passes = 3 if recompute else 2
    last = max(map(LAYERS.index, settings.layers_in_use))
    read = {term: {layer for layer, _ in settings.layers(term)} for term in settings.layered_terms}
    total, inputs = 0.0, 3
    for name in LAYERS[: last + 1]:
        outputs, positions = CHANNELS[name], height * width / 4.0 ** (int(name[4]) - 1)
        total += 2 * 9 * inputs * outputs * positions
        total += sum(TERMS[term].flops(settings, outputs, positions) for term, layers in read.items() if name in layers)
        inputs = outputs
    return passes * total
