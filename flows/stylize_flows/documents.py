"""What `--json` writes: plans, runs and stores as plain JSON values, with the names that the store's files use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from stylize_flows.console import places
from stylize_flows.voice import error_fields

if TYPE_CHECKING:
    from stylize_core.errors import StylizeError
    from stylize_core.plan.plan import Plan
    from stylize_core.run.run import Run
    from stylize_core.store.status import StoreSummary
    from stylize_core.store.verify import Fault


def plan_document(plan: Plan) -> dict[str, object]:
    """Returns a plan: rows by action, chunks, forecast, and the first rejected rows."""
    rejected = [{"line": one.row.line, "error": str(one.error)} for one in plan.rows.rejected]
    return {**plan.summary, "rejected": rejected}


def run_document(run: Run, error: StylizeError | None = None) -> dict[str, object]:
    """Returns the outcome of a run and where to look.

    Args:
        run: a prepared run.
        error: the error that ended it.
    """
    assert run.plan, "a prepared run has a plan"
    return {
        "run": run.name,
        "store": run.context.files.public_uri,
        "started": run.started,
        "plan": plan_document(run.plan),
        "rows": run.outcome,
        "too_many_failed": bool(run.outcome) and run.too_many_failed,
        "places": places(run) if run.outcome else {},
        "error": error_fields(error) if error else None,
    }


def store_document(store: str, summary: StoreSummary, faults: Iterable[Fault] | None) -> dict[str, object]:
    """Returns a store in numbers.

    Args:
        store: without credentials.
        summary: of it.
        faults: found by verification; None without verification.
    """
    holder = summary.holder
    return {
        "store": store,
        **asdict(summary),
        "holder": {"pid": holder.pid, "host": holder.host, "since": holder.since} if holder else None,
        "faults": None if faults is None else [{"path": fault.path, "what": fault.what} for fault in faults],
    }
