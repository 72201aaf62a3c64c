"""Devices and precisions by name, and the conversion of out-of-memory errors."""

import subprocess
import sys

import pytest
import torch

from stylize_core.engine.device import (
    describe,
    has_bfloat16,
    is_lost,
    out_of_memory_as,
    resolve_device,
    resolve_precision,
)
from stylize_core.errors import OutOfMemory, UsageError

CPU = torch.device("cpu")


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Makes torch report a number of GPUs, which are not used."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)


@pytest.mark.parametrize(
    ("gpus", "name", "expected"),
    [
        (0, "auto", "cpu"),
        (0, "cpu", "cpu"),
        (2, "auto", "cuda:0"),
        (2, "cpu", "cpu"),
        (2, "cuda", "cuda:0"),
        (2, "cuda:1", "cuda:1"),
    ],
    indirect=["gpus"],
)
@pytest.mark.usefixtures("gpus")
def test_devices_by_name(name: str, expected: str) -> None:
    """`auto` is the first GPU if there is one, `cuda` the first, `cuda:N` the N-th."""
    assert str(resolve_device(name)) == expected


@pytest.mark.parametrize(
    ("gpus", "name"), [(0, "cuda"), (0, "cuda:0"), (2, "cuda:2"), (2, "cuda:99")], indirect=["gpus"]
)
@pytest.mark.usefixtures("gpus")
def test_a_missing_gpu_is_named(name: str) -> None:
    """A missing GPU is an error that says how many there are."""
    with pytest.raises(UsageError, match=f"no device {name}") as caught:
        resolve_device(name)
    assert caught.value.where == "--device"
    assert "GPUs seen here" in caught.value.todo


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:²", "mps", "CPU"])
def test_an_unknown_device_is_an_error(name: str) -> None:
    """Other names are refused, with the known ones."""
    with pytest.raises(UsageError, match="unknown device") as caught:
        resolve_device(name)
    assert "auto, cpu, cuda or cuda:N" in caught.value.todo


@pytest.mark.parametrize("native", [True, False])
def test_auto_precision_follows_the_hardware(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` is bfloat16 if the device multiplies it natively, otherwise float32."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert has_bfloat16(CPU) is native
    assert resolve_precision("auto", CPU) == ("bfloat16" if native else "float32")


@pytest.mark.parametrize(("capability", "native"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_gpus_have_bfloat16_from_ampere_on(
    capability: tuple[int, int], native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compute capability 8 is the first with bfloat16 tensor cores."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert has_bfloat16(torch.device("cuda", 0)) is native


def test_this_machine_is_known() -> None:
    """On the real processor the answer is a bool, and `auto` is a known precision."""
    assert resolve_precision("auto", CPU) == ("bfloat16" if has_bfloat16(CPU) else "float32")


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_precisions_by_name(name: str) -> None:
    """A named precision is used unchanged."""
    assert resolve_precision(name, CPU) == name


@pytest.mark.parametrize("name", ["", "float16", "fp32", "Float32"])
def test_an_unknown_precision_is_an_error(name: str) -> None:
    """Other names are refused, with the known ones."""
    with pytest.raises(UsageError, match="unknown precision") as caught:
        resolve_precision(name, CPU)
    assert "auto or float32 or bfloat16" in caught.value.todo


def test_describe_names_processor_and_threads() -> None:
    """Records have the device and the number of threads of a job."""
    assert describe(CPU, "float32").startswith("cpu ")
    assert describe(CPU, "float32").endswith(f"{torch.get_num_threads()} threads")


def test_memory_that_cannot_be_had_is_out_of_memory() -> None:
    """An allocation of a petabyte on the CPU raises the given error, with torch's own as its cause."""
    with pytest.raises(OutOfMemory, match="too large") as caught, out_of_memory_as(OutOfMemory("too large")):
        torch.empty(1 << 50, dtype=torch.uint8)
    assert "allocate" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "problem",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_out_of_memory_of_gpu_and_python(problem: Exception) -> None:
    """Out-of-memory errors of a GPU and of Python become the given error too."""
    with pytest.raises(OutOfMemory), out_of_memory_as(OutOfMemory("too large")):
        raise problem


@pytest.mark.parametrize("problem", [RuntimeError("shape mismatch"), ValueError("x"), KeyboardInterrupt()])
def test_other_errors_pass(problem: BaseException) -> None:
    """Other errors are not changed."""
    with pytest.raises(type(problem)) as caught, out_of_memory_as(OutOfMemory("too large")):
        raise problem
    assert caught.value is problem


def test_a_gpu_that_answers_with_an_error_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU is lost if every call raises its error; a GPU that answers is not lost, and a CPU never is."""

    def fail(device: torch.device) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    assert not is_lost(torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "synchronize", fail)
    assert is_lost(torch.device("cuda"))
    assert not is_lost(CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_real_gpu_is_lost() -> None:
    """After a failed assertion in a kernel, a process's GPU is lost permanently, but not before."""
    program = """if True:
        import torch
        from stylize_core.engine.device import is_lost

        device = torch.device("cuda")
        values = torch.zeros(4, device=device)
        print(is_lost(device))
        try:
            print(values[torch.tensor([99], device=device)].cpu())
        except RuntimeError as error:
            print(type(error).__name__)
        print(is_lost(device), is_lost(device))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "AcceleratorError", "True", "True"], done.stderr
