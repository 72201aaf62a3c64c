"""What the tests of the calls from Python share."""

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _python_hears_ctrl_c() -> Iterator[None]:
    """Python's own handler: a shell has programs that it starts in the background ignore the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
