"""The forecast: operations by hand and by PyTorch's count, and sums that grow with the work."""

import dataclasses

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import stylize_core.engine.network
from stylize_core.engine.engine import Engine
from stylize_core.engine.flops import evaluation_flops
from stylize_core.engine.memory import peak_bytes
from stylize_core.engine.objective import Losses, Objective
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import load_weights
from stylize_core.job import Job, Source
from stylize_core.layers import LAYERS
from stylize_core.plan.forecast import NOTHING, Forecast, forecast, job_seconds
from stylize_core.plan.rates import Rate, probe
from stylize_core.presets import PRESETS, resolve
from stylize_core.settings import Settings

CPU = torch.device("cpu")
RATE = Rate(flops=1e11, probed=True, device=CPU, precision="float32", memory=8 << 30)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """An engine with the built-in weights."""
    return Engine(load_weights("builtin"), device=CPU, precision="float32")


def job(height: int = 256, width: int = 256, **given: object) -> Job:
    """A job of the preset `default` with other values."""
    file = Source(uri="a.png", sha256=64 * "0", width=width, height=height)
    settings = resolve("default-1", given)
    return Job(
        job_id="0", content=file, styles=((file, 1.0),), init=None, settings=settings, height=height, width=width
    )


def of(*jobs: Job, rate: Rate = RATE) -> Forecast:
    """The forecast of jobs."""
    return forecast([(one, 1) for one in jobs], rate)


def test_operations_by_hand() -> None:
    """Forward and backward through 13 convolutions to conv5_1: 361,152 products, 1.44 million operations a pixel."""
    products = (
        9 * (3 * 64 + 64 * 64)
        + 9 * (64 * 128 + 128 * 128) / 4
        + 9 * (128 * 256 + 3 * 256 * 256) / 16
        + 9 * (256 * 512 + 3 * 512 * 512) / 64
        + 9 * (512 * 512) / 256
    )
    assert products == 361_152
    grams = (64**2 + 128**2 / 4 + 256**2 / 16 + 512**2 / 64 + 512**2 / 256) * 2 * 2
    found = evaluation_flops(resolve("default-1", {}), 512, 512) / 512**2
    assert found == pytest.approx(4 * products + grams, rel=1e-12)
    assert found == pytest.approx(1.44e6, rel=0.06)  # the Gram matrices are 5 % of it


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("preset", ["default", "adam2000", "avgpool", "noise-start"])
def test_operations_as_torch_counts_them(preset: str, recompute: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch counts the same number in one real evaluation with plain convolutions."""
    monkeypatch.setattr(stylize_core.engine.network.winograd, "pays", lambda *_: False)
    engine = Engine(load_weights("builtin"), device=CPU, precision="float32")
    settings, image = resolve(preset, {"size": 32}), torch.full((3, 32, 32), 0.5)
    pair = Pair(settings=settings, content=image, style=image, style_key="grey")
    objective = engine.objective([pair], recompute=recompute)
    with FlopCounterMode(display=False) as counter:
        torch.autograd.backward(objective(image[None].requires_grad_()).total)
    assert counter.get_total_flops() == pytest.approx(evaluation_flops(settings, 32, 32, recompute=recompute), rel=1e-9)


def test_operations_grow_with_depth_and_size() -> None:
    """Each deeper layer and each further Gram matrix costs more, and operations are proportional to pixels."""
    depths = [
        evaluation_flops(resolve("default-1", {"content_layers": layer, "style_layers": "conv1_1"}), 64, 64)
        for layer in LAYERS
    ]
    assert depths == sorted(set(depths))
    one, two = (
        resolve("default-1", {"style_layers": layers, "content_layers": "conv3_1"})
        for layers in ("conv1_1", "conv1_1 conv2_1")
    )
    assert evaluation_flops(two, 64, 64) > evaluation_flops(one, 64, 64)
    assert evaluation_flops(one, 128, 192) == pytest.approx(6 * evaluation_flops(one, 64, 64), rel=1e-12)


def test_seconds_by_hand() -> None:
    """A job of n steps has n + 1 evaluations; the device's rate divides them."""
    work = evaluation_flops(job().settings, 256, 256)
    assert job_seconds(job(steps=99), RATE) == pytest.approx(100 * work / 1e11)
    assert of(job(steps=99), job(steps=0)).seconds == pytest.approx(101 * work / 1e11)
    assert of(job(), rate=dataclasses.replace(RATE, flops=2e11)).seconds == pytest.approx(of(job()).seconds / 2)


def test_a_job_that_recomputes_takes_half_as_long_again() -> None:
    """If memory is short, each evaluation has a second forward pass, and the forecast of memory is smaller."""
    short = dataclasses.replace(RATE, memory=100 << 20)
    assert of(job(), rate=short).seconds == pytest.approx(1.5 * of(job()).seconds)
    assert of(job(), rate=short).peak_memory_bytes < of(job()).peak_memory_bytes


def test_nothing_costs_nothing() -> None:
    """No jobs cost nothing, and that is certain."""
    assert of() == NOTHING


@pytest.mark.parametrize(
    "more",
    [job(steps=400), job(snapshot_every=10), job(style_layers=" ".join(LAYERS[:13])), job(264, 256)],
    ids=["steps", "snapshots", "layers", "pixels"],
)
def test_bytes_grow_with_what_is_kept(more: Job) -> None:
    """More steps, snapshots, layers in the metrics or pixels need more space in the store."""
    assert of(more).store_bytes > of(job()).store_bytes


def test_bytes_by_hand() -> None:
    """A job without steps stores its picture and one line with 5 numbers and one per layer, 4 bytes each."""
    png, jpeg = (of(job(100, 100, steps=0, format=format)).store_bytes for format in ("png", "jpeg"))
    assert png == 19_000 + 4 * (5 + 1 + 5)
    assert jpeg < png
    with_snapshots = of(job(100, 100, steps=10, snapshot_every=4)).store_bytes
    assert with_snapshots == pytest.approx(3 * 19_000 + 11 * 4 * 11, abs=1)


def test_a_batch_has_no_more_jobs_than_there_are() -> None:
    """The forecast for a single small job does not include the memory of a batch of many."""
    one, two = (of(*[job(64, 64)] * jobs).peak_memory_bytes for jobs in (1, 2))
    assert one == peak_bytes(job().settings, 64, 64, RATE.precision, RATE.device)
    assert one < two < of(*[job(64, 64)] * 500).peak_memory_bytes


def test_memory_is_that_of_the_largest_batch() -> None:
    """Peak memory follows the largest job and does not add up; the rest does."""
    small, large = of(job(64, 64)), of(job(512, 512))
    both = of(job(64, 64), job(512, 512))
    assert both.peak_memory_bytes == max(small.peak_memory_bytes, large.peak_memory_bytes)
    assert both.store_bytes == pytest.approx(small.store_bytes + large.store_bytes, abs=1)
    assert both.jobs == 2
    assert of(*[job(512, 512)] * 5).peak_memory_bytes == large.peak_memory_bytes
    assert of(job(512, 512), rate=dataclasses.replace(RATE, precision="bfloat16")).peak_memory_bytes < (
        large.peak_memory_bytes
    )


def test_a_probe_measures_this_machine(engine: Engine) -> None:
    """A probe gives a plausible rate, marked as measured."""
    settings = resolve("default-1", {"content_layers": "conv1_2", "style_layers": "conv1_1"})
    rate = probe(engine, settings, 160, 160)
    assert 1e7 < rate.flops < 1e16
    assert (rate.probed, rate.device, rate.precision, rate.memory) == (True, CPU, "float32", engine.memory)
    assert of(job(), rate=rate).probed


@pytest.mark.parametrize(("job_edges", "probed"), [((40, 3000), (40, 160)), ((2000, 64), (160, 64))])
def test_a_probe_is_no_larger_than_the_jobs(
    job_edges: tuple[int, int], probed: tuple[int, int], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its picture has the edges of a job, each at most 160 px, so that a small run starts quickly."""
    seen: set[tuple[int, ...]] = set()

    def evaluate(objective: Objective, image: torch.Tensor) -> tuple[Losses, torch.Tensor]:
        seen.add(tuple(image.shape))
        return evaluated(objective, image)

    evaluated = Objective.evaluate
    monkeypatch.setattr(Objective, "evaluate", evaluate)
    probe(engine, resolve("default-1", {"content_layers": "conv1_2", "style_layers": "conv1_1"}), *job_edges)
    assert seen == {(1, 3, *probed)}


def test_an_assumed_rate_marks_its_forecast() -> None:
    """A forecast without a measurement says so."""
    assert not of(job(), rate=dataclasses.replace(RATE, probed=False)).probed


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_a_forecast(preset: str) -> None:
    """A forecast consists of plain positive numbers that can be written as JSON."""
    settings: Settings = resolve(preset, {})
    found = of(dataclasses.replace(job(), settings=settings)).to_dict()
    assert list(found) == ["jobs", "seconds", "peak_memory_bytes", "store_bytes", "probed"]
    assert all(type(value) in (int, float, bool) for value in found.values())
    assert found["jobs"] == 1
