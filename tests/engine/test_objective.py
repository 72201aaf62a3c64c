"""The objective against the table of its forms, written out for one sample in float64, and its properties."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from stylize_core.engine.network import Vgg19
from stylize_core.engine.objective import Losses, Objective, targets
from stylize_core.engine.weights import Weights
from stylize_core.layers import parse_layers
from stylize_core.presets import PRESETS, resolve
from stylize_core.settings import Settings

CPU = torch.device("cpu")
FORMS = ("paper", "mean")
TV_WEIGHT = {"paper": 1e-4, "mean": 0.7}
"""A scale at which the other terms count too."""


Read = Callable[[str, Tensor], Any]


def plainly(layer: str, features: Tensor) -> Tensor:
    """Reads the features themselves."""
    return features


class Fixed(nn.Module):
    """Returns the same features for any image."""

    def __init__(self, features: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.features = features

    def forward(self, image: Tensor, read: Read = plainly, *, recompute: bool = False) -> dict[str, Any]:
        """Reads the features."""
        return {layer: read(layer, features) for layer, features in self.features.items()}


class Tiny(nn.Module):
    """A smooth network of two layers with seeded weights, like VGG-19's first two blocks."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.first, self.second = noise(4, 3, 3, 3, seed=8).to(dtype), noise(5, 4, 3, 3, seed=9).to(dtype)

    def forward(self, image: Tensor, read: Read = plainly, *, recompute: bool = False) -> dict[str, Any]:
        """Reads conv1_1, (B, 4, H, W), and conv2_1, (B, 5, H/2, W/2)."""
        shallow = torch.tanh(functional.conv2d(image, self.first, padding=1))
        deep = torch.tanh(functional.conv2d(functional.avg_pool2d(shallow, 2), self.second, padding=1))
        return {"conv1_1": read("conv1_1", shallow), "conv2_1": read("conv2_1", deep)}


def noise(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Seeded normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def images(batch: int, height: int, width: int, seed: int) -> Tensor:
    """Seeded images in [0, 1], float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 3, height, width, generator=generator, dtype=torch.float64)


def varied(form: str) -> list[Settings]:
    """Two samples of one group whose weights all differ."""
    common = {"form": form, "content_layers": "conv2_1", "style_layers": "conv1_1=0.3 conv2_1=0.9"}
    return [
        resolve("tv", {**common, "content_weight": 2.0, "style_weight": 50.0, "tv_weight": TV_WEIGHT[form]}),
        resolve(
            "tv",
            {
                **common,
                "content_layers": "conv2_1=0.25",
                "style_layers": "conv1_1=2 conv2_1=0",
                "content_weight": 0.5,
                "style_weight": 9.0,
                "tv_weight": 0.0,
                "feature_scale": 3.0,
            },
        ),
    ]


def slow_total(
    settings: Settings,
    image: Tensor,
    features: Mapping[str, Tensor],
    content: Mapping[str, Tensor],
    style: Mapping[str, Tensor],
) -> Tensor:
    """The total of one sample, from the definition: an image (3, H, W) and features (N, h, w) in float64."""
    k, total = settings.feature_scale, image.new_zeros(())
    for layer, weight in settings.content_layers:
        square = (k * features[layer] - k * content[layer]) ** 2
        divisor = {"paper": 2, "mean": square.numel(), "relative": ((k * content[layer]) ** 2).sum()}[settings.form]
        loss = square.sum() / divisor
        total = total + settings.content_weight * weight * loss
    for layer, weight in settings.style_layers:
        f, a = k * features[layer].flatten(1), k * style[layer].flatten(1)  # (N, M_x), (N, M_a)
        n, m_x, m_a = len(f), f.shape[1], a.shape[1]
        if settings.form == "paper":
            loss = ((f @ f.T / m_x - a @ a.T / m_a) ** 2).sum() / (4 * n**2)
        else:
            loss = ((f @ f.T / (n * m_x) - a @ a.T / (n * m_a)) ** 2).sum() / n**2
        if settings.form == "relative":
            loss = ((f @ f.T / m_x - a @ a.T / m_a) ** 2).sum() / ((a @ a.T / m_a) ** 2).sum()
        total = total + settings.style_weight * weight * loss
    dx, dy = image[:, :, 1:] - image[:, :, :-1], image[:, 1:] - image[:, :-1]
    if settings.form == "paper":
        return total + settings.tv_weight * (((255 * dx) ** 2).sum() + ((255 * dy) ** 2).sum())
    return total + settings.tv_weight * ((dx**2).sum() / dx.numel() + (dy**2).sum() / dy.numel())


def slow_evaluation(
    network: nn.Module, settings: Settings, image: Tensor, content: Tensor, style: Tensor
) -> tuple[Tensor, Tensor]:
    """Total and gradient of one sample through a float64 network; images (3, h, w)."""

    def features(x: Tensor) -> dict[str, Tensor]:
        return {layer: found[0] for layer, found in network(x[None]).items()}

    image = image.clone().requires_grad_()
    total = slow_total(settings, image, features(image), features(content), features(style))
    return total.detach(), torch.autograd.grad(total, image)[0]


def objective_of(
    network: nn.Module, settings: list[Settings], contents: Tensor, styles: Tensor, dtype: torch.dtype
) -> Objective:
    """An objective with the targets of contents (B, 3, H, W) and styles (B, 3, h, w)."""
    content = targets(network, contents.to(dtype), settings[0], "content")
    style = targets(network, styles.to(dtype), settings[0], "style")
    return Objective(network, content | style, settings, device=CPU, dtype=dtype)


def named(objective: Objective, losses: Losses) -> dict[str, Tensor]:
    """The losses of each sample, (B,), by column."""
    return dict(zip(objective.columns, losses.stacked().T, strict=True))


def relative_error(found: Tensor, expected: Tensor) -> float:
    """The norm of the difference over that of what was expected."""
    return float((found.detach().double() - expected).norm() / expected.norm())


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_minimise_their_formula(preset: str) -> None:
    """On random features, a preset's total follows the table's formula with its layers, weights and feature_scale."""
    plain = resolve(preset, {})
    settings = [plain, dataclasses.replace(plain, content_weight=3.0, style_weight=0.1, tv_weight=0.2)]
    sizes = {layer: (3 + i, 6 - i % 3, 5 + i % 2) for i, layer in enumerate(plain.layers_in_use)}
    features = {layer: noise(2, *size, seed=1) for layer, size in sizes.items()}
    content = {layer: noise(2, *size, seed=2) for layer, size in sizes.items()}
    style = {layer: noise(2, n, w + 2, h, seed=3) for layer, (n, h, w) in sizes.items()}
    image = images(2, 8, 6, seed=4)

    def fixed(features: Mapping[str, Tensor]) -> Fixed:
        return Fixed({layer: found.float() for layer, found in features.items()})

    found = Objective(
        fixed(features),
        targets(fixed(content), image, plain, "content") | targets(fixed(style), image, plain, "style"),
        settings,
        device=CPU,
    )(image.float())
    for b in range(2):
        sample = ({layer: part[b] for layer, part in parts.items()} for parts in (features, content, style))
        assert found.total[b].item() == pytest.approx(slow_total(settings[b], image[b], *sample).item(), rel=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_evaluation_equals_the_formula(form: str) -> None:
    """Totals and gradients in float32 equal the float64 formula in every sample, also for styles of another size."""
    settings = varied(form)
    image, contents, styles = images(2, 8, 6, seed=1), images(2, 8, 6, seed=2), images(2, 10, 4, seed=3)
    objective = objective_of(Tiny(torch.float32), settings, contents, styles, torch.float32)
    terms, gradient = objective.evaluate(image.float())
    for b in range(2):
        total, slope = slow_evaluation(Tiny(torch.float64), settings[b], image[b], contents[b], styles[b])
        assert relative_error(terms.total[b], total) < 1e-5
        assert relative_error(gradient[b], slope) < 1e-5


@pytest.mark.parametrize(
    ("form", "weights"),
    [  # so that no term hides another
        ("paper", {"content_weight": 1.0, "style_weight": 4e4, "tv_weight": 2e-7}),
        ("mean", {"content_weight": 100.0, "style_weight": 2e7, "tv_weight": 1.0}),
    ],
)
def test_evaluation_through_vgg_equals_the_formula(form: str, weights: dict[str, float], builtin: Weights) -> None:
    """With the real network too, totals and gradients in float32 equal the float64 formula."""
    settings = resolve("default-1", {"form": form, **weights})
    image, content, style = images(1, 32, 24, seed=1), images(1, 32, 24, seed=2), images(1, 16, 40, seed=3)

    def network(dtype: torch.dtype) -> Vgg19:
        layers = settings.layers_in_use
        return Vgg19(builtin.tensors, layers=layers, pooling=settings.pooling, device=CPU, dtype=dtype)

    objective = objective_of(network(torch.float32), [settings], content, style, torch.float32)
    terms, gradient = objective.evaluate(image.float())
    total, slope = slow_evaluation(network(torch.float64), settings, image[0], content[0], style[0])
    assert relative_error(terms.total[0], total) < 1e-5
    assert relative_error(gradient[0], slope) < 1e-5


@pytest.mark.parametrize("form", FORMS)
def test_gradcheck(form: str) -> None:
    """The gradient of the whole objective is that of finite differences in float64."""
    contents, styles = images(2, 2, 4, seed=2), images(2, 4, 6, seed=3)
    objective = objective_of(Tiny(torch.float64), varied(form), contents, styles, torch.float64)
    image = images(2, 2, 4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: objective(x).total, image)


@pytest.mark.parametrize("form", FORMS)
def test_terms_add_up(form: str) -> None:
    """The total is the weighted sum of the terms, and a term the weighted sum of its layers' plain losses."""
    settings = varied(form)
    objective = objective_of(
        Tiny(torch.float64), settings, images(2, 8, 6, seed=2), images(2, 6, 6, seed=3), torch.float64
    )
    found = named(objective, objective(images(2, 8, 6, seed=1)))
    for b, s in enumerate(settings):
        content = sum(v * found[f"content_{layer}"][b].item() for layer, v in s.content_layers)
        style = sum(w * found[f"style_{layer}"][b].item() for layer, w in s.style_layers)
        total = s.content_weight * content + s.style_weight * style + s.tv_weight * found["tv"][b].item()
        assert found["content"][b].item() == pytest.approx(content, rel=1e-12)
        assert found["style"][b].item() == pytest.approx(style, rel=1e-12)
        assert found["total"][b].item() == pytest.approx(total, rel=1e-12)


def test_stacked_keeps_the_order_of_the_terms() -> None:
    """A line of losses is total, content, style, tv, content layers, style layers, without an autograd graph."""
    objective = objective_of(
        Tiny(torch.float64), varied("mean"), images(2, 8, 6, seed=2), images(2, 6, 6, seed=3), torch.float64
    )
    losses, _ = objective.evaluate(images(2, 8, 6, seed=1))
    line = losses.stacked()
    assert objective.columns == (
        *("total", "content", "style", "tv"),
        *(f"content_{layer}" for layer in objective.layers["content"]),
        *(f"style_{layer}" for layer in objective.layers["style"]),
    )
    assert line.shape == (2, len(objective.columns))
    assert not line.requires_grad
    assert torch.equal(line[:, 0], losses.total)
    assert torch.equal(line[:, 1:4], losses.terms)
    assert torch.equal(line[:, 4:], losses.layers)


def test_samples_do_not_mix() -> None:
    """Another image in one slot changes nothing in the total and the gradient of the other."""
    objective = objective_of(
        Tiny(torch.float64), varied("mean"), images(2, 8, 6, seed=2), images(2, 6, 6, seed=3), torch.float64
    )
    image = images(2, 8, 6, seed=1)
    changed = torch.cat((image[:1], 5 * image[1:]))
    (before, slope), (after, changed_slope) = objective.evaluate(image), objective.evaluate(changed)
    assert torch.equal(before.stacked()[0], after.stacked()[0])
    assert torch.equal(slope[0], changed_slope[0])
    assert not torch.equal(slope[1], changed_slope[1])


@pytest.mark.parametrize("form", FORMS)
def test_content_is_zero_at_the_content_and_style_at_the_style(form: str) -> None:
    """If the image is its content the content term is 0; if it is its style the style term is 0."""
    contents, styles = images(2, 8, 6, seed=2), images(2, 8, 6, seed=3)
    objective = objective_of(Tiny(torch.float32), varied(form), contents, styles, torch.float32)
    assert named(objective, objective(contents.float()))["content"].tolist() == [0, 0]
    assert named(objective, objective(styles.float()))["style"].tolist() == [0, 0]


def test_layers_in_use_are_named_once() -> None:
    """A layer of both terms is computed once; the content's layers come first."""
    settings = dataclasses.replace(
        resolve("default-1", {}),
        content_layers=parse_layers("conv2_1 conv4_2"),
        style_layers=parse_layers("conv1_1 conv2_1"),
    )
    assert settings.layers_in_use == ("conv2_1", "conv4_2", "conv1_1")


def test_targets_carry_no_graph() -> None:
    """Targets are constants, even if the network's parameters are trainable."""
    network, settings = nn.Sequential(nn.Conv2d(3, 4, 1)), varied("mean")[0]

    class Trainable(nn.Module):
        def forward(self, image: Tensor, read: Read) -> dict[str, Any]:
            """Reads two layers that depend on a parameter."""
            return {layer: read(layer, network(image)) for layer in ("conv1_1", "conv2_1")}

    image = images(1, 4, 4, seed=1).float()
    for source in ("content", "style"):
        for target in targets(Trainable(), image, settings, source)[source].values():
            assert not any(part.requires_grad for part in target)
