"""Weights that are missing or not safe: nothing is started, and no code in a file runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

CHOICES = "--weights imagenet, --weights builtin, or --weights PATH"


@pytest.fixture
def run_weights(stylize: Callable[..., Any], manifests: Any, tmp_path: Path) -> Callable[[str], Any]:
    """Runs a tiny manifest with weights."""
    manifest = manifests.write(manifests.rows(1))
    return lambda weights: stylize(
        "run", manifest, "--store", f"{tmp_path}/store", "--weights", weights, "--runner", "loop"
    )


@pytest.mark.parametrize("name", ["nowhere.pth", "nowhere.safetensors"])
def test_missing_weights(
    name: str, tmp_path: Path, run_weights: Callable[..., Any], refused: Callable[..., str]
) -> None:
    """A missing file is named, with the other choices."""
    error = refused(run_weights(f"{tmp_path}/{name}"))
    assert "the weights file cannot be read: No such file or directory" in error
    assert f"where: {tmp_path}/{name}" in error
    assert CHOICES in error
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("name", ["garbage.pth", "garbage.safetensors"])
def test_corrupt_weights(
    name: str, tmp_path: Path, run_weights: Callable[..., Any], refused: Callable[..., str]
) -> None:
    """A damaged file is refused."""
    (tmp_path / name).write_bytes(b"garbage" * 100)
    assert "the weights file is damaged, or contains something other than tensors" in refused(
        run_weights(f"{tmp_path}/{name}")
    )


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def test_code_in_weights_is_not_run(
    tmp_path: Path, run_weights: Callable[..., Any], refused: Callable[..., str]
) -> None:
    """A pickle with code is refused and its code does not run, although plain unpickling would run it."""
    trace = tmp_path / "trace"
    torch.save({"features.0.weight": Evil(trace)}, tmp_path / "evil.pth")
    assert "(code in it was not run)" in refused(run_weights(f"{tmp_path}/evil.pth"))
    assert not trace.exists()

    torch.load(tmp_path / "evil.pth", weights_only=False)
    assert trace.exists()


def test_weights_without_a_layer(tmp_path: Path, run_weights: Callable[..., Any], refused: Callable[..., str]) -> None:
    """A file that lacks a tensor before its deepest one is refused; the error names the tensor."""
    save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "half.safetensors")
    assert "the weights file lacks the tensor features.0.bias" in refused(run_weights(f"{tmp_path}/half.safetensors"))


def test_imagenet_without_a_network(
    tmp_path: Path,
    run_weights: Callable[..., Any],
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the ImageNet weights are not cached and cannot be downloaded, the error names the other choices."""
    monkeypatch.setenv("TORCH_HOME", f"{tmp_path}/torch")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the discard port: refused at once, without a name lookup
    error = refused(run_weights("imagenet"))
    assert "the ImageNet weights are not available: the cached file is missing and the download failed" in error
    assert f"{tmp_path}/torch/hub/checkpoints/vgg19-dcbb9e9d.pth" in error
    assert "--weights builtin" in error
    assert "--weights PATH" in error
