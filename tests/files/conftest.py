"""Tests of files run on a disk, in memory and, where slow, on a real server."""

import pytest

from stylize_core.files.files import Files


@pytest.fixture
def files(any_store: Files) -> Files:
    """A new store."""
    return any_store
