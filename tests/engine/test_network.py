from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import vgg19
from torchvision.models.vgg import cfgs, make_layers

from stylize_core.engine.network import Vgg19, _definition, least_edge, parameter_shapes
from stylize_core.engine.winograd.convolution import WinogradConv2d
from stylize_core.layers import LAYERS

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def torchvision_features() -> nn.Sequential:
    """Torchvision's convolutional stack of VGG-19, float64, with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        features: nn.Sequential = make_layers(cfgs["E"]).double()
    return features.requires_grad_(False)


@pytest.fixture(scope="module")
def tensors(torchvision_features: nn.Sequential) -> dict[str, Tensor]:
    """The same weights by torchvision's key names."""
    return {f"features.{key}": tensor for key, tensor in torchvision_features.state_dict().items()}


def network(
    tensors: Mapping[str, Tensor], *layers: str, pooling: str = "max", dtype: torch.dtype = torch.float64
) -> Vgg19:
    """Vgg19 on the CPU."""
    return Vgg19(tensors, layers=layers, pooling=pooling, device=CPU, dtype=dtype)


def images(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Images of seeded noise."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def normalised(image: Tensor) -> Tensor:
    """The input of torchvision's networks."""
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=image.dtype)
    std = torch.tensor([0.229, 0.224, 0.225], dtype=image.dtype)
    return ((image.movedim(1, -1) - mean) / std).movedim(-1, 1)


def test_every_layer_equals_torchvision(tensors: dict[str, Tensor], torchvision_features: nn.Sequential) -> None:
    """All 16 layers, requested at once, equal torchvision's: no later module overwrites one in place."""
    image = images(2, 3, 35, 50)
    found = network(tensors, *LAYERS)(image)
    x, layers = normalised(image), iter(LAYERS)
    for module in torchvision_features:
        x = module(x.clone())
        if isinstance(module, nn.ReLU):
            layer = next(layers)
            torch.testing.assert_close(found[layer], x, rtol=1e-10, atol=1e-12, msg=layer)
    assert next(layers, None) is None


def test_average_pooling_equals_a_plain_loop(tensors: dict[str, Tensor]) -> None:
    """Average pooling replaces every 2 x 2 block by its mean; an odd last row or column is dropped."""
    image = images(1, 3, 37, 34)
    found = network(tensors, *LAYERS, pooling="average")(image)
    x, index = normalised(image), 0
    for block, convolutions in enumerate((2, 2, 4, 4, 4), 1):
        if block > 1:
            x = x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2]
            x = (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
            index += 1
        for number in range(1, convolutions + 1):
            weight, bias = tensors[f"features.{index}.weight"], tensors[f"features.{index}.bias"]
            x = functional.conv2d(x, weight, bias, padding=1).clamp(min=0)
            torch.testing.assert_close(found[f"conv{block}_{number}"], x, rtol=1e-10, atol=1e-12)
            index += 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_imagenets_mean_colour_gives_the_biases(tensors: dict[str, Tensor], dtype: torch.dtype) -> None:
    """The mean colour is exactly zero for the network, in bfloat16 too: conv1_1 is the ReLU of its bias."""
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    image = torch.tensor(Vgg19.MEAN, dtype=exact).view(1, 3, 1, 1).expand(1, 3, 5, 4)
    found = network(tensors, "conv1_1", dtype=dtype)(image)["conv1_1"]
    expected = tensors["features.0.bias"].to(dtype).clamp(min=0).view(1, 64, 1, 1).expand(1, 64, 5, 4)
    assert found.dtype == dtype
    assert torch.equal(found, expected)


def test_layers_come_shallow_to_deep(tensors: dict[str, Tensor]) -> None:
    """Exactly the requested layers are returned, shallow to deep, whatever their order."""
    found = network(tensors, "conv3_1", "conv1_2", "conv2_1")(images(1, 3, 8, 8))
    assert {layer: tuple(tensor.shape) for layer, tensor in found.items()} == {
        "conv1_2": (1, 64, 8, 8),
        "conv2_1": (1, 128, 4, 4),
        "conv3_1": (1, 256, 2, 2),
    }
    assert list(found) == ["conv1_2", "conv2_1", "conv3_1"]


def test_deeper_layers_are_dropped(tensors: dict[str, Tensor]) -> None:
    """The network ends at the deepest layer in use: deeper layers are neither kept nor needed."""
    cut = network(tensors, "conv2_1", "conv1_1")
    kept = [f"features.{index}.{name}" for index in (0, 2, 5) for name in ("weight", "bias")]
    assert list(cut.state_dict()) == kept
    shallow = {key: tensors[key] for key in kept}
    assert torch.equal(network(shallow, "conv2_1")(images(1, 3, 8, 8))["conv2_1"], cut(images(1, 3, 8, 8))["conv2_1"])


def test_a_missing_tensor_is_an_error(tensors: dict[str, Tensor]) -> None:
    """A layer in use without its tensors is an error, and is not built with random ones."""
    without = {key: tensor for key, tensor in tensors.items() if key != "features.5.bias"}
    with pytest.raises(KeyError, match=r"features\.5\.bias"):
        network(without, "conv2_1")


def test_an_unknown_layer_is_an_error(tensors: dict[str, Tensor]) -> None:
    """A misspelt layer is an error."""
    with pytest.raises(KeyError, match="conv2_3"):
        network(tensors, "conv1_1", "conv2_3")


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_gradients_reach_the_image_and_no_weight(tensors: dict[str, Tensor], pooling: str) -> None:
    """The image's gradient is right (finite differences, float64); the weights are frozen."""
    cut = network(tensors, "conv1_1", "conv2_1", pooling=pooling)
    image = images(1, 3, 6, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: tuple(cut(x).values()), (image,), fast_mode=True)
    sum(activation.sum() for activation in cut(image).values()).backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert not cut.training
    assert all(not p.requires_grad and p.grad is None for p in cut.parameters())


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_recomputing_changes_nothing(tensors: dict[str, Tensor], pooling: str) -> None:
    """Blocks that are recomputed in the backward pass give bit-identical activations and gradients."""
    cut = network(tensors, "conv1_2", "conv2_2", "conv4_1", pooling=pooling, dtype=torch.float32)
    results = []
    for recompute in (False, True):
        image = images(2, 3, 24, 32, dtype=torch.float32).requires_grad_()
        sums = cut(image, lambda layer, activation: activation.square().sum(), recompute=recompute)
        (gradient,) = torch.autograd.grad(sum(sums.values()), image)
        results.append([*sums.values(), gradient])
    assert all(torch.equal(kept, again) for kept, again in zip(*results, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_sample_does_not_feel_its_neighbours(tensors: dict[str, Tensor], dtype: torch.dtype) -> None:
    """At equal B, a sample's activations and gradient are bit-identical beside other neighbours and in another slot."""
    cut = network(tensors, "conv1_1", "conv5_1", dtype=dtype)
    first, *others = images(5, 3, 16, 24, dtype=torch.float32)

    def sample(batch: list[Tensor], slot: int) -> tuple[Tensor, Tensor, Tensor]:
        image = torch.stack(batch).requires_grad_()
        activations = cut(image)
        sum(a.float().square().sum() for a in activations.values()).backward()
        assert image.grad is not None
        return activations["conv1_1"][slot], activations["conv5_1"][slot], image.grad[slot]

    expected = sample([first, others[0], others[1]], 0)
    for found, wanted in zip(sample([others[2], others[3], first], 2), expected, strict=True):
        assert torch.equal(found, wanted)


def test_a_sample_alone_differs_by_rounding(tensors: dict[str, Tensor]) -> None:
    """Another B changes activations only by rounding."""
    cut = network(tensors, "conv4_2")
    batch = images(3, 3, 24, 24)
    torch.testing.assert_close(cut(batch)["conv4_2"][1:2], cut(batch[1:2])["conv4_2"], rtol=1e-10, atol=1e-12)


def test_bfloat16_is_close_to_float64(tensors: dict[str, Tensor]) -> None:
    """In bfloat16 (8 bits) each layer stays within 2 % of float64."""
    image = images(1, 3, 32, 32)
    exact = network(tensors, *LAYERS)(image)
    for layer, activation in network(tensors, *LAYERS, dtype=torch.bfloat16)(image.float()).items():
        error = (activation.double() - exact[layer]).norm() / exact[layer].norm()
        assert error < 0.02, layer


@pytest.mark.parametrize(
    ("layers", "edge"),
    [
        (("conv1_1",), 1),
        (("conv1_2", "conv1_1"), 1),
        (("conv2_2",), 2),
        (("conv3_4", "conv1_1"), 4),
        (("conv1_1", "conv4_2"), 8),
        (("conv5_1",), 16),
        (("conv5_4",), 16),
    ],
)
def test_least_edge(tensors: dict[str, Tensor], layers: tuple[str, ...], edge: int) -> None:
    """An image with the minimum edge leaves the deepest layer one pixel; a smaller one cannot be computed."""
    assert least_edge(layers) == edge
    found = network(tensors, *layers)(images(1, 3, edge, edge))
    assert min(activation.shape[-1] for activation in found.values()) == 1
    if edge > 1:
        with pytest.raises(RuntimeError, match="too small"):
            network(tensors, *layers)(images(1, 3, edge - 1, edge - 1))


def test_parameter_shapes() -> None:
    """Shapes by layer are those of torchvision's VGG-19: 16 layers, a weight and a bias each."""
    shapes = parameter_shapes()
    assert tuple(shapes) == LAYERS
    assert shapes["conv1_1"] == {"features.0.weight": (64, 3, 3, 3), "features.0.bias": (64,)}
    assert shapes["conv5_4"] == {"features.34.weight": (512, 512, 3, 3), "features.34.bias": (512,)}


def test_the_definition_is_torchvisions(tensors: dict[str, Tensor]) -> None:
    """The modules equal torchvision's, which is not imported; the state of random numbers does not change."""
    state = torch.get_rng_state()
    network(tensors, "conv5_1", pooling="average")
    assert torch.equal(torch.get_rng_state(), state)
    with torch.device("meta"):
        assert repr(_definition()) == repr(vgg19(weights=None).features)


def test_a_lean_network_sees_the_same(tensors: dict[str, Tensor]) -> None:
    """Without filters prepared for speed the activations differ only by rounding."""
    layers, image = ("conv1_1", "conv4_2"), images(1, 3, 40, 48, dtype=torch.float32)
    options = {"layers": layers, "pooling": "max", "device": CPU, "dtype": torch.float32}
    fast, lean = (Vgg19(tensors, **options, lean=lean) for lean in (False, True))
    assert not any(isinstance(module, WinogradConv2d) for module in lean.modules())
    for layer, activation in fast(image).items():
        scale = activation.abs().max()
        torch.testing.assert_close(lean(image)[layer] / scale, activation / scale, rtol=0, atol=1e-4)
