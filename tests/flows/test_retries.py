"""Errors after which a chunk is tried again in the same process, with both runners."""

from collections.abc import Callable
from typing import Any

import pytest

from stylize_core.engine.engine import Engine
from stylize_core.errors import DeviceLost, StoreFull, StylizeError
from stylize_core.files.files import Files
from stylize_core.store.commits import publish_commit

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the pauses before retries."""
    monkeypatch.setattr("stylize_core.run.loop.RETRY_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr("stylize_flows.tasks.stylise_chunk.retry_delay_seconds", [0.0])


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("runner", ["loop", "local"])
def test_a_lost_device_is_not_tried_again(
    runner: str, manifests: Any, stylize: Callable[..., Any], store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process cannot use a lost device again: the run ends at once, and the next one does the rest."""
    calls = []

    def lose(*_: Any, **__: Any) -> None:
        calls.append(1)
        raise DeviceLost("the device stopped working")

    manifest = manifests.write(manifests.rows(2))
    options = ("--store", str(store.folder), "--weights", "builtin", "--runner", runner)
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "optimise", lose)
        ended = stylize("run", manifest, *options)
    assert ended.code == 1
    assert "error: the device stopped working\n" in ended.err
    assert len(calls) == 1
    assert store.statuses() == ["stopped", "stopped"]
    assert stylize("run", manifest, *options).code == 0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("runner", ["loop", "local"])
def test_a_store_that_fails_for_a_while_is_tried_again(
    runner: str, manifests: Any, stylize: Callable[..., Any], store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run survives three transient errors of the store."""
    failures: list[StylizeError] = [StoreFull("no space") for _ in range(3)]

    def fail_first(files: Files, *arguments: Any) -> None:
        if failures:
            raise failures.pop()
        publish_commit(files, *arguments)

    monkeypatch.setattr("stylize_core.chunk.committing.publish_commit", fail_first)
    options = ("--store", str(store.folder), "--weights", "builtin", "--runner", runner)
    assert stylize("run", manifests.write(manifests.rows(2)), *options).code == 0
    assert store.statuses() == ["done", "done"]
    assert not failures
