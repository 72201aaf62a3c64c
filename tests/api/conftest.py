"""Fixtures of the tests of the calls from Python."""

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _python_hears_ctrl_c() -> Iterator[None]:
    """Restores Python's own handler, because programs that a shell starts in the background ignore the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
