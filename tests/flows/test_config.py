"""Options from environment variables and from a TOML file, if the command line leaves them out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stylize_flows.commands import run_options


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes the options file."""

    def write(text: str) -> Path:
        path = tmp_path / "options.toml"
        path.write_text(text)
        monkeypatch.setenv("STYLIZE_CONFIG", str(path))
        return path

    return write


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, stylize: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the options that `run` or `plan` gets from its arguments; nothing is run."""
    seen: list[Any] = []

    def look(self: Any, manifest: str | None) -> None:
        seen.append((self, manifest))
        raise KeyError("seen enough")

    monkeypatch.setattr(run_options.RunOptions, "options", look)

    def ask(*arguments: str) -> Any:
        with pytest.raises(KeyError, match="seen enough"):
            stylize(*arguments)
        return seen.pop()

    return ask


def test_a_file_fills_in(config: Callable[[str], Path], asked: Callable[..., Any]) -> None:
    """The table [run] gives missing options, also for `plan`: text, numbers, lists and switches."""
    config('[run]\nstore = "out"\nmax-failed = "5%"\nset = ["size=64", "steps=9"]\nstrict = true\njob-timeout = 60\n')
    for command in ("run", "plan"):
        options, manifest = asked(command, "m.csv", "--max-failed", "7")
        assert (options.store, options.max_failed, options.set) == ("out", "7", ["size=64", "steps=9"])
        assert (options.strict, options.wait, options.job_timeout, manifest) == (True, False, 60.0, "m.csv")


def test_variables_come_before_the_file(
    config: Callable[[str], Path], asked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable is named after command and option; `plan` uses that of `run`."""
    config('[run]\nstore = "out"\nweights = "imagenet"\n')
    monkeypatch.setenv("STYLIZE_RUN_WEIGHTS", "builtin")
    monkeypatch.setenv("STYLIZE_RUN_STRICT", "true")
    monkeypatch.setenv("STYLIZE_RUN_RETRY_FAILED", "all")
    monkeypatch.setenv("STYLIZE_RUN_SET", "size=64 steps=9")
    for command in ("run", "plan"):
        options, _ = asked(command, "m.csv", "--retry-failed", "none")
        assert (options.store, options.weights, options.strict) == ("out", "builtin", True)
        assert (options.retry_failed, options.set) == ("none", ["size=64", "steps=9"])


def test_variables_of_a_deployment_are_no_options(
    stylize: Callable[..., Any], refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a site's `stylize.env` in the environment, a run does not write into its store unless it is named."""
    for name in ("HOME", "MANIFEST", "STORE"):
        monkeypatch.setenv(f"STYLIZE_{name}", "site")
    assert "--store" in refused(stylize("run", "m.csv"))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("STROE", "STORE"),
        ("RUN_STROE", "RUN_STORE"),
        ("RNU_STORE", "RUN_STORE"),
        ("WEIGHTS", "RUN_WEIGHTS"),
        ("PLAN_STORE", "RUN_STORE"),
        ("CONIFG", "CONFIG"),
        ("WEIGHTS_NORMALISE_OUTPTU", "WEIGHTS_NORMALISE_OUTPUT"),
        ("STATUS_NONSENSE", None),
    ],
)
def test_a_misspelt_variable_is_named(
    name: str, nearest: str | None, stylize: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warning comes first and names the nearest known variable if any is near; nothing else changes."""
    monkeypatch.setenv(f"STYLIZE_{name}", "1")
    hint = f"; did you mean STYLIZE_{nearest}?" if nearest else ""
    warning = f"nothing reads the environment variable STYLIZE_{name}{hint}"
    ended = stylize("presets")
    assert (ended.code, ended.err) == (0, f"warning: {warning}\n")
    assert stylize("run").err.startswith(f"warning: {warning}\nerror: --store is missing\n")
    line = stylize("status", "/nowhere", "--log-json").err.splitlines()[0]
    assert (json.loads(line)["level"], json.loads(line)["message"]) == ("warning", warning)
    monkeypatch.setenv("STYLIZE_STATUS_LOG_JSON", "false")
    assert stylize("status", "/nowhere").err.startswith(f"warning: {warning}\nerror: ")


def test_other_variables_are_not_named(stylize: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of any command, variables of a deployment, of tests and benchmarks, and foreign ones give no warning."""
    ours = ("RUN_STORE", "EXPORT_FORMAT", "STATUS_LOG_JSON", "WEIGHTS_SHOW_NAME", "HOME", "STORE", "INCOMING")
    tests = ("TEST", "GPU_TESTS", "COMMAND", "WORKER_FAULTS")
    service = ("STATUS_PORT", "RUN_SERVICE_HOST", "RUN_SERVICE_PORT_HTTP", "RUN_PORT_8080_TCP_ADDR")  # Kubernetes
    for name in (*ours, *tests, *service, "SCHEDULER", "BUCKET"):
        monkeypatch.setenv(f"STYLIZE_{name}", "1")
    assert stylize("presets").err == ""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[run]\nstore = "out"\nstroe = 1\n', '"[stroe]"'),
        ("[rnu]\nwait = true\n", "'rnu' is not a table of a command"),
        ("[plan]\nwait = true\n", "'plan' is not a table of a command"),
        ("wait = true\n", "'wait' is not a table of a command"),
        ('[run]\nstore = "out"\nrunner = "foo"\n', '"foo"'),
        ("[run\n", "the options file is not valid TOML"),
    ],
)
def test_a_file_that_is_wrong(
    text: str, what: str, config: Callable[[str], Path], stylize: Callable[..., Any], refused: Callable[..., str]
) -> None:
    """An unknown key or table, or an invalid value, is refused with its name and the file's."""
    path = config(text)
    error = refused(stylize("run", "m.csv"))
    assert what in error
    assert str(path) in error


def test_a_file_that_is_not_there(
    stylize: Callable[..., Any], refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A named file that cannot be read is an error."""
    monkeypatch.setenv("STYLIZE_CONFIG", "/nowhere.toml")
    assert "where: /nowhere.toml (STYLIZE_CONFIG)" in refused(stylize("status", "out"))


def test_completion(stylize: Callable[..., Any], tmp_path: Path) -> None:
    """The script for a shell knows commands and their options, and is written to the requested place."""
    script = tmp_path / "stylize.bash"
    assert stylize("--install-completion", "--shell", "bash", "--output", str(script)).code == 0
    text = script.read_text()
    assert all(word in text for word in ("export", "--max-failed", "--retry-failed"))
