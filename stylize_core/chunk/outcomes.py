"""Turns the result of a job into what the store keeps."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
from torch import Tensor

from stylize_core.engine.device import describe
from stylize_core.engine.engine import Engine
from stylize_core.engine.optimise import Optimised
from stylize_core.errors import Diverged, OutOfMemory, StylizeError
from stylize_core.images.encode import encode
from stylize_core.job import NUMERICS_VERSION, Job, public_uri
from stylize_core.release import release, versions
from stylize_core.store.records import METRICS, QUALITY, Outcome, Result
from stylize_core.terms import LOSSES

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What computed an outcome.

    Attributes:
        run: name of the run.
        attempts: number of this run's attempt, by job id.
        engine: device, precision and weights.
    """

    run: str
    attempts: Mapping[str, int]
    engine: Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A job that the device has finished, not yet encoded.

    Attributes:
        job: the job.
        result: of the engine, or the error.
        alpha: (1, H, W), the transparency to keep in the output; None for an opaque output.
    """

    job: Job
    result: Optimised | StylizeError
    alpha: Tensor | None = None

    @property
    def error(self) -> StylizeError | None:
        """Why the job failed; None if it is done. A diverged job fails although it has an image, its best."""
        if isinstance(self.result, StylizeError):
            return self.result
        if self.result.diverged:
            return Diverged("the loss was not finite, or exploded, in every attempt to continue")
        return None


def as_expected(job: Job, problem: Exception) -> StylizeError:
    """Returns why a job failed, for its record; unexpected errors are logged with their traceback."""
    if isinstance(problem, StylizeError):
        return problem.with_traceback(None)  # without frames: the error is kept until the commit
    if isinstance(problem, MemoryError):
        return OutOfMemory("there is no memory left for the pictures of a job", where=job.job_id)
    log.error("job %s failed unexpectedly", job.job_id, exc_info=problem)
    return StylizeError(f"{type(problem).__name__}: {problem}", where=job.job_id)


def outcome(finished: Finished, origin: Origin) -> Outcome:
    """Returns what the store keeps of a finished job; encodes its images."""
    job, optimised = finished.job, finished.result
    result = _result(job, origin, finished.error)
    if isinstance(optimised, StylizeError):
        return Outcome(result=result, format=job.settings.format)
    result.steps, result.best_step = optimised.steps, optimised.best_step
    result.seconds = float(optimised.seconds[-1]) / optimised.batch
    known = dict(zip(optimised.columns, optimised.final.tolist(), strict=True))
    result.figures = {f"final_{loss}": known.get(loss) for loss in LOSSES}
    result.figures |= {f"quality_{figure}": getattr(optimised.quality, figure) for figure in QUALITY}
    settings = job.settings
    return Outcome(
        result=result,
        image=encode(
            optimised.image,
            format=settings.format,
            quality=settings.quality,
            alpha=finished.alpha,
            metadata=metadata(job, origin.engine),
        ),
        format=settings.format,
        snapshots={
            step: encode(image, format="png", quality=100, alpha=None, metadata={})
            for step, image in optimised.snapshots.items()
        },
        metrics=metrics(job, optimised),
    )


def metadata(job: Job, engine: Engine) -> dict[str, str]:
    """Returns the metadata to embed in a result image: enough to make it again."""
    record = {
        "job_id": job.job_id,
        "content": public_uri(job.content.uri),
        "style": public_uri(job.styles[0][0].uri),
        "init": public_uri(job.init.uri) if job.init else None,
        "settings": json.loads(job.settings.to_json()),
        "digests": _digests(job, engine),
        "precision": engine.precision,
        "numerics_version": NUMERICS_VERSION,
    }
    return {"Software": f"stylize {release()}", "stylize": json.dumps(record, sort_keys=True)}


def _digests(job: Job, engine: Engine) -> dict[str, object]:
    return {**job.digests, "weights": engine.weights.sha256}


def _result(job: Job, origin: Origin, error: StylizeError | None) -> Result:
    engine = origin.engine
    return Result(
        job_id=job.job_id,
        run=origin.run,
        attempt=origin.attempts[job.job_id],
        status="failed" if error else "done",
        error_code=error.code if error else None,
        error=str(error) if error else None,
        retryable=error.retryable if error else None,
        form=job.settings.form,
        settings=job.settings.to_json(),
        digests=json.dumps(_digests(job, engine), sort_keys=True),
        width=job.width,
        height=job.height,
        device=describe(engine.device, engine.precision),
        precision=engine.precision,
        versions=json.dumps(versions()),
    )


def metrics(job: Job, optimised: Optimised) -> pa.Table:
    """Returns the losses of a job, a line per step, with schema `METRICS`."""
    rows = len(optimised.losses)
    known: dict[str, object] = dict(zip(optimised.columns, optimised.losses.T.numpy(), strict=True))
    known |= {
        "job_id": [job.job_id] * rows,
        "step": range(rows),
        "evaluation": range(1, rows + 1),
        "size_px": optimised.sizes.numpy(),
        "seconds": optimised.seconds.numpy(),
    }
    arrays = [pa.array(known.get(column.name, [None] * rows), type=column.type) for column in METRICS]
    return pa.Table.from_arrays(arrays, schema=METRICS)
