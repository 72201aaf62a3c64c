"""The flow: plan -> fan out -> collect."""

from typing import Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Failed

from stylize_core.errors import Stopped, StylizeError, UsageError
from stylize_core.job import public_uri
from stylize_core.options import Options, Precision, RetryFailed
from stylize_core.release import install_extra
from stylize_core.run.run import Run
from stylize_core.run.ticket import RunTicket
from stylize_flows import local_runner, tasks
from stylize_flows.lost_server import hang_up, has_lost_server
from stylize_flows.outcome import final_state, tell_finished
from stylize_flows.partition_flow import carry_out_partition
from stylize_flows.partition_runs import in_partitions
from stylize_flows.runners import FanOut, carry_out
from stylize_flows.tasks import Sealed


def _flow_run_name() -> str:
    parameters = flow_run.parameters
    public = (public_uri(str(parameters[name])) for name in ("manifest", "store"))
    manifest, store = (uri.rstrip("/").rsplit("/", 1)[-1] for uri in public)
    name = f"{manifest} to {store}, {flow_run.scheduled_start_time:%Y-%m-%d %H:%M}"
    partition = parameters.get("partition")
    return f"partition {partition['number']} of {name}" if partition else name


@flow(
    name="stylize manifest",
    flow_run_name=_flow_run_name,
    task_runner=local_runner.ONE_DEVICE,
    persist_result=False,
)
def stylize_manifest(
    manifest: str,
    store: str,
    weights: str = "imagenet",
    device: str = "auto",
    precision: Precision = "auto",
    runner: Literal["local", "dask"] = "local",
    workers: int | None = None,
    dask_address: str | None = None,
    rows_per_task: int | None = None,
    chunks_per_flow_run: int = 2000,
    partitions_at_once: int = 1,
    max_failed: str = "0",
    retry_failed: RetryFailed = "transient",
    strict: bool = False,
    wait: bool = False,
    verify: bool = False,
    job_timeout: float | None = None,
    no_report: bool = False,
    partition: dict[str, str | int] | None = None,
) -> State[Any]:
    """Stylises every row of a manifest into a store.

    The final state gives the outcome: Completed; CompletedWithFailures (some rows failed or were rejected);
    Failed (more of them than `max_failed`, or nothing could be started); or Cancelled.

    Args:
        manifest: Path or URL of a CSV or Parquet manifest.
        store: Folder or URL of the store; created if it is missing.
        weights: The network: imagenet, builtin, or a .safetensors or .pth file.
        device: auto, cpu, cuda or cuda:N.
        precision: Of the network's arithmetic; auto chooses what suits the device.
        runner: Where chunks run: local, in the run's own process; dask, on several devices or machines.
        workers: Number of workers of runner dask on this machine; one per GPU unless given.
        dask_address: Scheduler of an existing Dask cluster: tcp://HOST:PORT.
        rows_per_task: Jobs per task; chosen by their cost unless given.
        chunks_per_flow_run: Most tasks of one flow run; more are split into further flow runs.
        partitions_at_once: How many of those flow runs may run at the same time.
        max_failed: Failed and rejected rows with which the run is still Completed: a number, or a share such as 1%.
        retry_failed: Which jobs that failed before to run again.
        strict: Start nothing if any row is rejected.
        wait: Wait for another run that is writing to the store.
        verify: Read all that the store has, and compute again what is damaged or missing.
        job_timeout: Seconds that a job may be computed before it fails; no limit unless given.
        no_report: Draw neither contact sheets nor report.
        partition: Internal, leave it empty: set if a run makes further flow runs of its deployment.
    """
    parameters = dict(locals())
    return _carry_out(parameters.pop("partition"), parameters)


def _carry_out(partition: dict[str, Any] | None, parameters: dict[str, Any]) -> State[Any]:
    """Carries out a run, or a partition of one, and returns the final state of the flow run."""
    try:
        options = Options(**parameters)
        fan_out = _fan_out(options)
        if partition:
            number, ticket = partition["number"], {name: partition[name] for name in partition if name != "number"}
            return carry_out_partition(options, RunTicket(**ticket), number, fan_out)
        run = carry_out(options, _prepare, in_partitions(fan_out), _collect)
    except Stopped as error:
        return Cancelled(message=str(error))
    except StylizeError as error:
        return Failed(message=str(error), data=error)
    finally:
        if has_lost_server():
            hang_up()
    tell_finished(run)
    return final_state(run)


def _prepare(run: Run) -> None:
    tasks.plan(Sealed(run), return_state=True).result()


def _collect(run: Run) -> None:
    if has_lost_server():
        run.finish()
    else:
        tasks.collect(Sealed(run), return_state=True).result()


def _fan_out(options: Options) -> FanOut:
    """Returns what computes the chunks where the options say."""
    if options.runner != "dask":
        return local_runner.fan_out
    try:
        from stylize_flows.dask_runner.cluster import check
        from stylize_flows.dask_runner.fan_out import fan_out
    except ModuleNotFoundError as error:
        what = f"runner dask needs a package that is not installed: {error.name}"
        raise UsageError(what, where="--runner", todo=install_extra("dask")) from error
    check(options)
    return fan_out
