"""Checks of `deploy/` without a server."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"


@pytest.fixture(scope="module")
def text() -> str:
    """The file that `prefect deploy` reads."""
    return (DEPLOY / "prefect.yaml").read_text()


@pytest.fixture(scope="module")
def nightly(text: str) -> Any:
    """The first deployment."""
    deployment = yaml.safe_load(text)["deployments"][0]
    assert deployment["name"] == "nightly"
    return deployment


@pytest.fixture(params=["nightly", "incoming", "weekly", "prune"])
def deployment(request: pytest.FixtureRequest, text: str) -> Any:
    """Each deployment."""
    return {one["name"]: one for one in yaml.safe_load(text)["deployments"]}[request.param]


def test_entrypoint_is_a_flow(deployment: Any) -> None:
    """The entrypoint names a module of the installed package, whatever folder the worker is in, and a flow in it."""
    path, _, name = deployment["entrypoint"].rpartition(".")
    flow = getattr(import_module(path), name)

    assert path.startswith("stylize_flows.")
    assert isinstance(flow, Flow)


def test_parameters_are_those_of_the_flow(deployment: Any) -> None:
    """Every parameter is one of the flow's, and no required one is missing."""
    path, _, name = deployment["entrypoint"].rpartition(".")
    parameters = inspect.signature(getattr(import_module(path), name).fn).parameters
    needed = {name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty}

    assert needed <= set(deployment["parameters"]) <= set(parameters)


def test_schedule_is_a_cron_one_in_a_time_zone(deployment: Any) -> None:
    """Prefect accepts the expression and the zone."""
    (schedule,) = deployment["schedules"]

    assert CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"]).timezone == schedule["timezone"]


def test_what_waits_for_manifests_is_off(text: str) -> None:
    """`incoming` is inactive by default; the nightly run and the upkeep are active."""
    deployments = yaml.safe_load(text)["deployments"]
    active = {one["name"]: one["schedules"][0]["active"] for one in deployments}
    assert active == {"nightly": True, "incoming": False, "weekly": True, "prune": True}


def test_nights_do_not_overlap(nightly: Any) -> None:
    """A run that is not over makes the next one wait; there is room for one of its partitions beside it."""
    assert nightly["parameters"]["wait"] is True
    assert nightly["concurrency_limit"] == {"limit": 2, "collision_strategy": "ENQUEUE"}


def test_runs_send_no_telemetry(deployment: Any) -> None:
    """Prefect's telemetry is off in the process of a run."""
    environment = deployment["work_pool"]["job_variables"]["env"]

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
