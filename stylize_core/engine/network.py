"""VGG-19 as a fixed feature extractor (Simonyan and Zisserman, arXiv 1409.1556, configuration E).

The definition and the key names of its tensors are torchvision's.
"""

from collections.abc import Callable, Collection, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stylize_core.engine import fused
from stylize_core.engine.winograd import convolution as winograd
from stylize_core.layers import LAYERS

Shapes = dict[str, dict[str, torch.Size]]

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Channels and number of convolutions of each block; a pooling layer ends each block."""


class Vgg19(nn.Module):
    """VGG-19, frozen and cut after the deepest layer in use.

    Tensors are channels-last: at 256 px on a CPU this makes an evaluation 5 to 20 % faster, in
    float32 and in bfloat16 (torch 2.15).

    Args:
        tensors: tensors by torchvision's key names (`features.0.weight`, ...); deeper ones are not used.
        layers: the layers in use, such as `conv4_2`.
        pooling: `max`, as trained, or `average` as in Gatys, Ecker, Bethge, CVPR 2016, section 2.
        device: of the network.
        dtype: of the network: float32, bfloat16 or float64.
        lean: keep only the weights; without precomputed filters the network takes a fifth of the memory on a CPU.

    Raises:
        KeyError: a layer is unknown, or has no tensors; see `weights.require_layers`.
    """

    MEAN = (0.485, 0.456, 0.406)
    """Mean of ImageNet's pixels, by channel of sRGB in [0, 1], as in the training of torchvision's networks."""
    STD = (0.229, 0.224, 0.225)
    """Standard deviation of the same pixels."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        *,
        layers: Collection[str],
        pooling: str,
        device: torch.device,
        dtype: torch.dtype,
        lean: bool = False,
    ) -> None:
        super().__init__()
        features = _definition()
        convolutions = _convolutions(features)
        # A layer's activation is the output of the ReLU after its convolution.
        self._outputs = {convolutions[layer] + 1: layer for layer in layers}
        self._dtype = dtype
        self.features = _with_pooling(features[: max(self._outputs) + 1], pooling)
        chosen = {key: tensors[key].to(device, dtype) for key in self.state_dict()}
        filters = {
            key: tensor.contiguous(memory_format=torch.channels_last)
            for key, tensor in chosen.items()
            if tensor.ndim == 4
        }
        self.load_state_dict(chosen | filters, assign=True)
        # In bfloat16, subtracting the mean would lose most digits of an image.
        exact = torch.promote_types(dtype, torch.float32)
        for name, values in (("mean", self.MEAN), ("std", self.STD)):
            constant = torch.tensor(values, device=device, dtype=exact).view(1, 3, 1, 1)
            self.register_buffer(name, constant, persistent=False)
        pools = [i for i, module in enumerate(self.features) if isinstance(module, nn.MaxPool2d | nn.AvgPool2d)]
        ends = [0, *(i + 1 for i in pools), len(self.features)]
        self._blocks = [range(*pair) for pair in pairwise(ends)]  # each ends with its pooling
        self.requires_grad_(False).eval()
        if not lean:
            self._speed_up(device)

    def _speed_up(self, device: torch.device) -> None:
        workspace, is_fused = winograd.Workspace(), fused.pays(device, self._dtype)
        for index, module in enumerate(self.features):
            if not isinstance(module, nn.Conv2d):
                continue
            if is_fused:
                self.features[index] = fused.FusedConv2d(module)
            elif winograd.pays(module, device, self._dtype):
                self.features[index] = winograd.WinogradConv2d(module, workspace)
            else:
                continue
            self.features[index + 1] = nn.Identity()  # its ReLU

    def forward(
        self,
        image: Tensor,
        read: Callable[[str, Tensor], Any] = lambda layer, activation: activation,
        *,
        recompute: bool = False,
    ) -> dict[str, Any]:
        """Returns the output of `read` for each layer in use, shallow to deep.

        Args:
            image: (B, 3, H, W), sRGB in [0, 1]; values outside are not clamped.
            read: gets a layer's name and its activation after the ReLU, (B, N, h, w) in the network's dtype, N
                    channels, not negative; returns one tensor or several. The default returns the activation.
            recompute: keep only the input of each block (up to a pooling) and compute the block again in the backward
                    pass: 50 % more work for two thirds of the memory (Chen et al., arXiv 1604.06174). `read` must then
                    return less than the activation for this to save anything.
        """
        x = (image - self.mean) / self.std  # (B, 3, H, W)
        x = x.to(self._dtype, memory_format=torch.channels_last)
        found: dict[str, Any] = {}
        for block in self._blocks:
            if recompute:
                x, part = checkpoint(self._run, block, x, read, use_reentrant=False, preserve_rng_state=False)
            else:
                x, part = self._run(block, x, read)
            found |= part
        return found

    def _run(self, block: range, x: Tensor, read: Callable[[str, Tensor], Any]) -> tuple[Tensor, dict[str, Any]]:
        """Runs some modules; returns their output, and the outputs of `read` for the layers among them."""
        found = {}
        for index in block:
            x = self.features[index](x)  # (B, N, h, w); a ReLU works in place and overwrites only its convolution
            if index in self._outputs:
                found[self._outputs[index]] = read(self._outputs[index], x)
        return x, found


def least_edge(layers: Collection[str]) -> int:
    """Returns the smallest edge of an image, in pixels, at which each layer has a pixel: conv1_x 1 ... conv5_x 16."""
    deepest_block = max(int(layer.removeprefix("conv").partition("_")[0]) for layer in layers)
    return 1 << (deepest_block - 1)  # each earlier block ends with a pooling that halves


def parameter_shapes() -> Shapes:
    """Returns, by layer, the shapes of each convolution's weight and bias by key name, in that order."""
    features = _definition()
    return {
        layer: {f"features.{index}.{name}": tensor.shape for name, tensor in features[index].named_parameters()}
        for layer, index in _convolutions(features).items()
    }


def _definition() -> nn.Sequential:
    """Returns the modules of torchvision's `vgg19().features`, in their order; a test compares them.

    torchvision itself is not imported, because that takes seconds and 180 MB in every process of a run.
    """
    modules: list[nn.Module] = []
    inputs = 3
    with torch.device("meta"):  # only shapes: no memory, no random numbers
        for outputs, convolutions in BLOCKS:
            for _ in range(convolutions):
                modules += [nn.Conv2d(inputs, outputs, kernel_size=3, padding=1), nn.ReLU(inplace=True)]
                inputs = outputs
            modules.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*modules)


def _convolutions(features: nn.Sequential) -> dict[str, int]:
    indices = (index for index, module in enumerate(features) if isinstance(module, nn.Conv2d))
    return dict(zip(LAYERS, indices, strict=True))


def _with_pooling(features: nn.Sequential, pooling: str) -> nn.Sequential:
    kind = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}[pooling]
    modules = (kind(2, 2) if isinstance(module, nn.MaxPool2d) else module for module in features)
    return nn.Sequential(*modules)
