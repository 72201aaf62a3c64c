"""Loads the tensors of VGG-19, and checks the contents of their file."""

import hashlib
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError
from urllib.parse import urlsplit

import torch
from torch import Tensor

from stylize_core.engine.network import parameter_shapes
from stylize_core.errors import WeightsCorrupt, WeightsError, WeightsIncomplete, WeightsUnavailable

IMAGENET_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
"""URL of torchvision's `VGG19_Weights.IMAGENET1K_V1`; a test compares them."""

STALL_SECONDS = 60.0
BUILTIN = Path(__file__).parents[1] / "weights" / "vgg19-builtin.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The convolutions of a VGG-19.

    Attributes:
        name: `imagenet`, `builtin` or the path, as requested.
        sha256: of the file's bytes, 64 hex digits.
        tensors: by torchvision's key names (`features.0.weight`, ...), float32, on the CPU; no classifier.
        reach: the layers it contains, from conv1_1 without a gap.
    """

    name: str
    sha256: str
    tensors: Mapping[str, Tensor]
    reach: tuple[str, ...]


def load_weights(name: str, *, progress: bool = False, imagenet_url: str = IMAGENET_URL) -> Weights:
    """Returns validated weights.

    Args:
        name: `imagenet` (torchvision's, from torch's own cache or downloaded), `builtin` (packaged), or
            the path of a `.safetensors`, `.pth` or `.pt` file.
        progress: draws a bar on standard error while downloading.
        imagenet_url: source of `imagenet`; the file's name ends with the first digits of its sha256.

    Raises:
        WeightsUnavailable: there is no such file, or it cannot be read or downloaded.
        WeightsCorrupt: the file is damaged, or contains anything but finite tensors; no code in it is run.
        WeightsIncomplete: a tensor is missing before the deepest one, or its shape differs from VGG-19's.
        WeightsError: the file is of an unknown type.
    """
    if name == "imagenet":
        path, sha256 = _imagenet(imagenet_url, progress)
    else:
        path = BUILTIN if name == "builtin" else Path(name)
        sha256 = _sha256(path)
    layers = _convolutions(_read(path), path)
    tensors = {key: tensor for pair in layers.values() for key, tensor in pair.items()}
    return Weights(name=name, sha256=sha256, tensors=tensors, reach=tuple(layers))


def require_layers(weights: Weights, layers: Iterable[str]) -> None:
    """Checks that weights contain every layer in use.

    Raises:
        WeightsIncomplete: a layer is deeper than the weights reach.
    """
    end = weights.reach[-1]
    for layer in layers:
        if layer not in weights.reach:
            raise WeightsIncomplete(
                f"the weights end at layer {end} and do not reach {layer}",
                where=weights.name,
                todo=f"use layers up to {end}, or weights that reach further, such as --weights imagenet",
            )


def _imagenet(url: str, progress: bool) -> tuple[Path, str]:
    cached = Path(torch.hub.get_dir(), "checkpoints", PurePosixPath(urlsplit(url).path).name)
    digits = re.findall(r"-([0-9a-f]{8,})\.", cached.name)[-1]
    found = cached.is_file()
    if found and (sha256 := _sha256(cached)).startswith(digits):
        return cached, sha256
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with _stalls_end_after(STALL_SECONDS):
            torch.hub.download_url_to_file(url, str(cached), hash_prefix=digits, progress=progress)
    except (OSError, RuntimeError, HTTPException) as error:  # RuntimeError: the hash differs
        if isinstance(error, HTTPError):
            error.close()  # it holds the connection
        state = "damaged" if found else "missing"
        raise WeightsUnavailable(
            f"the ImageNet weights are not available: the cached file is {state} and the download failed ({error})",
            where=f"{cached}, {url}",
            todo="put the file there from a machine with a network, or use --weights builtin (packaged) or "
            "--weights PATH (.safetensors or .pth)",
        ) from error
    return cached, _sha256(cached)


@contextmanager
def _stalls_end_after(seconds: float) -> Iterator[None]:
    """A block with a time limit for torch's download, which has none: a silent connection would block a nightly run."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = error.strerror or str(error)
        raise WeightsUnavailable(f"the weights file cannot be read: {reason}", where=str(path)) from error


def _read(path: Path) -> Mapping[str, object]:
    """Returns the contents of a file; neither reader runs code in it."""
    load: Callable[[Path], object]
    if path.suffix == ".safetensors":
        import safetensors.torch  # imported here: the engine can be imported without it

        load = safetensors.torch.load_file
    elif path.suffix in (".pth", ".pt"):
        load = partial(torch.load, map_location="cpu", weights_only=True)
    else:
        raise WeightsError(f"a file of type {path.suffix!r} cannot hold weights", where=str(path))
    try:
        content = load(path)
    except Exception as error:  # damaged bytes can make an unpickler raise anything
        raise WeightsCorrupt(
            "the weights file is damaged, or contains something other than tensors (code in it was not run)",
            where=str(path),
        ) from error
    if not isinstance(content, Mapping):
        raise WeightsCorrupt("the weights file holds no mapping of names to tensors", where=str(path))
    return content


def _convolutions(content: Mapping[str, object], path: Path) -> dict[str, dict[str, Tensor]]:
    """Returns weight and bias by layer, up to the deepest layer that is in the file."""
    shapes = parameter_shapes()
    depth = max((n for n, keys in enumerate(shapes.values(), 1) if keys.keys() & content.keys()), default=1)
    return {
        layer: {key: _tensor(content, key, shape, path) for key, shape in shapes[layer].items()}
        for layer in tuple(shapes)[:depth]
    }


def _tensor(content: Mapping[str, object], key: str, shape: torch.Size, path: Path) -> Tensor:
    where = f"{path}, {key}"
    if key not in content:
        raise WeightsIncomplete(f"the weights file lacks the tensor {key}", where=where)
    stored = content[key]
    if not isinstance(stored, Tensor) or not stored.is_floating_point():
        raise WeightsCorrupt(f"{key} is not a tensor of floating point numbers", where=where)
    if stored.shape != shape:
        found, expected = tuple(stored.shape), tuple(shape)
        raise WeightsIncomplete(f"{key} has the shape {found}; VGG-19 needs {expected}", where=where)
    tensor = stored.detach().float()
    if not tensor.isfinite().all():
        raise WeightsCorrupt(f"{key} holds numbers that are not finite", where=where)
    return tensor
