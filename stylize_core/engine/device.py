"""Devices and precisions, and the meaning of `auto`."""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch

from stylize_core.errors import UsageError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""Arithmetic of the network by precision; the image, losses and optimiser state are always float32."""

NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")
"""Parts of the messages of out-of-memory errors that have no class of their own."""


def resolve_device(name: str) -> torch.device:
    """Returns the device for `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        UsageError: an unknown name, or a GPU that does not exist.
    """
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    if name == "cpu":
        return torch.device("cpu")
    kind, _, index = name.partition(":")
    if kind != "cuda" or not (index.isdecimal() or name == "cuda"):
        raise UsageError(f"unknown device {name!r}", where="--device", todo="use auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count()
    if int(index or 0) >= count:
        raise UsageError(f"there is no device {name}", where="--device", todo=f"GPUs seen here: {count}; use auto")
    return torch.device("cuda", int(index or 0))


def resolve_precision(name: str, device: torch.device) -> str:
    """Returns `float32` or `bfloat16`; `auto` means bfloat16 if the hardware multiplies it natively.

    Raises:
        UsageError: an unknown name.
    """
    if name == "auto":
        return "bfloat16" if has_bfloat16(device) else "float32"
    if name not in DTYPES:
        raise UsageError(f"unknown precision {name!r}", where="--precision", todo=f"use auto or {' or '.join(DTYPES)}")
    return name


def has_bfloat16(device: torch.device) -> bool:
    """Returns whether the device multiplies bfloat16 natively: AMX or AVX512-BF16, or compute capability 8 or more."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def describe(device: torch.device, precision: str) -> str:
    """Returns the device's name for records, such as `cpu x86_64, 2 threads` or `cuda NVIDIA H200, TF32`.

    On GPUs with TF32, PyTorch computes float32 convolutions in it; matrix products stay in float32.
    """
    if device.type == "cuda":
        short = precision == "float32" and has_bfloat16(device) and torch.backends.cudnn.allow_tf32
        return f"cuda {torch.cuda.get_device_name(device)}{', TF32' if short else ''}"
    return f"cpu {platform.machine()}, {torch.get_num_threads()} threads"


def keep_freed_memory() -> None:
    """Makes glibc keep freed memory for the next step's tensors, which have the same sizes.

    By default it returns large blocks to the system at once and gets them again page by page, which takes 10 to 15 %
    of an evaluation of four pairs at 256 px. Without glibc nothing happens. It affects the whole process.
    """
    trim_threshold, mmap_threshold, largest = -1, -3, 32 << 20  # names and limit of malloc.h
    with suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, largest)
        libc.mallopt(trim_threshold, 2**31 - 1)


def give_back_freed_memory() -> None:
    """Returns the memory that `keep_freed_memory` kept to the system; tensors of other shapes would fragment it."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def out_of_memory_as(error: Exception) -> Iterator[None]:
    """A block that raises `error` instead of the device's own out-of-memory errors."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as problem:
        raise error from problem
    except RuntimeError as problem:  # the CPU allocator and CUDA's libraries have no error class of their own
        if any(words in str(problem) for words in NO_MEMORY):
            raise error from problem
        raise


def is_lost(device: torch.device) -> bool:
    """Returns whether a device has stopped working for this process; waits for the device, so call it after an error.

    A broken GPU answers every call with the error that broke it (an illegal access, a failed assertion, an
    uncorrectable memory error), so a call is more reliable than parsing messages.
    """
    if device.type != "cuda":
        return False
    try:
        torch.cuda.synchronize(device)
    except RuntimeError:
        return True
    return False
