"""The distribution of tests to processes."""

import pytest


def test_a_group_stays_together(request: pytest.FixtureRequest) -> None:
    """Each test has its group, so that a shared fixture is made once and not in each process."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("tests are not shared out by groups")
    assert request.node.nodeid.endswith("@tests/test_groups.py")
