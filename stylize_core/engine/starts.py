"""The start image of an optimisation."""

import torch
from torch import Tensor

from stylize_core.settings import Settings


def start_image(settings: Settings, content: Tensor, init: Tensor | None) -> Tensor:
    """Returns the start of one job, (3, H, W) float32 in [0, 1].

    Noise is uniform in [0, 1] and drawn on the CPU from the job's own seed: it is the same on every device and in every
    batch.

    Args:
        settings: of the job.
        content: (3, H, W) in [0, 1].
        init: (3, H, W) in [0, 1]; required if `start` is `image`.
    """
    if settings.start == "content":
        return content.clone()
    if settings.start == "image":
        assert init is not None, "a manifest row with start=image has an init"
        return init.clone()
    noise = torch.rand(content.shape, generator=torch.Generator().manual_seed(settings.seed))
    return noise if settings.start == "noise" else torch.lerp(content, noise, settings.noise)
