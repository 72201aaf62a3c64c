"""The options of a run."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from stylize_core.errors import UsageError

Precision = Literal["auto", "float32", "bfloat16"]
RetryFailed = Literal["none", "transient", "all"]

RUNNERS = ("local", "dask", "loop")
PRECISIONS: tuple[str, ...] = get_args(Precision)
RETRY_FAILED: tuple[str, ...] = get_args(RetryFailed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a run, as plain values so that they can be the parameters of a flow.

    Attributes:
        manifest: path or URL of a CSV manifest.
        store: folder or URL of the store.
        weights: `imagenet`, `builtin` or a path.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, float32 or bfloat16.
        runner: where chunks run: `local` (this process), `dask` (workers of a cluster) or `loop` (no Prefect).
        workers: number for a Dask cluster made for the run; None for one per GPU, or one on the CPU.
        dask_address: scheduler of an existing Dask cluster, such as `tcp://host:8786`.
        rows_per_task: jobs of a chunk, None to choose.
        chunks_per_flow_run: most chunks; more are split into partitions, each in a separate flow run.
        partitions_at_once: of a run that a deployment made, where its work pool has room for them.
        max_failed: failed and rejected rows that a good run may have: a number, or a share such as `5%`.
        retry_failed: which jobs that failed before run again.
        strict: do nothing where any row is rejected.
        wait: for another run to give the store free.
        verify: read all that the store has, and compute again what is damaged or missing.
        job_timeout: most seconds to compute a job, None for no limit.
        no_report: draw neither contact sheets nor report at the end; `stylize report` draws them later.
    """

    manifest: str
    store: str
    weights: str = "imagenet"
    device: str = "auto"
    precision: str = "auto"
    runner: str = "local"
    workers: int | None = None
    dask_address: str | None = None
    rows_per_task: int | None = None
    chunks_per_flow_run: int = 2000
    partitions_at_once: int = 1
    max_failed: str = "0"
    retry_failed: str = "transient"
    strict: bool = False
    wait: bool = False
    verify: bool = False
    job_timeout: float | None = None
    no_report: bool = False

    def __post_init__(self) -> None:
        """Checks what can be checked without accessing anything.

        Raises:
            UsageError: an option cannot be used.
        """
        self.allowed(100)
        self._check_runner()
        if self.precision not in PRECISIONS:
            what = f"unknown precision {self.precision!r}"
            raise UsageError(what, where="--precision", todo=f"use {' or '.join(PRECISIONS)}")
        if self.retry_failed not in RETRY_FAILED:
            what = f"unknown choice {self.retry_failed!r}"
            raise UsageError(what, where="--retry-failed", todo=f"use {', '.join(RETRY_FAILED)}")
        if self.rows_per_task is not None and self.rows_per_task < 1:
            raise UsageError(
                f"{self.rows_per_task} rows are too few for a task", where="--rows-per-task", todo="use auto or 1, 2 …"
            )
        for where, value in (
            ("--chunks-per-flow-run", self.chunks_per_flow_run),
            ("partitions_at_once", self.partitions_at_once),
        ):
            if value < 1:
                raise UsageError(f"{value} is too few", where=where, todo="use 1, 2 …")
        if self.job_timeout is not None and not self.job_timeout > 0:
            raise UsageError(
                f"{self.job_timeout:g} seconds is not a valid limit",
                where="--job-timeout",
                todo="write for instance 600",
            )

    def allowed(self, rows: int) -> int:
        """Returns how many of the rows may fail."""
        number, percent, rest = self.max_failed.partition("%")
        try:
            value = float(number) if percent else int(number)
        except ValueError:
            value = -1
        if rest or not 0 <= value <= (100 if percent else math.inf):
            what = f"{self.max_failed!r} is neither a number of rows nor a share"
            raise UsageError(what, where="--max-failed", todo="write for instance 10 or 5%")
        return int(rows * value / 100) if percent else int(value)

    def _check_runner(self) -> None:
        if self.runner not in RUNNERS:
            raise UsageError(f"unknown choice {self.runner!r}", where="--runner", todo=f"use {', '.join(RUNNERS)}")
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"{self.workers} workers are too few", where="--workers", todo="use 1, 2 …")
        for where, value in (("--workers", self.workers), ("--dask-address", self.dask_address)):
            if value is not None and self.runner != "dask":
                raise UsageError(f"runner {self.runner} has no workers", where=where, todo="add --runner dask")
        if self.workers and self.dask_address:
            what = "the number of workers of an existing cluster cannot be set"
            raise UsageError(what, where="--workers, --dask-address", todo="give one of the two")
        if self.runner == "dask" and ":" in self.device:
            what = f"each worker needs its own device, and they cannot all be {self.device}"
            raise UsageError(what, where="--device", todo="use --device cuda, and CUDA_VISIBLE_DEVICES to choose GPUs")
