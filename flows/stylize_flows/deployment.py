"""The deployment that made this flow run: more flow runs of it, and what becomes of them."""

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
        room: flow runs that may run at once, beside the one that asks; None where nothing limits them.
    """

    id: UUID
    room: int | None

    @classmethod
    def of_this_flow_run(cls) -> "Deployment | None":
        """Returns the deployment that made this flow run; None where it was called in another way."""
        if not current.id:
            return None
        identity = UUID(str(current.id))
        limits = [limit - 1 for limit in _limits(identity) if limit is not None]
        return cls(identity, min(limits, default=None))

    def start(self, parameters: Mapping[str, Any]) -> UUID | None:
        """Asks for a flow run, as a part of this one; returns its id, or None where the server does not answer."""
        with suppress(*_AWAY):
            flow_run: Any = run_deployment(self.id, parameters=dict(parameters), timeout=0)  # waits for nothing
            identity: UUID = flow_run.id
            return identity
        return None


def state_of(flow_run: UUID) -> State[Any] | None:
    """Returns the state of a flow run; None where the server does not tell."""
    with suppress(*_AWAY), get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run).state
    return None


def cancel(flow_run: UUID) -> None:
    """Asks a flow run to end; one that has not begun is cancelled at once."""
    with suppress(*_AWAY), get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run, Cancelling())


def _limits(identity: UUID) -> list[int | None]:
    """Returns how many flow runs the deployment, its pool and its queue allow at once; None for any number."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment(identity)
        own = deployment.global_concurrency_limit
        limits: list[int | None] = [own.limit if own and own.active else None]
        if deployment.work_pool_name:
            limits.append(client.read_work_pool(deployment.work_pool_name).concurrency_limit)
    return limits
