"""The forecast of memory against what PyTorch really keeps, and batches that follow from it."""

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from stylize_core.engine.memory import CHANNELS, batch_size, bytes_per_pixel, free_memory
from stylize_core.engine.network import Vgg19, parameter_shapes
from stylize_core.engine.objective import layers_in_use
from stylize_core.engine.weights import Weights
from stylize_core.presets import resolve
from stylize_core.settings import LAYERS, Settings

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def settings_of(**given: object) -> Settings:
    """The preset `default` with other values."""
    return resolve("default", given)


def kept_bytes(weights: Weights, settings: Settings, edge: int) -> int:
    """The bytes that autograd keeps for the backward pass through the network, parameters left out."""
    layers = layers_in_use(settings)
    network = Vgg19(weights.tensors, layers=layers, pooling=settings.pooling, device=CPU, dtype=torch.float32)
    parameters = {tensor.untyped_storage().data_ptr() for tensor in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        features = network(torch.rand(1, 3, edge, edge, requires_grad=True))
    assert features
    return sum(kept.values())


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("layers", ["conv1_1 conv2_1 conv3_1 conv4_1 conv5_1", "conv1_1 conv2_1", "conv3_3"])
def test_the_forecast_covers_what_is_kept(pooling: str, layers: str, builtin: Weights) -> None:
    """A batch never takes less than autograd keeps for it, and not twice as much."""
    settings = settings_of(pooling=pooling, content_layers="conv1_2", style_layers=layers, optimiser="adam")
    kept = kept_bytes(builtin, settings, 64) / 64**2
    assert kept <= bytes_per_pixel(settings, "float32") <= 2 * kept


def test_channels_are_those_of_the_network() -> None:
    """The number of channels of each layer is that of its convolution's weight."""
    shapes = parameter_shapes()
    assert {layer: next(iter(shapes[layer].values()))[0] for layer in LAYERS} == CHANNELS


def test_deeper_layers_take_more() -> None:
    """The forecast grows with every layer that the network reaches."""
    needs = [bytes_per_pixel(settings_of(content_layers=layer, style_layers="conv1_1"), "float32") for layer in LAYERS]
    assert needs == sorted(set(needs))


def test_what_else_takes_more() -> None:
    """Float32 takes more than bfloat16, and L-BFGS, with its pairs, more than Adam; weights take nothing."""
    plain = bytes_per_pixel(settings_of(), "float32")
    assert bytes_per_pixel(settings_of(), "bfloat16") < plain
    assert bytes_per_pixel(settings_of(optimiser="adam"), "float32") < plain
    assert bytes_per_pixel(settings_of(style_weight=3.0, size=64), "float32") == plain


@given(height=st.integers(1, 3000), width=st.integers(1, 3000))
@hypothesis_settings(deadline=None)
def test_cpu_batches_fill_a_fixed_number_of_pixels(height: int, width: int) -> None:
    """On a CPU a batch holds at least one job, and no second one beyond the pixels that fill the cores."""
    jobs = batch_size(settings_of(), height, width, "float32", CPU)
    assert jobs >= 1
    assert jobs == 1 or jobs * height * width <= 192 * 192


@pytest.mark.parametrize(("free_gib", "edge", "expected"), [(0.01, 512, 1), (8, 512, 12), (140, 512, 64), (8, 64, 64)])
def test_gpu_batches_fit_into_the_free_memory(
    free_gib: float, edge: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU as many jobs go together as its free memory holds, with a margin: from 1 to 64."""
    free = int(free_gib * 2**30)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 2 * free))
    jobs = batch_size(settings_of(), edge, edge, "float32", GPU)
    assert jobs == expected
    assert jobs == 1 or jobs * edge**2 * bytes_per_pixel(settings_of(), "float32") < 0.8 * free


def test_free_memory_of_this_machine() -> None:
    """This machine has some memory left."""
    assert free_memory(CPU) > 2**20
