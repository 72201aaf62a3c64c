"""Prefect on this machine: settings for a run started here, and errors if Prefect cannot be used.

On import, Prefect reads its settings from the environment, the current folder and its home; so this module imports it
only after everything is set.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from stylize_core.errors import StylizeError, UsageError
from stylize_core.job import public_uri

OURS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the command itself shows the run
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
"""Prefect's settings for a run started here; they do not override settings that exist."""

WITHOUT = "or use --runner loop, which does without Prefect"

ANSWER_SECONDS = 5.0
"""Time for a configured server to answer."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")

CAUSE_LETTERS = 300
"""Most characters to show of a Prefect error."""

_FILES = (".env", "prefect.toml", "pyproject.toml")
"""Files of the current folder that Prefect reads settings from, in order of precedence."""


def prepare_environment() -> None:
    """Sets what Prefect reads on import, and lets this process reach its own machine without a proxy."""
    for name, value in OURS.items():
        os.environ.setdefault(name, value)
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, (known, *LOOPBACK)))


def drop_unusable_proxies() -> None:
    """Removes proxies that Prefect's client does not support: it would not start, although it needs none of them."""
    usable = {"", "http", "https"} | ({"socks5", "socks5h"} if find_spec("socksio") else set())
    for name, value in list(os.environ.items()):
        scheme = value.partition("://")[0].lower() if "://" in value else ""
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy") and scheme not in usable:
            del os.environ[name]


@contextmanager
def prefect_errors() -> Iterator[None]:
    """A block that loads or prepares Prefect.

    Raises:
        UsageError: for any failure: the cause, the settings that may be responsible, and how to run without Prefect.
    """
    try:
        yield
    except StylizeError:
        raise
    except Exception as error:
        cause = " ".join(str(error).split())[:CAUSE_LETTERS] or type(error).__name__
        where = ", ".join(_settings_in_use()) or "Prefect's own defaults"
        todo = f"correct the setting or the file that it names; {WITHOUT}"
        raise UsageError(f"Prefect cannot be used: {cause}", where=where, todo=todo) from error


def check_certificates() -> None:
    """Checks that the certificate file exists; Prefect's client reads it even if it does not need it.

    Raises:
        UsageError: the file cannot be read.
    """
    for name in ("PREFECT_API_SSL_CERT_FILE", "SSL_CERT_FILE"):
        path = os.environ.get(name)
        if path and not os.access(path, os.R_OK):
            what = "Prefect's client needs the file of certificates, which cannot be read"
            raise UsageError(what, where=named(name, path), todo=f"name a file that is there, or unset it; {WITHOUT}")


def check_server(url: str | None, *, may_start: bool) -> None:
    """Checks that a server answers, or that a temporary one may be started.

    Args:
        url: of the configured API; None if there is none.
        may_start: whether Prefect may start a temporary server.

    Raises:
        UsageError: neither is the case.
    """
    if url:
        if problem := _problem(url):
            what = f"Prefect's server does not answer: {problem}"
            todo = f"start that server, correct the setting, or unset it; {WITHOUT}"
            raise UsageError(what, where=named("PREFECT_API_URL", public_uri(url)), todo=todo)
    elif not may_start:
        name = next((one for one in _EPHEMERAL if _source(one)), _EPHEMERAL[0])
        what = "no Prefect server is named, and Prefect may not start a temporary one"
        todo = f"name a server in PREFECT_API_URL, or unset the setting; {WITHOUT}"
        raise UsageError(what, where=named(name, "false"), todo=todo)


_EPHEMERAL = ("PREFECT_SERVER_EPHEMERAL_ENABLED", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE")


def named(name: str, value: object) -> str:
    """Returns a setting with its value and where it comes from."""
    source = _source(name)
    return f"{name}={value}" + (f" ({source})" if source else "")


def _source(name: str) -> str:
    """Returns where Prefect took a setting from; empty if it is the default."""
    if name in os.environ:
        return "" if os.environ[name] == OURS.get(name) else "from the environment"
    key = name.removeprefix("PREFECT_").lower().rpartition("_")[2].encode()
    for file in _FILES:
        with suppress(OSError):
            data = Path(file).read_bytes()
            if name.encode() in data or (key in data and (file == "prefect.toml" or b"[tool.prefect" in data)):
                return f"from {Path(file).absolute()}"
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH") or _home() / "profiles.toml")
    with suppress(OSError):
        if name.encode() in profiles.read_bytes():
            return f"from the profile in {profiles}"
    return ""


def _home() -> Path:
    return Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()


def _settings_in_use() -> list[str]:
    """Returns the settings and files that may cause an error, the most likely first."""
    files = [str(Path(file).absolute()) for file in _FILES[:2] if Path(file).exists()]
    ours = {name for name in OURS if os.environ.get(name) == OURS[name]}
    names = sorted(name for name in os.environ if name.startswith("PREFECT_") and name not in ours)
    secret = ("KEY", "AUTH", "PASSWORD", "CONNECTION")
    shown = [
        name if any(word in name for word in secret) else f"{name}={public_uri(os.environ[name])}" for name in names
    ]
    return [*files, *shown] or [f"Prefect's home {_home()}"]


def _problem(url: str) -> str:
    """Returns why an API cannot be used; empty if it answers."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    with (
        temporary_settings({PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 0}),  # always the requested address
        get_client(sync_client=True, httpx_settings={"timeout": ANSWER_SECONDS}) as client,
    ):
        error = client.api_healthcheck()
    return "" if error is None else str(error).strip().partition("\n")[0] or type(error).__name__
