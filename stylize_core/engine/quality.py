"""Quality figures: how close a result is to its content and to its style, whatever it was optimised for.

| figure | measures                        | definition                                     | range   | nearest |
|--------|---------------------------------|------------------------------------------------|---------|---------|
| ssim   | structure kept of the content   | mean structural similarity of the luma         | -1 to 1 | 1       |
| colour | palette's distance to the style | Hellinger distance of joint RGB histograms     | 0 to 1  | 0       |
| gram   | texture's distance to the style | mean relative distance of Gram matrices        | 0 and up| 0       |

None of them depends on the job's form, weights, layers, pooling or precision, so jobs with different settings are
comparable, unlike their losses. `gram` depends on the network, as losses do.

They are computed image by image, so they do not depend on a batch or its size.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from stylize_core.engine.colour import luma
from stylize_core.engine.losses.gram import gram
from stylize_core.engine.network import Vgg19, least_edge
from stylize_core.engine.weights import Weights

log = logging.getLogger(__name__)

GRAM_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
"""The layers of Gatys, Ecker, Bethge, CVPR 2016; only those that the weights contain are used."""

GRAM_EDGE = 224
"""Long edge in pixels at which Gram matrices are compared, as in VGG-19's training: this bounds the cost of a pass of
the network, and makes results of all larger sizes comparable. Nothing is enlarged to it."""

BINS = 8
"""Bins per channel of a histogram."""

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
"""Window in pixels and constants of Wang et al. 2004."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The figures of one result; None if there is none, because an edge is too short or something failed."""

    ssim: float | None = None
    colour: float | None = None
    gram: float | None = None


class QualityMetrics:
    """Computes the figures of results on one device, in float32 or better.

    Args:
        weights: of the network; the first figure that needs it makes a copy.
        device: where to compute.
    """

    def __init__(self, weights: Weights, device: torch.device) -> None:
        self._weights, self._device = weights, device
        self._layers = tuple(layer for layer in GRAM_LAYERS if layer in weights.reach)
        self._network: Vgg19 | None = None
        self._styles: dict[object, Mapping[str, Tensor]] = {}

    @torch.no_grad()
    def judge(self, image: Tensor, content: Tensor, style: Tensor, style_key: str) -> Quality:
        """Returns the figures of a result; an error is logged and only leaves all figures None.

        Args:
            image: the result, (3, H, W) uint8.
            content: of the same size, (3, H, W) in [0, 1].
            style: as the objective saw it, (3, h, w) in [0, 1].
            style_key: identifies the style image, whose Gram matrices are cached until `forget_styles`.
        """
        try:
            return self._judged(image.to(self._device) / 255, content.to(self._device), style, style_key)
        except Exception:  # a missing figure is no reason to lose an image
            log.warning("the quality of a result could not be judged", exc_info=True)
            return Quality()

    def forget_styles(self) -> None:
        """Drops cached data of styles."""
        self._styles.clear()

    def _judged(self, image: Tensor, content: Tensor, style: Tensor, style_key: str) -> Quality:
        style = style.to(self._device)
        edge = min(GRAM_EDGE, max(image.shape[1:]), max(style.shape[1:]))
        found = Quality(
            ssim=_finite(ssim(image, content)) if min(image.shape[1:]) >= WINDOW else None,
            colour=_finite(histogram_distance(histogram(image), histogram(style))),
        )
        small = shrunk(image, edge)
        if min(*small.shape[1:], *shrunk(style, edge).shape[1:]) < least_edge(self._layers):
            return found
        return Quality(
            ssim=found.ssim,
            colour=found.colour,
            gram=_finite(gram_distance(self._grams(small), self._style_grams(style, style_key, edge))),
        )

    def _style_grams(self, style: Tensor, style_key: str, edge: int) -> Mapping[str, Tensor]:
        key = (style_key, tuple(style.shape), edge)
        if key not in self._styles:
            self._styles[key] = self._grams(shrunk(style, edge))
        return self._styles[key]

    def _grams(self, image: Tensor) -> Mapping[str, Tensor]:
        if self._network is None:
            self._network = Vgg19(
                self._weights.tensors,
                layers=self._layers,
                pooling="max",
                device=self._device,
                dtype=torch.float32,
                lean=True,  # one pass per job is not worth 400 MB
            )
        grams: Mapping[str, Tensor] = self._network(image[None], lambda _, features: gram(features, "mean"))
        return grams


def ssim(image: Tensor, content: Tensor) -> Tensor:
    """Returns the mean structural similarity of two pictures' luma, a number in [-1, 1]; 1 if they are equal.

    Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE
    Transactions on Image Processing 13(4), 2004, eq. 13 and 14: with means, variances and covariance under a Gaussian
    window of 11 x 11 pixels and σ = 1.5, C1 = (K1·L)², C2 = (K2·L)², L = 1 the range of the pixels,

        SSIM(x, y) = (2·μx·μy + C1)(2·σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2))

    averaged over all windows inside the picture. Computed at the size of the result, in float64.

    Args:
        image: (3, H, W) in [0, 1], each edge 11 or more.
        content: same shape.
    """
    x, y = luma(image.double())[0], luma(content.double())[0]  # (H, W)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = _windowed(torch.stack([x, y, x * x, y * y, x * y]))
    variances = (mean_xx - mean_x**2) + (mean_yy - mean_y**2)
    covariance = mean_xy - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + K1**2) / (mean_x**2 + mean_y**2 + K1**2)
    structure = (2 * covariance + K2**2) / (variances + K2**2)
    similarity: Tensor = luminance * structure
    return similarity.mean().clamp(-1, 1)  # rounding may leave the range slightly


def histogram(image: Tensor) -> Tensor:
    """Returns the share of a picture's pixels in each of 8 x 8 x 8 bins of sRGB, (512,) float64.

    Args:
        image: (3, H, W) in [0, 1].
    """
    red, green, blue = (image * 255).round().long().clamp(0, 255) * BINS // 256  # (3, H, W) of 0 to 7
    boxes = (red * BINS + green) * BINS + blue
    shares: Tensor = torch.bincount(boxes.flatten(), minlength=BINS**3).double() / boxes.numel()
    return shares


def histogram_distance(first: Tensor, second: Tensor) -> Tensor:
    """Returns the Hellinger distance of two histograms: 0 if they are equal, 1 if they share no bin.

    √(1 − Σ√(p·q)); Σ√(p·q) is the Bhattacharyya coefficient, 1943, and the distance is from Comaniciu, Ramesh, Meer,
    "Kernel-Based Object Tracking", IEEE Transactions on Pattern Analysis and Machine Intelligence 25(5), 2003, eq. 6.

    Args:
        first: shares with sum 1.
        second: same shape.
    """
    distance: Tensor = (1 - (first * second).sqrt().sum()).clamp(min=0).sqrt()
    return distance


def gram_distance(grams: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
    """Returns the mean over layers of ‖G − A‖/‖A‖ (Frobenius norms), 0 if all Gram matrices are equal.

    With the style term's E_l of form `mean` it is √(E_l(G, A) / E_l(0, A)). It is relative, so that all layers count
    equally, whatever the scale of their activations, and dark and light styles are comparable.

    Args:
        grams: G by layer, (1, N, N), from `losses.gram` with form `mean`.
        targets: A of the same layers.
    """
    return torch.stack([(grams[name] - targets[name]).norm() / targets[name].norm() for name in targets]).mean()


def shrunk(image: Tensor, edge: int) -> Tensor:
    """Returns a picture reduced to a long edge of `edge` pixels, antialiased; smaller pictures are unchanged.

    Args:
        image: (3, H, W).
        edge: in pixels.
    """
    height, width = image.shape[1:]
    scale = edge / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return functional.interpolate(image[None], size, mode="bilinear", antialias=True)[0]


def _windowed(maps: Tensor) -> Tensor:
    """Returns maps (n, H, W) averaged under the window, (n, H - 10, W - 10)."""
    place = torch.arange(WINDOW, dtype=maps.dtype, device=maps.device) - WINDOW // 2
    kernel = torch.exp(-(place**2) / (2 * SIGMA**2))
    kernel = kernel / kernel.sum()
    down = functional.conv2d(maps[:, None], kernel.view(1, 1, -1, 1))  # the Gaussian is separable
    return functional.conv2d(down, kernel.view(1, 1, 1, -1))[:, 0]


def _finite(figure: Tensor) -> float | None:
    return float(figure) if figure.isfinite() else None
