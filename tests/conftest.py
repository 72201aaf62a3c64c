"""How tests run; shared fixtures are in `fixtures`."""

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

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: small jobs need no more threads

settings.register_profile("stylize", deadline=None)  # no deadline: times mean little on a busy machine
settings.load_profile("stylize")

SHARED = ("prefect_server", "standing", "swift", "stores")
"""Slow fixtures: the tests that use one run in the same process, so that it is made once."""


@pytest.hookimpl(tryfirst=True)  # xdist itself reads the groups in this hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups tests that run in one process: those with the same shared fixture, otherwise those of a file."""
    for item in items:
        names, file = getattr(item, "fixturenames", ()), item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(next((name for name in SHARED if name in names), file)))
