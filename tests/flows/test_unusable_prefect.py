"""Unusable Prefect: one message with the cause, the setting and its origin; and proxies."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stylize_flows.prefect_settings import (
    check_certificates,
    check_server,
    drop_unusable_proxies,
    named,
    prefect_errors,
    prepare_environment,
)

from stylize_core.errors import ManifestError, UsageError

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment without proxies, which is restored at the end."""
    before = dict(os.environ)
    for name in (*PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name, raising=False)
    yield monkeypatch
    monkeypatch.undo()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def dead_url() -> Iterator[str]:
    """Address of an API on a reserved port without a server."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{one.getsockname()[1]}/api"


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_this_machine_is_reached_past_proxies(variable: str, environment: pytest.MonkeyPatch) -> None:
    """Loopback is added to existing exceptions in both variables, because programs read one or the other."""
    environment.setenv(variable, "example.org")
    prepare_environment()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "example.org,127.0.0.1,localhost,::1"


@pytest.mark.parametrize("variable", ["all_proxy", "ALL_PROXY", "http_proxy"])
def test_a_proxy_that_prefect_cannot_speak_to(variable: str, environment: pytest.MonkeyPatch) -> None:
    """SOCKS without its package, and unknown kinds, are dropped, because Prefect's client would refuse to start."""
    import httpx

    environment.setenv(variable, "pigeon://127.0.0.1:9")
    environment.setenv("https_proxy", "http://127.0.0.1:9")
    drop_unusable_proxies()
    assert variable not in os.environ
    assert os.environ["https_proxy"] == "http://127.0.0.1:9"
    httpx.Client().close()


def test_a_server_that_does_not_answer(environment: pytest.MonkeyPatch, dead_url: str) -> None:
    """The cause, the setting, its origin, and how to run without; whatever server this process knew before."""
    environment.setenv("PREFECT_API_URL", dead_url)
    with pytest.raises(UsageError, match=r"does not answer: .*refused") as raised:
        check_server(dead_url, may_start=True)
    assert raised.value.where == f"PREFECT_API_URL={dead_url} (from the environment)"
    assert "--runner loop" in raised.value.todo


@pytest.mark.parametrize("file", [".env", "prefect.toml"])
def test_where_a_setting_comes_from(file: str, environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file of the current folder that Prefect reads is named; Prefect's own defaults have no origin."""
    environment.chdir(tmp_path)
    environment.delenv("PREFECT_API_URL", raising=False)
    assert named("PREFECT_API_URL", "x") == "PREFECT_API_URL=x"
    (tmp_path / file).write_text({".env": "PREFECT_API_URL=x\n", "prefect.toml": '[api]\nurl = "x"\n'}[file])
    assert named("PREFECT_API_URL", "x") == f"PREFECT_API_URL=x (from {tmp_path / file})"


def test_a_temporary_server_that_is_forbidden(environment: pytest.MonkeyPatch) -> None:
    """Without a server, and with a setting that forbids to start one, that setting is named, by either of its names."""
    environment.setenv("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "false")
    with pytest.raises(UsageError, match="may not start a temporary one") as raised:
        check_server(None, may_start=False)
    assert raised.value.where == "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE=false (from the environment)"


def test_certificates_that_are_not_there(environment: pytest.MonkeyPatch) -> None:
    """The variable with the proxies is the origin."""
    environment.setenv("SSL_CERT_FILE", "/nowhere.pem")
    with pytest.raises(UsageError, match="certificates") as raised:
        check_certificates()
    assert raised.value.where == "SSL_CERT_FILE=/nowhere.pem (from the environment)"


def test_whatever_goes_wrong(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An error of Prefect is shown with the settings in use, without secrets; an expected error is not changed."""
    environment.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"X=\xe4")
    environment.setenv("PREFECT_API_KEY", "hush")
    with pytest.raises(UsageError, match="Prefect cannot be used: first line second") as raised, prefect_errors():
        raise ValueError("first line\n  second")
    assert f"{tmp_path}/.env" in raised.value.where
    assert "hush" not in raised.value.where
    with pytest.raises(ManifestError), prefect_errors():
        raise ManifestError("mine")


@pytest.mark.slow
@pytest.mark.parametrize("home", ["database", "garbage", "file", "latin-1"])
def test_the_command_ends_with_one_message(home: str, manifests: Any, tmp_path: Path) -> None:
    """Exit code 2 and three lines, if the database is of another release or not a database, or `.env` is not UTF-8."""
    folder = tmp_path / "home"
    if home == "file":
        folder.write_text("no folder")
    else:
        folder.mkdir()
    if home == "database":
        with sqlite3.connect(folder / "prefect.db") as base:
            base.execute("create table alembic_version (version_num varchar(32) not null)")
            base.execute("insert into alembic_version values ('deadbeef')")
        base.close()
    elif home == "garbage":
        (folder / "prefect.db").write_bytes(bytes(range(1, 256)) * 20)
    elif home == "latin-1":
        (tmp_path / ".env").write_bytes(b"X=\xe4\n")
    code = "import sys; from stylize_flows.cli import main; main(sys.argv[1:])"
    options = ("--store", f"{tmp_path}/store", "--weights", "builtin", "--runner", "local")
    command = [sys.executable, "-c", code, "run", manifests.write(manifests.rows(1)), *options]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PREFECT_HOME": str(folder)},
    )
    assert ended.returncode == 2, ended.stderr
    planning, what, where, todo = ended.stderr.splitlines()
    assert planning.startswith("planning ")
    assert what.startswith("error: Prefect")
    cause = {"database": "deadbeef", "garbage": "not a database", "file": "", "latin-1": "utf-8"}[home]
    assert cause in what
    assert str(tmp_path) in where
    assert "--runner loop" in todo
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_a_run_behind_proxies(manifests: Any, store: Any, run_with: Callable[..., Any]) -> None:
    """With proxies that do not answer, a run still has its temporary server."""
    proxies = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "all_proxy": "socks5://x:9"}
    ended = run_with(manifests.write(manifests.rows(1)), "--no-report", runner="local", environment=proxies)
    assert ended.code == 0, ended.err
    assert store.statuses() == ["done"]
