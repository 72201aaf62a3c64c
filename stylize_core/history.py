"""What a store knows of jobs before a run, and what a run makes of that."""

from dataclasses import dataclass, field

import pyarrow as pa

from stylize_core.store.ledger import attempts, live


@dataclass(slots=True, kw_only=True)
class History:
    """What the store knows of jobs before a run.

    Attributes:
        status: `done` or `failed`, by job id.
        retryable: ids of failed jobs whose error may pass.
        attempts: highest attempt so far, by job id.
    """

    status: dict[str, str] = field(default_factory=dict)
    retryable: set[str] = field(default_factory=set)
    attempts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, results: pa.Table) -> "History":
        """Reads every committed line of a store."""
        lines = live(results)
        ids = lines["job_id"].to_pylist()
        return cls(
            status=dict(zip(ids, lines["status"].to_pylist(), strict=True)),
            retryable={i for i, again in zip(ids, lines["retryable"].to_pylist(), strict=True) if again},
            attempts=attempts(results),
        )

    def action(self, job: str, retry_failed: str) -> str:
        """Returns `run`, `skip` or `keep_failed` for a job; `retry_failed` is none, transient or all."""
        status = self.status.get(job)
        if status == "failed":
            again = retry_failed == "all" or (retry_failed == "transient" and job in self.retryable)
            return "run" if again else "keep_failed"
        return "skip" if status == "done" else "run"
