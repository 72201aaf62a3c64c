"""Devices that stop working during a run."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def test_a_lost_device_ends_the_run(
    manifests: Any, run_with: Callable[..., Any], store: Any, stylize: Callable[..., Any]
) -> None:
    """No job is blamed: finished jobs are kept, the rest is stopped, and another process computes them."""
    manifest = manifests.write(manifests.rows(4))
    options = ("--rows-per-task", "2")

    ended = run_with(manifest, *options, faults={2: "lost"})
    assert ended.code == 1
    assert "error: the device stopped working: something nobody foresaw\n  where: cpu\n  to do: " in ended.err
    assert "Traceback" not in ended.err
    assert store.statuses() == ["done", "done", "stopped", "stopped"]
    assert set(store.lines["status"]) == {"done"}

    assert run_with(manifest, *options).code == 0
    assert store.statuses() == ["skipped", "skipped", "done", "done"]
    assert stylize("status", str(store.folder), "--verify").out.endswith("verified: 0 faults\n")
