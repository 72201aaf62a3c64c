"""What can be known of `deploy/` without a server."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from stylize_flows import stylize_manifest as module

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"


@pytest.fixture(scope="module")
def text() -> str:
    """The file that `prefect deploy` reads."""
    return (DEPLOY / "prefect.yaml").read_text()


@pytest.fixture(scope="module")
def nightly(text: str) -> Any:
    """Its one deployment."""
    (deployment,) = yaml.safe_load(text)["deployments"]
    return deployment


def test_entrypoint_is_the_flow(nightly: Any) -> None:
    """The entrypoint names a module of the installed package, whatever folder the worker is in, and a flow in it."""
    path, _, name = nightly["entrypoint"].rpartition(".")

    assert path == module.__name__
    assert isinstance(getattr(module, name), Flow)


def test_parameters_are_those_of_the_flow(nightly: Any) -> None:
    """Every parameter is one of the flow's, and none that the flow needs is missing."""
    parameters = inspect.signature(module.stylize_manifest.fn).parameters
    needed = {name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty}

    assert needed <= set(nightly["parameters"]) <= set(parameters)


def test_schedule_is_a_cron_one_in_a_time_zone(nightly: Any) -> None:
    """Prefect accepts the expression and the zone."""
    (schedule,) = nightly["schedules"]

    assert CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"]).timezone == schedule["timezone"]


def test_nights_do_not_overlap(nightly: Any) -> None:
    """A run that lasts into the next one makes it wait; beside it there is room for one of its partitions."""
    assert nightly["parameters"]["wait"] is True
    assert nightly["concurrency_limit"] == {"limit": 2, "collision_strategy": "ENQUEUE"}


def test_runs_send_no_telemetry(nightly: Any) -> None:
    """Prefect's telemetry is off in the process of a run."""
    environment = nightly["work_pool"]["job_variables"]["env"]

    assert (environment["DO_NOT_TRACK"], environment["PREFECT_SERVER_ANALYTICS_ENABLED"]) == ("1", "false")


def test_site_variables_are_all_in_the_environment_file(text: str) -> None:
    """What the deployment takes from the environment is set in `stylize.env`."""
    used = set(re.findall(r"\{\{ \$(\w+) \}\}", text))

    assert used <= set(re.findall(r"^(\w+)=", (DEPLOY / "stylize.env").read_text(), re.MULTILINE))
    assert used


def test_image_is_made_of_files_that_exist() -> None:
    """What the Dockerfile copies from the repository is there, and the ignore file lets it through."""
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    names = [name for line in copies for name in line.split()]
    let_through = re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)

    assert sorted(names) == sorted(let_through)
    assert all((REPOSITORY / name).exists() for name in names)
