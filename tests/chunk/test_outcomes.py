"""What the store records of a job, done or failed."""

import dataclasses
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stylize_core.chunk.loading import Loader
from stylize_core.chunk.outcomes import Finished, Origin, metadata, outcome
from stylize_core.engine.optimise import Optimised
from stylize_core.errors import Diverged, ImageTruncated, InputChanged
from stylize_core.images.encode import read_metadata
from stylize_core.layers import LAYERS
from stylize_core.release import versions
from stylize_core.settings import Settings


@pytest.fixture
def job(plan: Callable[..., Any], manifests: Any) -> Any:
    """A job of four steps with a snapshot at every second one."""
    return plan(manifests.rows(1, steps="4", snapshot_every="2", style_layers="conv1_1 conv2_1")).chunks[0].jobs[0]


@pytest.fixture
def origin(job: Any, engine: Any) -> Origin:
    """The second attempt at the job, in run `run`."""
    return Origin(run="run", attempts={job.job_id: 2}, engine=engine)


@pytest.fixture
def optimised(job: Any, engine: Any, files: Any) -> Optimised:
    """The engine's real result for the job."""
    made: Optimised = engine.optimise([Loader(files).pair(job)])[0]
    return made


def test_a_done_job(job: Any, origin: Origin, optimised: Optimised) -> None:
    """Its line records the request, the result, and the versions."""
    kept = outcome(Finished(job=job, result=optimised), origin)
    result = kept.result
    assert (result.job_id, result.run, result.attempt, result.status) == (job.job_id, "run", 2, "done")
    assert (result.error_code, result.error, result.retryable) == (None, None, None)
    assert (result.width, result.height, result.steps) == (32, 32, 4)
    assert Settings.from_dict(json.loads(result.settings)) == job.settings
    assert json.loads(result.digests)["content"] == job.content.sha256
    assert json.loads(result.versions) == versions()
    assert result.figures["final_total"] == pytest.approx(optimised.final[0].item())
    assert result.figures["final_style"] == pytest.approx(optimised.final[2].item())
    figures = (result.figures["quality_ssim"], result.figures["quality_colour"], result.figures["quality_gram"])
    assert figures == (optimised.quality.ssim, optimised.quality.colour, optimised.quality.gram)
    assert None not in figures
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(kept.image or b""))), optimised.image.permute(1, 2, 0))
    assert sorted(kept.snapshots) == [2, 4]


def test_a_batch_shares_its_seconds(job: Any, origin: Origin, optimised: Optimised) -> None:
    """A job's seconds are those of its batch divided by its jobs."""
    shared = dataclasses.replace(optimised, batch=4)
    seconds = [outcome(Finished(job=job, result=made), origin).result.seconds for made in (optimised, shared)]
    whole = optimised.seconds[-1].item()
    assert seconds == pytest.approx([whole, whole / 4])


def test_losses(job: Any, origin: Origin, optimised: Optimised) -> None:
    """A line for each of steps 0 to n; layers that are not in use have no values."""
    metrics = outcome(Finished(job=job, result=optimised), origin).metrics
    assert metrics is not None
    frame = metrics.to_pandas()
    assert list(frame["step"]) == [0, 1, 2, 3, 4]
    assert list(frame["evaluation"]) == [1, 2, 3, 4, 5]
    assert set(frame["size_px"]) == {32}
    assert np.all(np.diff(frame["seconds"]) > 0)
    used = {"content_conv2_1", "style_conv1_1", "style_conv2_1"}
    layers = {f"{term}_{layer}" for term in ("content", "style") for layer in LAYERS}
    assert {name for name in layers if frame[name].notna().all()} == used
    assert {name for name in layers if frame[name].isna().all()} == layers - used
    style = (frame["style_conv1_1"] + frame["style_conv2_1"]) / 2
    assert np.allclose(frame["style"], style, rtol=1e-5)
    weights = job.settings
    total = sum(weights.weight(term) * frame[term] for term in ("content", "style", "tv"))
    assert np.allclose(frame["total"], total, rtol=1e-5)


def test_a_diverged_job_keeps_its_best_image(job: Any, origin: Origin, optimised: Optimised) -> None:
    """It is failed with that error, and still has an image and losses."""
    finished = Finished(job=job, result=dataclasses.replace(optimised, diverged=True))
    kept = outcome(finished, origin)
    assert isinstance(finished.error, Diverged)
    assert (kept.result.status, kept.result.error_code) == ("failed", "diverged")
    assert kept.image
    assert kept.metrics is not None
    assert kept.result.figures["quality_ssim"] is not None


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [(ImageTruncated("cut"), "image_truncated", False), (InputChanged("other"), "input_changed", True)],
)
def test_a_failed_job(error: Any, code: str, retryable: bool, job: Any, origin: Origin) -> None:
    """It has a line with its reason and no image."""
    kept = outcome(Finished(job=job, result=error), origin)
    result = kept.result
    assert (result.status, result.error_code, result.retryable) == ("failed", code, retryable)
    assert result.error == str(error)
    assert (kept.image, kept.metrics, kept.snapshots) == (None, None, {})
    assert not any(result.figures.values())


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_what_is_embedded_makes_the_image_again(
    format: str, plan: Callable[..., Any], manifests: Any, engine: Any, files: Any
) -> None:
    """Inputs, every setting and the job id can be read back from the image's bytes."""
    job = plan(manifests.rows(1, format=format, start="image", init="content-1.png")).chunks[0].jobs[0]
    origin = Origin(run="run", attempts={job.job_id: 1}, engine=engine)
    kept = outcome(Finished(job=job, result=engine.optimise([Loader(files).pair(job)])[0]), origin)
    embedded = read_metadata(kept.image or b"")
    record = json.loads(embedded["stylize"])
    assert embedded["Software"].startswith("stylize ")
    assert record["job_id"] == job.job_id
    assert (record["content"], record["style"]) == (job.content.uri, job.styles[0][0].uri)
    assert record["init"] == str(manifests.folder / "content-1.png")
    assert Settings.from_dict(record["settings"]) == job.settings


def test_credentials_are_not_embedded(job: Any, engine: Any) -> None:
    """Only the public part of a URL with a password or a signature is recorded."""
    source = dataclasses.replace(job.content, uri="https://me:secret@host/c.png?signature=secret")
    record = metadata(dataclasses.replace(job, content=source), engine)["stylize"]
    assert "https://host/c.png" in record
    assert "secret" not in record


def test_transparency_is_kept_on_request(job: Any, origin: Origin, optimised: Optimised) -> None:
    """The result gets the content's alpha."""
    kept = outcome(Finished(job=job, result=optimised, alpha=torch.full((1, 32, 32), 0.5)), origin)
    image = Image.open(io.BytesIO(kept.image or b""))
    assert image.mode == "RGBA"
    assert image.getchannel("A").getextrema() == (128, 128)
