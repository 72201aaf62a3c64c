"""How tests are shared out to processes."""

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process has all tests")
def test_a_group_stays_together(request: pytest.FixtureRequest) -> None:
    """Xdist knows the group of each test: a shared fixture is made once, and not once in each process."""
    assert request.node.nodeid.endswith("@tests/test_groups.py")
