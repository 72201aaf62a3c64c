"""The plain reference: one pair, optimised without tricks, for comparing times and losses.

Gatys, Ecker, Bethge, CVPR 2016, as it is usually implemented: one pair, float32, contiguous NCHW, eager autograd,
VGG-19 frozen and cut after conv5_1, targets computed once, an optimiser of torch that starts from the content, clamping
at the end.
The objective is form `mean`: mean((F - P)^2) on conv4_2 and sum_l mean((G/(N M_x) - A/(N M_a))^2) / 5.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from stylize_core.engine.weights import Weights
from stylize_core.layers import LAYERS

CONTENT_LAYER = "conv4_2"
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT_WEIGHT, STYLE_WEIGHT = 1.0, 1e6
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Network(nn.Module):
    """VGG-19 up to conv5_1, frozen."""

    mean: Tensor
    std: Tensor

    def __init__(self, weights: Weights, device: torch.device) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        self.outputs: dict[int, str] = {}
        for name in LAYERS[: LAYERS.index(STYLE_LAYERS[-1]) + 1]:
            if name.endswith("_1") and modules:
                modules.append(nn.MaxPool2d(2, 2))
            out_channels, in_channels = weights.tensors[f"features.{len(modules)}.weight"].shape[:2]
            modules += [nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.ReLU(inplace=True)]
            self.outputs[len(modules) - 1] = name
        self.features = nn.Sequential(*modules)
        self.load_state_dict({key: weights.tensors[key] for key in self.state_dict()})
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.to(device).requires_grad_(False).eval()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Returns the activations of (1, 3, H, W) in [0, 1] by layer, after their ReLU."""
        x, activations = (image - self.mean) / self.std, {}
        for index, module in enumerate(self.features):
            x = module(x)
            if index in self.outputs:
                activations[self.outputs[index]] = x
        return activations


def gram(features: Tensor) -> Tensor:
    """Returns the Gram matrix G/(N M) of (1, N, h, w)."""
    rows = features.flatten(2)[0]
    return rows @ rows.T / rows.numel()


class Reference:
    """The objective of one pair.

    Args:
        network: on the device to compute on.
        content: (3, H, W) in [0, 1].
        style: (3, h, w) in [0, 1].
    """

    def __init__(self, network: Network, content: Tensor, style: Tensor) -> None:
        self.network = network
        device = network.mean.device
        with torch.no_grad():
            self.content = network(content[None].to(device))[CONTENT_LAYER]
            features = network(style[None].to(device))
            self.style = {name: gram(features[name]) for name in STYLE_LAYERS}

    def loss(self, image: Tensor) -> Tensor:
        """Returns the total of (1, 3, H, W)."""
        features = self.network(image)
        content = nn.functional.mse_loss(features[CONTENT_LAYER], self.content)
        style = sum(nn.functional.mse_loss(gram(features[name]), target) for name, target in self.style.items())
        return CONTENT_WEIGHT * content + STYLE_WEIGHT * style / len(STYLE_LAYERS)

    def evaluate(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the total of (1, 3, H, W) and its gradient with respect to the image: one evaluation."""
        image = image.detach().requires_grad_()
        loss = self.loss(image)
        loss.backward()
        return loss.detach(), image.grad

    @torch.no_grad()
    def judge(self, image: Tensor) -> float:
        """Returns the total of an 8-bit image, (3, H, W) uint8, in full float32, also on a GPU."""
        with float32_as("ieee"):
            return float(self.loss(image[None].to(self.content.device).float() / 255))


def optimise(
    network: Network, content: Tensor, style: Tensor, *, optimiser: str, evaluations: int
) -> tuple[Tensor, float]:
    """Optimises one pair starting from its content, and clamps only at the end.

    Args:
        network: on the device to compute on.
        content: (3, H, W) in [0, 1].
        style: (3, h, w) in [0, 1].
        optimiser: `lbfgs` or `adam`.
        evaluations: number of evaluations; each is followed by one update.

    Returns:
        The clamped image, (3, H, W) uint8 on the CPU, and its seconds, including the targets.
    """
    began = time.perf_counter()
    reference = Reference(network, content, style)
    image = content[None].to(network.mean.device, copy=True).requires_grad_()
    optimizer: torch.optim.Optimizer
    if optimiser == "adam":
        optimizer = torch.optim.Adam([image], lr=0.02)
    else:  # each call makes one evaluation and one update; the history is kept between calls
        optimizer = torch.optim.LBFGS(
            [image], lr=1, max_iter=1, history_size=10, tolerance_grad=0, tolerance_change=0, line_search_fn=None
        )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = reference.loss(image)
        loss.backward()
        return loss

    for _ in range(evaluations):
        optimizer.step(closure)
    final = (image.detach()[0].clamp(0, 1) * 255).round().byte().cpu()
    return final, time.perf_counter() - began


@contextmanager
def float32_as(arithmetic: str) -> Iterator[None]:
    """Makes a GPU compute float32 as `ieee` or `tf32`; torch's default for convolutions is `tf32`."""
    kinds = (torch.backends.cudnn.conv, torch.backends.cuda.matmul)  # type: ignore[attr-defined]
    before = [kind.fp32_precision for kind in kinds]
    try:
        for kind in kinds:
            kind.fp32_precision = arithmetic
        yield
    finally:
        for kind, value in zip(kinds, before, strict=True):
            kind.fp32_precision = value
