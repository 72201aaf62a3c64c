"""How many operations an evaluation takes."""

from stylize_core.engine.memory import CHANNELS
from stylize_core.engine.objective import layers_in_use
from stylize_core.settings import LAYERS, Settings


def evaluation_flops(settings: Settings, height: int, width: int, *, recompute: bool = False) -> float:
    """Returns the operations of one evaluation of one image, counted the plain way: convolutions and Gram matrices.

    Each is one product forward and one backward (the gradient by its input); with `recompute` another one forward.
    """
    passes = 3 if recompute else 2
    last = max(LAYERS.index(name) for name in layers_in_use(settings))
    styles = {name for name, _ in settings.style_layers}
    total, inputs = 0.0, 3
    for name in LAYERS[: last + 1]:
        outputs, positions = CHANNELS[name], height * width / 4.0 ** (int(name[4]) - 1)
        total += 2 * 9 * inputs * outputs * positions
        total += 2 * outputs * outputs * positions if name in styles else 0
        inputs = outputs
    return passes * total
