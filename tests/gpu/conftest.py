"""Fixtures of tests that need a GPU: `make test-gpu`. Without one they are skipped.

With the variable STYLIZE_GPU_TESTS=cpu they are rehearsed on the processor, where those that ask for CUDA's own
counters are skipped.
"""

import os

import pytest
import torch

NAME = os.environ.get("STYLIZE_GPU_TESTS", "cuda")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of this folder, and skips them where there is no GPU."""
    for item in items:
        if "tests/gpu/" in item.nodeid.replace(os.sep, "/"):
            item.add_marker(pytest.mark.gpu)
            if NAME == "cuda" and not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="there is no GPU"))


@pytest.fixture(scope="session")
def device() -> torch.device:
    """The device that is tested."""
    return torch.device("cuda", 0) if NAME == "cuda" else torch.device(NAME)


@pytest.fixture
def gpu(device: torch.device) -> torch.device:
    """The same, for tests that a CPU cannot rehearse."""
    if device.type != "cuda":
        pytest.skip("a rehearsal has no GPU")
    return device
