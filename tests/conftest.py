"""How tests run; what they share is in `fixtures`."""

import os

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("fixtures")  # in whatever order they import each other

pytest_plugins = [
    "fixtures.command",
    "fixtures.engine",
    "fixtures.images",
    "fixtures.pictures",
    "fixtures.prefect",
    "fixtures.processes",
    "fixtures.runs",
    "fixtures.store_view",
    "fixtures.stores",
    "fixtures.swift",
]

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: jobs this small only wait for more threads

settings.register_profile("stylize", deadline=None)  # how long an example takes says nothing on a busy machine
settings.load_profile("stylize")
