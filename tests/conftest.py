"""How tests run; what they share is in `fixtures`."""

import os

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("fixtures")  # in whatever order they import each other

pytest_plugins = [
    "fixtures.browser",
    "fixtures.command",
    "fixtures.engine",
    "fixtures.images",
    "fixtures.pictures",
    "fixtures.prefect",
    "fixtures.processes",
    "fixtures.requests",
    "fixtures.runs",
    "fixtures.store_view",
    "fixtures.stores",
    "fixtures.swift",
]

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: jobs this small only wait for more threads

settings.register_profile("stylize", deadline=None)  # how long an example takes says nothing on a busy machine
settings.load_profile("stylize")

SHARED = ("prefect_server", "standing", "swift", "stores")
"""Fixtures that take long to make: the tests that use one stay together, so that it is made once."""


@pytest.hookimpl(tryfirst=True)  # xdist itself reads the groups in this hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Says which tests run one after the other in one process: those of a shared fixture, and else those of a file."""
    for item in items:
        names, file = getattr(item, "fixturenames", ()), item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(next((name for name in SHARED if name in names), file)))
