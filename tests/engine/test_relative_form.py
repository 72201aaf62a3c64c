"""Form `relative` gives the same picture on networks with the same features in other units."""

from dataclasses import replace

import torch
from fixtures.optimisers import OPTIMISERS, RATES

from stylize_core.engine.engine import Engine
from stylize_core.engine.network import parameter_shapes
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import Weights
from stylize_core.presets import resolve

LAYERS = list(parameter_shapes())


def rescaled(weights: Weights, factors: list[float]) -> Weights:
    """A network whose features are those of another one, multiplied by a factor for each layer.

    A ReLU network is positively homogeneous: ReLU(s·x) = s·ReLU(x) for s > 0, and so is pooling.
    """
    tensors, before = dict(weights.tensors), 1.0
    for layer, factor in zip(LAYERS, factors, strict=True):
        for name in parameter_shapes()[layer]:
            if name in tensors:
                tensors[name] = tensors[name] * (factor / before if name.endswith("weight") else factor)
        before = factor
    return replace(weights, sha256=64 * "f", tensors=tensors)


def random_weights(weights: Weights) -> Weights:
    """A network of the same layers with random weights after He."""
    generator = torch.Generator().manual_seed(0)
    tensors = {
        name: torch.randn(tensor.shape, generator=generator) * (2 / max(1, tensor[0].numel())) ** 0.5
        if name.endswith("weight")
        else 0.1 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in weights.tensors.items()
    }
    return replace(weights, sha256=64 * "e", tensors=tensors)


def stylised(weights: Weights, optimiser: str, form: str = "relative") -> torch.Tensor:
    """The image after 9 steps of preset `default`, at two sizes."""
    given = {"optimiser": optimiser, "learning_rate": RATES[optimiser], "steps": 9, "scales": 2, "form": form}
    content, style = (torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    pair = Pair(settings=resolve("default", given), content=content, style=style, style_key="a")
    (found,) = Engine(weights, device=torch.device("cpu"), precision="float32").optimise([pair])
    return found.image.int()


@OPTIMISERS
def test_the_scale_of_layers_does_not_matter(optimiser: str, builtin: Weights) -> None:
    """Powers of two give the identical image, and factors from 0.2 to 5 nearly the same.

    On the built-in network, and on one with random weights.
    """
    weights = builtin if optimiser == "plbfgs" else random_weights(builtin)
    expected = stylised(weights, optimiser)
    powers = [2.0 ** (3 * place % 5 - 2) for place in range(len(LAYERS))]
    assert torch.equal(stylised(rescaled(weights, powers), optimiser), expected)
    factors = [5.0 ** (((7 * place) % 9 - 4) / 4) for place in range(len(LAYERS))]
    difference = (stylised(rescaled(weights, factors), optimiser) - expected).abs()
    assert difference.float().mean() < 0.5
    assert (expected - (255 * torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(1))).int()).abs().max() > 9


def test_form_mean_depends_on_it(builtin: Weights) -> None:
    """The reason for form `relative`: in form `mean` the same change gives another picture."""
    factors = [5.0 ** (((7 * place) % 9 - 4) / 4) for place in range(len(LAYERS))]
    changed = stylised(rescaled(builtin, factors), "plbfgs", "mean")
    assert (changed - stylised(builtin, "plbfgs", "mean")).abs().float().mean() > 5
