"""The number of operations of an evaluation."""

from stylize_core.engine.losses import TERMS
from stylize_core.engine.memory import CHANNELS
from stylize_core.engine.scales import stages
from stylize_core.layers import LAYERS
from stylize_core.settings import Settings


def job_flops(
    settings: Settings, height: int, width: int, *, steps: int | None = None, recompute: bool = False
) -> float:
    """Returns the operations of all evaluations of a job, at every size.

    Args:
        settings: of the job.
        height: of the output, pixels.
        width: of the output, pixels.
        steps: number of updates; that of the settings unless given.
        recompute: see `evaluation_flops`.
    """
    way = stages(height, width, settings.scales, settings.steps if steps is None else steps)
    counts = [stage.steps + (place == len(way) - 1) for place, stage in enumerate(way)]
    costs = [evaluation_flops(settings, stage.height, stage.width, recompute=recompute) for stage in way]
    return sum(count * cost for count, cost in zip(counts, costs, strict=True))


def evaluation_flops(settings: Settings, height: int, width: int, *, recompute: bool = False) -> float:
    """Returns the operations of one evaluation of one image, for direct convolutions and losses.

    Each has one product forward and one backward (the gradient with respect to its input); with `recompute` another one
    forward.
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
