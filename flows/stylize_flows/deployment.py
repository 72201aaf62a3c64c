"""The deployment that made this flow run: starts, follows and cancels further flow runs of it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.deployments import run_deployment
from prefect.exceptions import PrefectException
from prefect.runtime import deployment as current
from prefect.states import Cancelling

_AWAY = (httpx.HTTPError, PrefectException)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment.

    Attributes:
        id: Prefect's.
        room: how many more flow runs may run at once besides the calling one; None without a limit.
    """

    id: UUID
    room: int | None

    @classmethod
    def of_this_flow_run(cls) -> "Deployment | None":
        """Returns the deployment that made this flow run; None if it was called in another way."""
        if not current.id:
            return None
        identity = UUID(str(current.id))
        limits = [limit - 1 for limit in _limits(identity) if limit is not None]
        return cls(identity, min(limits, default=None))

    def start(self, parameters: Mapping[str, Any]) -> UUID | None:
        """Requests a subflow run; returns its id, or None if the server does not answer."""
        with suppress(*_AWAY):
            flow_run: Any = run_deployment(self.id, parameters=dict(parameters), timeout=0)  # does not wait
            identity: UUID = flow_run.id
            return identity
        return None


def state_of(flow_run: UUID) -> State[Any] | None:
    """Returns the state of a flow run; None if the server does not answer."""
    with suppress(*_AWAY), get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run).state
    return None


def cancel(flow_run: UUID) -> None:
    """Asks a flow run to end; a flow run that has not begun is cancelled at once."""
    with suppress(*_AWAY), get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run, Cancelling())


def _limits(identity: UUID) -> list[int | None]:
    """Returns how many flow runs the deployment, its pool and its queue each allow at once; None for no limit."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment(identity)
        own = deployment.global_concurrency_limit
        limits: list[int | None] = [own.limit if own and own.active else None]
        if deployment.work_pool_name:
            limits.append(client.read_work_pool(deployment.work_pool_name).concurrency_limit)
    return limits
