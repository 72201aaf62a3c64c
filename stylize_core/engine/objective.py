"""The objective of a batch: total = content_weight·content + style_weight·style + tv_weight·tv, sample by sample.

content = Σ_l v_l·C_l and style = Σ_l w_l·E_l over the layers in use (eq. 5 and 7 of Gatys et al. 2016). Samples never
mix: each has its own targets, weights and gradient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stylize_core.engine.losses import content_loss, gram, style_loss, total_variation
from stylize_core.settings import Settings

Targets = Mapping[str, Tensor]
"""By layer: features (B, N, h, w) of the contents, or Gram matrices (B, N, N) of the styles."""


def layers_in_use(settings: Settings) -> tuple[str, ...]:
    """Returns the layers whose features the objective needs, content's first, each once."""
    return tuple(dict.fromkeys(name for name, _ in settings.content_layers + settings.style_layers))


@torch.no_grad()
def content_targets(network: nn.Module, image: Tensor, settings: Settings) -> dict[str, Tensor]:
    """Returns P_l of the content layers for images (B, 3, H, W)."""
    names = {name for name, _ in settings.content_layers}
    read = network(image, lambda layer, features: features if layer in names else None)
    return {name: read[name] for name, _ in settings.content_layers}


@torch.no_grad()
def style_targets(network: nn.Module, image: Tensor, settings: Settings) -> dict[str, Tensor]:
    """Returns A_l, in the form's scale, of the style layers for images (B, 3, h, w) of any size."""
    names = {name for name, _ in settings.style_layers}
    read = network(image, lambda layer, features: gram(features, settings.form) if layer in names else None)
    return {name: read[name] for name, _ in settings.style_layers}


@dataclass(frozen=True, slots=True)
class Terms:
    """The objective of each sample, with its parts.

    Attributes:
        total: (B,), exactly what is minimised.
        content: (B,), Σ_l v_l·C_l.
        style: (B,), Σ_l w_l·E_l.
        tv: (B,).
        content_layers: (B, number of content layers), C_l without layer weights.
        style_layers: (B, number of style layers), E_l without layer weights.
    """

    total: Tensor
    content: Tensor
    style: Tensor
    tv: Tensor
    content_layers: Tensor
    style_layers: Tensor

    def stacked(self) -> Tensor:
        """Returns (B, 4 + layers), in the order of the attributes, without its graph."""
        head = torch.stack((self.total, self.content, self.style, self.tv), 1)
        return torch.cat((head, self.content_layers, self.style_layers), 1).detach()


class Objective:
    """Evaluates a batch.

    Args:
        network: reaches all layers in use; see `Vgg19.forward`.
        content: targets of the content layers, (B, N, h, w).
        style: targets of the style layers, (B, N, N).
        settings: one a sample; all share layer names and form.
        device: where the image lies.
        dtype: of the losses.
        recompute: save memory at the price of time; see `Vgg19.forward`.
    """

    def __init__(
        self,
        network: nn.Module,
        content: Targets,
        style: Targets,
        settings: Sequence[Settings],
        *,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        recompute: bool = False,
    ) -> None:
        def per_sample(values: list[object]) -> Tensor:
            return torch.tensor(values, device=device, dtype=dtype)

        self.network, self.recompute = network, recompute
        self.content_targets, self.style_targets = content, style
        self.form, self.has_tv = settings[0].form, any(s.tv_weight for s in settings)
        # A factor on features is a power of it on C (quadratic in F) and on E (quartic in F).
        self.content_scale = per_sample([[s.feature_scale**2] for s in settings])  # (B, 1)
        self.style_scale = per_sample([[s.feature_scale**4] for s in settings])
        self.content_layer_weights = per_sample([[v for _, v in s.content_layers] for s in settings])  # (B, L)
        self.style_layer_weights = per_sample([[w for _, w in s.style_layers] for s in settings])
        self.weights = per_sample([[s.content_weight, s.style_weight, s.tv_weight] for s in settings])  # (B, 3)

    @property
    def terms(self) -> int:
        """The numbers of a line of losses, 4 + layers; see `Terms.stacked`."""
        return 4 + len(self.content_targets) + len(self.style_targets)

    def __call__(self, image: Tensor) -> Terms:
        """Returns the terms of `image`, (B, 3, H, W) in [0, 1]."""
        read = self.network(image, self._read, recompute=self.recompute)
        content_layers = self.content_scale * torch.stack([read[name][0] for name in self.content_targets], 1)
        style_layers = self.style_scale * torch.stack([read[name][1] for name in self.style_targets], 1)
        content = (self.content_layer_weights * content_layers).sum(1)
        style = (self.style_layer_weights * style_layers).sum(1)
        # Its gradient is not wanted where it has no weight.
        tv = total_variation(image if self.has_tv else image.detach(), self.form)
        total = (self.weights * torch.stack((content, style, tv), 1)).sum(1)
        return Terms(total, content, style, tv, content_layers, style_layers)

    def _read(self, layer: str, features: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Returns C_l and E_l of a layer, (B,) each; None where the layer has no such term."""
        content, style = self.content_targets.get(layer), self.style_targets.get(layer)
        return (
            None if content is None else content_loss(features, content, self.form),
            None if style is None else style_loss(gram(features, self.form), style, self.form),
        )

    def evaluate(self, image: Tensor) -> tuple[Terms, Tensor]:
        """Returns the terms and the gradient of each sample's total by its own image, (B, 3, H, W)."""
        image = image.detach().requires_grad_()
        terms = self(image)
        (gradient,) = torch.autograd.grad(terms.total.sum(), image)
        return terms, gradient
