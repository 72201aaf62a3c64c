"""The normalised network: every filter's mean activation is 1, and the network computes the same function.

Gatys, Ecker, Bethge, CVPR 2016, section 2: the weights are scaled such that the mean activation of each filter over
images and positions is one. This does not change the network's output, because there are only rectified linear units
and neither normalisation nor pooling over feature maps.
"""

import os
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from stylize_core.engine.network import Vgg19, least_edge, parameter_shapes
from stylize_core.engine.weights import Weights
from stylize_core.errors import ImageTooSmall, UsageError

LEAST_SHARE = 0.1
"""Share of the median of a layer's mean activations below which a filter counts as nearly inactive."""


def normalise(weights: Weights, images: Iterable[Tensor], pooling: str) -> dict[str, Tensor]:
    """Returns the tensors of the normalised network.

    With m_l,i the mean activation of filter i of layer l, over all positions of all images,

        W'_l,ij = W_l,ij · m_(l-1),j / m_l,i        b'_l,i = b_l,i / m_l,i

    where j counts input channels and m_0 = 1 for those of the image. ReLU, maximum and average pooling commute
    with a positive factor per channel, so that F'_l,i = F_l,i / m_l,i for any image and either pooling, except
    for rounding.

    Deviation: no m_l,i is less than `LEAST_SHARE` of its layer's median. A filter that is nearly inactive on these
    images would get a factor of hundreds of thousands, and its noise would dominate (we saw pictures of noise).

    Args:
        weights: of the network; every layer that they contain is normalised.
        images: each (3, H, W), sRGB in [0, 1]; read one after the other, sizes may differ.
        pooling: `max` or `average`: the one to use the network with, because means depend on it.

    Returns:
        Tensors by key name, in the dtype of the given ones.

    Raises:
        UsageError: there are no images.
        ImageTooSmall: an image leaves the deepest layer no pixel.
    """
    means = _mean_activations(weights, images, pooling)
    shapes = parameter_shapes()
    normalised = {}
    before = torch.ones(3, dtype=torch.float64)  # the image's channels are not scaled
    for layer in weights.reach:
        weight, bias = shapes[layer]
        after = scales_of(means[layer])  # (N,)
        scale = before[None, :] / after[:, None]  # (N, N of the layer before)
        normalised[weight] = _scaled(weights.tensors[weight], scale[:, :, None, None])
        normalised[bias] = _scaled(weights.tensors[bias], 1 / after)
        before = after
    return normalised


def scales_of(means: Tensor) -> Tensor:
    """Returns the divisors of a layer's filters, (N,): their mean activations, none far below the others.

    Args:
        means: of the filters' activations, (N,), not negative; a layer without activations gets 1.
    """
    firing = means[means > 0]
    return means.clamp(min=LEAST_SHARE * float(firing.median())) if len(firing) else torch.ones_like(means)


def save_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Writes tensors as a `.safetensors` file, completely or not at all.

    Raises:
        UsageError: the file cannot be written there.
    """
    from safetensors.torch import save  # here: the engine can be imported without it

    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("xb") as file:
            file.write(save(dict(tensors)))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise UsageError(
            f"the weights cannot be written: {error.strerror or error}",
            where=str(path),
            todo="name a file in a folder that exists and that you can write to",
        ) from error
    finally:
        partial.unlink(missing_ok=True)


@torch.no_grad()
def _mean_activations(weights: Weights, images: Iterable[Tensor], pooling: str) -> dict[str, Tensor]:
    """Returns the mean of each filter by layer, (N,) float64: over the positions of all images."""
    dtype = next(iter(weights.tensors.values())).dtype
    device = torch.device("cpu")
    network = Vgg19(weights.tensors, layers=weights.reach, pooling=pooling, device=device, dtype=dtype)
    sums = dict.fromkeys(weights.reach, torch.zeros(1, dtype=torch.float64))
    positions = dict.fromkeys(weights.reach, 0)
    for image in images:
        _check_size(image, weights)
        for layer, activation in network(image[None]).items():  # (1, N, h, w)
            sums[layer] = sums[layer] + activation.sum(dim=(0, 2, 3), dtype=torch.float64)
            positions[layer] += activation[0, 0].numel()
    if not any(positions.values()):
        raise UsageError("there are no images to normalise the network over", todo="name a folder with images")
    return {layer: sums[layer] / positions[layer] for layer in weights.reach}


def _check_size(image: Tensor, weights: Weights) -> None:
    height, width = image.shape[-2:]
    needed = least_edge(weights.reach)
    if min(height, width) < needed:
        raise ImageTooSmall(
            f"an image of {width} x {height} px leaves layer {weights.reach[-1]} no pixel",
            todo=f"use images of at least {needed} x {needed} px",
        )


def _scaled(tensor: Tensor, scale: Tensor) -> Tensor:
    return (tensor.double() * scale).to(tensor.dtype)
