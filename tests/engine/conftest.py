"""The network that the engine is tested with."""

import pytest

from stylize_core.engine.weights import Weights, load_weights


@pytest.fixture(scope="session")
def builtin() -> Weights:
    """The built-in weights."""
    return load_weights("builtin")
