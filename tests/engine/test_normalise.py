from pathlib import Path

import pytest
import torch
from torch import Tensor

from stylize_core.engine.network import Vgg19, parameter_shapes
from stylize_core.engine.normalise import normalise, save_weights, scales_of
from stylize_core.engine.weights import Weights, load_weights
from stylize_core.errors import ImageTooSmall, UsageError
from stylize_core.layers import LAYERS

REACH = LAYERS[:5]


def random_weights(seed: int, dtype: torch.dtype) -> Weights:
    """The layers up to conv3_1, with a filter that never fires in conv1_2."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for layer in REACH:
        for key, shape in parameter_shapes()[layer].items():
            fan_in = shape[1:].numel() or 1
            tensors[key] = torch.randn(shape, generator=generator, dtype=dtype) * (2 / fan_in) ** 0.5
    tensors["features.2.weight"][7] = 0
    tensors["features.2.bias"][7] = -1
    return Weights(name="random", sha256="0" * 64, tensors=tensors, reach=REACH)


def drawn_images(dtype: torch.dtype) -> list[Tensor]:
    """A gradient, waves and noise: three images of different shapes, none of them black."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 24), torch.linspace(0, 1, 20), indexing="ij")
    gradient = torch.stack([x, y, (x + y) / 2])
    waves = torch.stack([torch.sin(20 * x * (k + y)) for k in (1, 2, 3)]) / 2 + 0.5
    noise = torch.rand(3, 16, 29, generator=torch.Generator().manual_seed(3))
    return [image.to(dtype) for image in (gradient, waves, noise)]


def features(
    weights: Weights, tensors: dict[str, Tensor], images: list[Tensor], pooling: str
) -> list[dict[str, Tensor]]:
    """Activations of every layer, (1, N, h, w), for each image."""
    cpu, dtype = torch.device("cpu"), images[0].dtype
    network = Vgg19(tensors, layers=weights.reach, pooling=pooling, device=cpu, dtype=dtype)
    return [network(image[None]) for image in images]


def means(weights: Weights, tensors: dict[str, Tensor], images: list[Tensor], pooling: str) -> dict[str, Tensor]:
    """The mean of each filter over all positions of all images, computed plainly: (N,) by layer."""
    seen = features(weights, tensors, images, pooling)
    return {
        layer: torch.cat([found[layer][0].flatten(1) for found in seen], dim=1).mean(dim=1) for layer in weights.reach
    }


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_the_mean_activation_of_every_filter_is_one(pooling: str) -> None:
    """Over the images used for normalising, each filter of each layer has mean 1, unless it hardly ever fires."""
    weights = random_weights(0, torch.float64)
    images = drawn_images(torch.float64)
    before = means(weights, dict(weights.tensors), images, pooling)
    after = means(weights, normalise(weights, images, pooling), images, pooling)
    for layer in REACH:
        fires = before[layer] == scales_of(before[layer])
        torch.testing.assert_close(after[layer][fires], torch.ones(int(fires.sum()), dtype=torch.float64))
        assert (after[layer][~fires] < 1).all()
    assert before["conv1_2"][7] == 0
    assert 0.9 < torch.cat([before[layer] > 0 for layer in REACH]).double().mean() < 1


@pytest.mark.parametrize("seen", ["max", "average"])
@pytest.mark.parametrize("used", ["max", "average"])
def test_features_change_by_a_factor_per_filter(seen: str, used: str) -> None:
    """For an unseen image, and either pooling, new features are the old ones divided by each filter's mean."""
    weights = random_weights(1, torch.float64)
    images = drawn_images(torch.float64)
    tensors = normalise(weights, images, seen)
    mean = means(weights, dict(weights.tensors), images, seen)
    unseen = torch.rand(3, 14, 17, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    (old,) = features(weights, dict(weights.tensors), [unseen], used)
    (new,) = features(weights, tensors, [unseen], used)
    for layer in REACH:
        factor = scales_of(mean[layer])[:, None, None]
        torch.testing.assert_close(new[layer], old[layer] / factor, rtol=1e-10, atol=1e-12)


def test_filters_that_hardly_fire_are_not_blown_up() -> None:
    """No filter is divided by less than a tenth of the median of those that fire; a dark layer is not changed."""
    assert scales_of(torch.tensor([2.0, 4.0, 6.0, 1e-6, 0.0])).tolist() == pytest.approx([2, 4, 6, 0.2, 0.2])
    assert scales_of(torch.zeros(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_the_builtin_network_can_be_normalised(tmp_path: Path, pooling: str) -> None:
    """Saved and loaded again, the packaged network has mean activation 1 in all its 13 layers, in float32."""
    weights = load_weights("builtin")
    images = drawn_images(torch.float32)
    path = tmp_path / "normalised.safetensors"
    save_weights(path, normalise(weights, iter(images), pooling))
    found = load_weights(str(path))
    assert found.reach == weights.reach
    before = means(weights, dict(weights.tensors), images, pooling)
    for layer, mean in means(found, dict(found.tensors), images, pooling).items():
        # In the old units, because a filter that hardly fires is only rounding of sums around 1.
        scales = scales_of(before[layer])
        torch.testing.assert_close(mean * scales, before[layer], rtol=1e-5, atol=1e-6, msg=layer)


def test_the_given_weights_stay_as_they_are() -> None:
    """The given weights are not changed."""
    weights = random_weights(3, torch.float32)
    copies = {key: tensor.clone() for key, tensor in weights.tensors.items()}
    normalise(weights, drawn_images(torch.float32), "max")
    assert all(torch.equal(weights.tensors[key], copies[key]) for key in copies)


def test_without_images_there_is_no_mean() -> None:
    """An empty folder of images is an error of usage."""
    with pytest.raises(UsageError, match="no images"):
        normalise(random_weights(0, torch.float32), [], "max")


def test_an_image_too_small_for_the_deepest_layer_is_refused() -> None:
    """An image that leaves the deepest layer no pixel is refused with the minimum size: 4 px for conv3_1."""
    weights = random_weights(0, torch.float32)
    normalise(weights, [torch.ones(3, 4, 9)], "max")
    with pytest.raises(ImageTooSmall, match="9 x 3 px") as caught:
        normalise(weights, [torch.ones(3, 3, 9)], "max")
    assert "4 x 4 px" in caught.value.todo


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing write leaves the existing file, and nothing beside it."""
    path = tmp_path / "w.safetensors"
    save_weights(path, {"a": torch.zeros(2)})
    good = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        save_weights(path, {"a": torch.ones(2)})
    assert path.read_bytes() == good
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """If the file cannot be written, the error names it."""
    path = tmp_path / "none" / "w.safetensors"
    with pytest.raises(UsageError, match="cannot be written") as caught:
        save_weights(path, {"a": torch.zeros(2)})
    assert caught.value.where == str(path)
