"""The objective of a batch: total = Σ weight · term, sample by sample.

A layered term is Σ_l w_l·E_l over its layers (eq. 5 and 7 of Gatys et al. 2016); the terms themselves are in `losses`.
Samples never mix: each has its own targets, weights and gradient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stylize_core.engine.losses import TERMS
from stylize_core.engine.losses.term import Target
from stylize_core.settings import Settings

Targets = Mapping[str, Mapping[str, Target]]
"""Targets by term and layer."""


@torch.no_grad()
def targets(network: nn.Module, image: Tensor, settings: Settings, source: str) -> dict[str, dict[str, Target]]:
    """Returns the targets of the terms in use that compare the image with a picture.

    Args:
        network: with all layers in use; see `Vgg19.forward`.
        image: contents or styles, (B, 3, h, w).
        settings: those that the batch shares.
        source: kind of the pictures: `content` or `style`.
    """
    names = [name for name in settings.layered_terms if TERMS[name].target_of == source]
    layers = {name: [layer for layer, _ in settings.layers(name)] for name in names}

    def read(layer: str, features: Tensor) -> dict[str, Target]:
        return {name: TERMS[name].target(features, settings) for name in names if layer in layers[name]}

    found = network(image, read)
    return {name: {layer: found[layer][name] for layer in layers[name]} for name in names}


def joined(samples: Sequence[Targets]) -> dict[str, dict[str, Target]]:
    """Returns the targets of single samples joined as those of a batch."""
    return {
        name: {
            layer: tuple(map(torch.cat, zip(*(one[name][layer] for one in samples), strict=True))) for layer in layers
        }
        for name, layers in samples[0].items()
    }


def columns_of(settings: Settings) -> tuple[str, ...]:
    """Returns the names of the columns of losses: total, terms, and layers as `<term>_<layer>`."""
    layers = (f"{term}_{layer}" for term in settings.layered_terms for layer, _ in settings.layers(term))
    return ("total", *settings.terms, *layers)


@dataclass(frozen=True, slots=True)
class Losses:
    """The objective of each sample and its parts.

    Attributes:
        total: (B,), exactly what is minimised.
        terms: (B, terms in use), each without its weight.
        layers: (B, layers of all layered terms), each without its layer's weight.
    """

    total: Tensor
    terms: Tensor
    layers: Tensor

    def stacked(self) -> Tensor:
        """Returns (B, 1 + terms + layers), in the order of `Objective.columns`, without its graph."""
        return torch.cat((self.total[:, None], self.terms, self.layers), 1).detach()


class Objective:
    """Evaluates a batch.

    Args:
        network: with all layers in use; see `Vgg19.forward`.
        targets: of the layered terms in use.
        settings: one per sample; those that fix the graph are equal.
        device: of the image.
        dtype: of the losses.
        recompute: save memory at the cost of time; see `Vgg19.forward`.

    Attributes:
        columns: names of the columns of `Losses.stacked`; see `columns_of`.
        is_captured: whether its evaluation can be captured as a CUDA graph.
    """

    def __init__(
        self,
        network: nn.Module,
        targets: Targets,
        settings: Sequence[Settings],
        *,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        recompute: bool = False,
    ) -> None:
        def per_sample(values: list[object]) -> Tensor:
            return torch.tensor(values, device=device, dtype=dtype)

        shared = self.shared = settings[0]
        self.network, self.targets, self.recompute = network, targets, recompute
        self.layers = {name: [layer for layer, _ in shared.layers(name)] for name in shared.layered_terms}
        self.columns = columns_of(shared)
        self.is_captured = all(TERMS[name].is_captured(shared) for name in self.layers)
        powers = {name: TERMS[name].feature_power(shared) for name in self.layers}
        self.scales = {n: per_sample([[s.feature_scale**power] for s in settings]) for n, power in powers.items()}
        self.layer_weights = {n: per_sample([[w for _, w in s.layers(n)] for s in settings]) for n in self.layers}
        self.weights = per_sample([[s.weight(name) for name in shared.terms] for s in settings])  # (B, terms)
        self._weighted = {name for name in shared.terms if any(s.weight(name) for s in settings)}

    def __call__(self, image: Tensor) -> Losses:
        """Returns the terms of `image`, (B, 3, H, W) in [0, 1]."""
        read = self.network(image, self._read, recompute=self.recompute)
        layers = {
            name: self.scales[name] * torch.stack([read[layer][name] for layer in names], 1)  # (B, layers)
            for name, names in self.layers.items()
        }
        terms = torch.stack([self._term(name, layers, image) for name in self.shared.terms], 1)
        return Losses((self.weights * terms).sum(1), terms, torch.cat(list(layers.values()), 1))

    def _term(self, name: str, layers: Mapping[str, Tensor], image: Tensor) -> Tensor:
        if name in layers:
            return (self.layer_weights[name] * layers[name]).sum(1)
        # A term without weight needs no gradient.
        return TERMS[name].loss(image if name in self._weighted else image.detach(), (), self.shared)

    def _read(self, layer: str, features: Tensor) -> dict[str, Tensor]:
        """Returns the loss of each term that reads a layer, (B,)."""
        return {
            name: TERMS[name].loss(features, self.targets[name][layer], self.shared)
            for name, layers in self.layers.items()
            if layer in layers
        }

    def evaluate(self, image: Tensor) -> tuple[Losses, Tensor]:
        """Returns the losses, and the gradient of each sample's total with respect to its own image, (B, 3, H, W)."""
        image = image.detach().requires_grad_()
        losses = self(image)
        (gradient,) = torch.autograd.grad(losses.total.sum(), image)
        return losses, gradient
