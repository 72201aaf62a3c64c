"""The weights of the network: sound, damaged and incomplete files, and the download of the ImageNet weights."""

import hashlib
import pickle
import runpy
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models import VGG19_Weights
from torchvision.models.vgg import cfgs, make_layers

from stylize_core.engine.weights import BUILTIN, IMAGENET_URL, Weights, load_weights, require_layers
from stylize_core.errors import WeightsCorrupt, WeightsError, WeightsIncomplete, WeightsUnavailable
from stylize_core.layers import LAYERS

SHAPES = {
    "features.0.weight": (64, 3, 3, 3),
    "features.0.bias": (64,),
    "features.2.weight": (64, 64, 3, 3),
    "features.2.bias": (64,),
    "features.5.weight": (128, 64, 3, 3),
    "features.5.bias": (128,),
}


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    """The first three convolutions: conv1_1, conv1_2, conv2_1."""
    generator = torch.Generator().manual_seed(0)
    return {key: torch.randn(shape, generator=generator) for key, shape in SHAPES.items()}


def assert_same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Checks names, their order, type and every number."""
    assert list(found) == list(expected)
    for key, tensor in expected.items():
        assert found[key].dtype == torch.float32
        assert torch.equal(found[key], tensor.float()), key


def test_builtin_reaches_conv5_1() -> None:
    """The packaged weights: 13 layers, float32 in memory though stored in float16, named by their file's sha256."""
    weights = load_weights("builtin")
    assert weights.name == "builtin"
    assert weights.reach == LAYERS[:13]
    assert weights.reach[-1] == "conv5_1"
    assert weights.sha256 == hashlib.sha256(BUILTIN.read_bytes()).hexdigest()
    assert len(weights.tensors) == 26
    assert {tensor.dtype for tensor in weights.tensors.values()} == {torch.float32}


def save_legacy(tensors: dict[str, Tensor], path: Path) -> None:
    """Saves in the format before torch 1.6, which the official file uses."""
    torch.save(tensors, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("w.pth", torch.save),
        ("w.pt", torch.save),
        ("legacy.pth", save_legacy),
        ("w.safetensors", save_file),
    ],
)
def test_a_file_is_read_as_saved(
    tmp_path: Path, tensors: dict[str, Tensor], name: str, save: Callable[[dict[str, Tensor], Path], None]
) -> None:
    """Each file type gives the saved tensors, without the classifier, and the layers that they reach."""
    path = tmp_path / name
    save({**tensors, "classifier.0.weight": torch.zeros(4, 4)}, path)
    weights = load_weights(str(path))
    assert_same(weights.tensors, tensors)
    assert weights.reach == ("conv1_1", "conv1_2", "conv2_1")
    assert weights.name == str(path)
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_whole_network_can_be_read(tmp_path: Path) -> None:
    """A file of torchvision's module, with trainable parameters, gives all 16 layers as plain tensors."""
    stack = make_layers(cfgs["E"])
    path = tmp_path / "whole.pth"
    torch.save({f"features.{key}": parameter for key, parameter in stack.named_parameters()}, path)
    weights = load_weights(str(path))
    assert weights.reach == LAYERS
    assert_same(weights.tensors, {f"features.{key}": p.detach() for key, p in stack.named_parameters()})
    assert not any(tensor.requires_grad for tensor in weights.tensors.values())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_types_become_float32(tmp_path: Path, tensors: dict[str, Tensor], dtype: torch.dtype) -> None:
    """Whatever floating type a file stores, memory holds float32."""
    stored = {key: tensor.to(dtype) for key, tensor in tensors.items()}
    save_file(stored, tmp_path / "w.safetensors")
    assert_same(load_weights(str(tmp_path / "w.safetensors")).tensors, stored)


def test_a_file_that_is_not_there_names_the_other_choices(tmp_path: Path) -> None:
    """A missing file, a folder and a misspelt word are unavailable; the error names the three choices."""
    (tmp_path / "folder.pth").mkdir()
    for name in (str(tmp_path / "none.pth"), str(tmp_path / "folder.pth"), "imagnet"):
        with pytest.raises(WeightsUnavailable) as caught:
            load_weights(name)
        assert caught.value.where == name
        assert all(choice in caught.value.todo for choice in ("imagenet", "builtin", "PATH"))


def test_an_unknown_type_of_file_is_refused(tmp_path: Path) -> None:
    """A file that is neither .safetensors nor .pth nor .pt is refused without guessing."""
    (tmp_path / "w.h5").write_bytes(b"data")
    with pytest.raises(WeightsError, match=r"\.h5"):
        load_weights(str(tmp_path / "w.h5"))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("data", [b"", b"not weights\n", bytes(range(256)) * 40, b"PK\x03\x04", b"\x80\x02}"])
def test_garbage_is_corrupt(tmp_path: Path, suffix: str, data: bytes) -> None:
    """Other bytes are corrupt weights, named with their file."""
    path = tmp_path / f"garbage{suffix}"
    path.write_bytes(data)
    with pytest.raises(WeightsCorrupt) as caught:
        load_weights(str(path))
    assert str(path) in caught.value.where


@pytest.mark.parametrize(
    ("name", "save"), [("w.pth", torch.save), ("legacy.pth", save_legacy), ("w.safetensors", save_file)]
)
def test_a_truncated_file_is_corrupt(
    tmp_path: Path, tensors: dict[str, Tensor], name: str, save: Callable[[dict[str, Tensor], Path], None]
) -> None:
    """A file that ends early is corrupt, wherever it ends."""
    path = tmp_path / name
    save(tensors, path)
    data = path.read_bytes()
    for length in (1, 20, 500, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(WeightsCorrupt):
            load_weights(str(path))


@pytest.mark.parametrize(
    ("name", "save"), [("w.pth", torch.save), ("legacy.pth", save_legacy), ("w.safetensors", save_file)]
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.booleans())
def test_damage_is_an_expected_error_or_harmless(
    tmp_path: Path,
    name: str,
    save: Callable[[dict[str, Tensor], Path], None],
    place: float,
    value: int,
    cut: bool,
) -> None:
    """With any byte changed or any end cut off, the weights load with their shapes or raise a WeightsError."""
    path = tmp_path / name
    save({key: torch.ones(SHAPES[key]) for key in ("features.0.weight", "features.0.bias")}, path)
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] = value
    path.write_bytes(data[: int(place * len(data))] if cut else data)
    try:
        outcome = str(load_weights(str(path)).tensors["features.0.weight"].shape)
    except WeightsError as error:
        outcome = error.where
    assert outcome.startswith((str(path), "torch.Size([64, 3, 3, 3])"))


class Exploit:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self.path,))


def test_code_in_a_pickle_is_not_run(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    """A .pth file with code among its tensors is corrupt, and its code never runs."""
    mark = tmp_path / "it-ran"
    path = tmp_path / "evil.pth"
    torch.save({**tensors, "classifier.0.weight": Exploit(mark)}, path)
    with pytest.raises(WeightsCorrupt, match="was not run"):
        load_weights(str(path))
    plain = tmp_path / "plain.pth"
    plain.write_bytes(pickle.dumps({**tensors, "hook": Exploit(mark)}))
    with pytest.raises(WeightsCorrupt, match="was not run"):
        load_weights(str(plain))
    assert not mark.exists()
    pickle.loads(plain.read_bytes())
    assert mark.exists(), "the exploit itself must work, or this test shows nothing"


@pytest.mark.parametrize("content", [[], [torch.zeros(3)], torch.zeros(3), "text", 5])
def test_other_things_than_a_mapping_are_corrupt(tmp_path: Path, content: object) -> None:
    """A sound .pth file without named tensors is corrupt."""
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsCorrupt, match="no mapping"):
        load_weights(str(tmp_path / "w.pth"))


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(64, dtype=torch.int64),
        [0.0] * 64,
        torch.full((64,), torch.nan),
        torch.full((64,), -torch.inf),
        torch.full((64,), 1e300, dtype=torch.float64),  # not finite in float32
    ],
    ids=["integers", "a list", "nan", "inf", "beyond float32"],
)
def test_unusable_tensors_are_corrupt_and_named(tmp_path: Path, tensors: dict[str, Tensor], value: object) -> None:
    """Every number of every convolution is a finite float32, or its tensor is named."""
    torch.save({**tensors, "features.2.bias": value}, tmp_path / "w.pth")
    with pytest.raises(WeightsCorrupt, match=r"features\.2\.bias") as caught:
        load_weights(str(tmp_path / "w.pth"))
    assert caught.value.where == f"{tmp_path / 'w.pth'}, features.2.bias"


@pytest.mark.parametrize("key", ["features.0.weight", "features.2.bias", "features.5.weight", "features.5.bias"])
def test_a_missing_tensor_is_named(tmp_path: Path, tensors: dict[str, Tensor], key: str) -> None:
    """Layers have no gaps and each has a weight and a bias; a missing one is named."""
    del tensors[key]
    torch.save(tensors, tmp_path / "w.pth")
    with pytest.raises(WeightsIncomplete) as caught:
        load_weights(str(tmp_path / "w.pth"))
    assert caught.value.where == f"{tmp_path / 'w.pth'}, {key}"


@pytest.mark.parametrize("content", [{}, {"conv1_1.weight": torch.zeros(64, 3, 3, 3)}, {0: torch.zeros(3)}])
def test_other_key_names_lack_the_first_tensor(tmp_path: Path, content: dict[object, Tensor]) -> None:
    """A file without torchvision's key names lacks features.0.weight."""
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsIncomplete, match=r"features\.0\.weight"):
        load_weights(str(tmp_path / "w.pth"))


def test_a_network_with_batch_norm_is_refused(tmp_path: Path) -> None:
    """VGG-19 with batch norm numbers its convolutions differently, so conv1_2 is missing."""
    stack = make_layers(["E", *cfgs["E"]][1:5], batch_norm=True)
    torch.save({f"features.{key}": tensor for key, tensor in stack.state_dict().items()}, tmp_path / "bn.pth")
    with pytest.raises(WeightsIncomplete, match=r"features\.2\.weight"):
        load_weights(str(tmp_path / "bn.pth"))


def test_a_misshapen_tensor_is_named_with_both_shapes(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    """A tensor of another shape is named with its shape and the shape that VGG-19 needs."""
    tensors["features.2.weight"] = torch.zeros(64, 64, 5, 5)
    torch.save(tensors, tmp_path / "w.pth")
    with pytest.raises(WeightsIncomplete) as caught:
        load_weights(str(tmp_path / "w.pth"))
    for part in ("features.2.weight", "(64, 64, 5, 5)", "(64, 64, 3, 3)"):
        assert part in caught.value.what


def test_layers_beyond_the_reach_are_an_error() -> None:
    """A layer that the weights do not reach is named, with the file and its last layer."""
    weights = Weights(name="small.pth", sha256="0" * 64, tensors={}, reach=LAYERS[:3])
    require_layers(weights, ("conv2_1", "conv1_1"))
    with pytest.raises(WeightsIncomplete) as caught:
        require_layers(weights, ("conv1_1", "conv2_2"))
    assert "conv2_2" in caught.value.what
    assert "conv2_1" in caught.value.todo
    assert caught.value.where == "small.pth"


def test_pth_needs_no_safetensors(tmp_path: Path, tensors: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without safetensors, the engine can be imported and .pth files can be read."""
    monkeypatch.setitem(sys.modules, "safetensors", None)
    torch.save(tensors, tmp_path / "w.pth")
    engine = BUILTIN.parents[1] / "engine"
    runpy.run_path(str(engine / "normalise.py"))
    anew = runpy.run_path(str(engine / "weights.py"))
    assert_same(anew["load_weights"](str(tmp_path / "w.pth")).tensors, tensors)


Answers = dict[str, tuple[int, bytes, int]]


@pytest.fixture
def server() -> Iterator[tuple[str, Answers, list[str]]]:
    """A file server on loopback: its address, its answers by path (status, body, announced length), requested paths."""
    answers: Answers = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body, length = answers.get(self.path, (404, b"", 0))
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}", answers, asked
        httpd.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of torch's downloads, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def published(tmp_path: Path, tensors: dict[str, Tensor]) -> tuple[str, bytes]:
    """A weights file as published: its bytes, and a name that ends with the first 8 digits of their sha256."""
    torch.save(tensors, tmp_path / "published.pth")
    data = (tmp_path / "published.pth").read_bytes()
    return f"vgg19-{hashlib.sha256(data).hexdigest()[:8]}.pth", data


def assert_unavailable(url: str, cached: Path, *reasons: str) -> None:
    """Checks that the error names the attempt, its cause and the other two choices."""
    with pytest.raises(WeightsUnavailable) as caught:
        load_weights("imagenet", imagenet_url=url)
    assert url in caught.value.where
    assert str(cached) in caught.value.where
    assert all(choice in caught.value.todo for choice in ("--weights builtin", "--weights PATH"))
    assert all(reason in caught.value.what for reason in reasons)


def test_imagenet_is_torchvisions_official_file() -> None:
    """`imagenet` is torchvision's URL, whose name contains a hash."""
    assert IMAGENET_URL == VGG19_Weights.IMAGENET1K_V1.url == "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"


def test_imagenet_is_downloaded_once(
    server: tuple[str, Answers, list[str]],
    cache: Path,
    published: tuple[str, bytes],
    tensors: dict[str, Tensor],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The first use downloads into torch's cache, with a bar on standard error if asked; the next needs no server."""
    address, answers, asked = server
    name, data = published
    answers[f"/{name}"] = (200, data, len(data))
    first = load_weights("imagenet", imagenet_url=f"{address}/{name}", progress=True)
    assert "100" in capfd.readouterr().err
    answers.clear()
    second = load_weights("imagenet", imagenet_url=f"{address}/{name}")
    assert asked == [f"/{name}"]
    for weights in (first, second):
        assert weights.name == "imagenet"
        assert weights.sha256 == hashlib.sha256(data).hexdigest()
        assert_same(weights.tensors, tensors)
    assert (cache / name).read_bytes() == data
    assert capfd.readouterr() == ("", "")


def test_a_damaged_file_in_the_cache_is_replaced(
    server: tuple[str, Answers, list[str]],
    cache: Path,
    published: tuple[str, bytes],
    tensors: dict[str, Tensor],
) -> None:
    """A cached file whose hash differs from its name is never read; it is downloaded again, or the error says so."""
    address, answers, _ = server
    name, data = published
    cache.mkdir(parents=True)
    (cache / name).write_bytes(data[:-1])
    assert_unavailable(f"{address}/{name}", cache / name, "damaged", "404")
    answers[f"/{name}"] = (200, data, len(data))
    assert_same(load_weights("imagenet", imagenet_url=f"{address}/{name}").tensors, tensors)
    assert (cache / name).read_bytes() == data


def test_a_failed_download_leaves_nothing(
    server: tuple[str, Answers, list[str]], cache: Path, published: tuple[str, bytes]
) -> None:
    """Not found, a server error, another file and half a file: each error says why, and leaves no file behind."""
    address, answers, _ = server
    name, data = published
    url = f"{address}/{name}"
    assert_unavailable(url, cache / name, "missing", "404")
    for answer, reason in (
        ((503, b"", 0), "503"),
        ((200, b"another file", 12), "invalid hash"),
        ((200, data[: len(data) // 2], len(data)), "invalid hash"),
    ):
        answers[f"/{name}"] = answer
        assert_unavailable(url, cache / name, reason)
        assert list(cache.iterdir()) == []


def test_without_a_server_the_reason_is_told(cache: Path, published: tuple[str, bytes]) -> None:
    """A refused connection is named as such."""
    name, _ = published
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        url = f"http://127.0.0.1:{closed.server_port}/{name}"
    assert_unavailable(url, cache / name, "refused")


def test_a_cache_that_cannot_be_made_is_told(
    server: tuple[str, Answers, list[str]], cache: Path, published: tuple[str, bytes], tmp_path: Path
) -> None:
    """If torch's cache cannot be written, the error names its path and the reason."""
    (tmp_path / "torch").write_text("a file where the folder should be")
    name, _ = published
    assert_unavailable(f"{server[0]}/{name}", cache / name, "Not a directory")
