"""The engine: pairs to results, networks and style targets made once, per-sample settings."""

import dataclasses
import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

import stylize_core.engine.engine
import stylize_core.engine.memory
from stylize_core.engine.engine import Engine
from stylize_core.engine.memory import Fit, peak_bytes
from stylize_core.engine.objective import Objective, targets
from stylize_core.engine.optimise import Leg
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import Weights
from stylize_core.engine.winograd.tiles import CompiledTiles, make_tiles
from stylize_core.errors import DeviceLost, JobTimeout, OutOfMemory, Stopped
from stylize_core.images.encode import to_8bit
from stylize_core.presets import resolve
from stylize_core.settings import Settings

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def engine(builtin: Weights) -> Engine:
    """An engine in float32 on the CPU."""
    return Engine(builtin, device=CPU, precision="float32")


def picture(seed: int, height: int = 16, width: int = 24) -> Tensor:
    """A seeded image (3, height, width)."""
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def settings_of(**given: object) -> Settings:
    """Shallow layers and few steps."""
    layers = {"content_layers": "conv2_2", "style_layers": "conv1_1 conv2_1"}
    return resolve("default-1", {**layers, "steps": 3, **given})


def pair(content: int, style: int = 50, init: int | None = None, **given: object) -> Pair:
    """A job whose images are seeded."""
    return Pair(
        settings=settings_of(**given),
        content=picture(content),
        style=picture(style, 20, 16),
        style_key=f"style {style}",
        init=None if init is None else picture(init),
    )


def test_results_come_in_the_order_of_the_jobs(engine: Engine) -> None:
    """Result b belongs to job b: with 0 steps it is that job's start."""
    jobs = [pair(1, steps=0), pair(2, start="noise", seed=4, steps=0), pair(3, start="image", init=9, steps=0)]
    found = engine.optimise(jobs)
    noise = torch.rand(3, 16, 24, generator=torch.Generator().manual_seed(4))
    for sample, start in zip(found, (picture(1), noise, picture(9)), strict=True):
        assert torch.equal(sample.image, to_8bit(start))


def test_each_job_has_its_own_targets_and_weights(engine: Engine) -> None:
    """The first line of losses of each job in a batch is that of its own content, style and weights."""
    jobs = [pair(1, start="noise"), pair(2, style=51, start="noise", style_weight=7.0, tv_weight=3.0)]
    found = engine.optimise(jobs)
    for job, sample in zip(jobs, found, strict=True):
        network, s = engine.network(job.settings), job.settings
        content = targets(network, job.content[None], s, "content")
        style = targets(network, job.style[None], s, "style")
        start = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0))
        expected = Objective(network, content | style, [s], device=CPU)(start).stacked()[0]
        torch.testing.assert_close(sample.losses[0], expected, rtol=1e-4, atol=0)


def test_optimising_lowers_the_loss(engine: Engine) -> None:
    """The real objective, the sum of both terms, falls from any start."""
    jobs = [pair(1, steps=15), pair(2, steps=15, start="noise"), pair(3, steps=15, start="mix")]
    for sample in engine.optimise(jobs):
        assert sample.losses[-1, 0] < 0.5 * sample.losses[0, 0]


def test_a_network_is_made_once_for_each_cut_and_pooling(engine: Engine) -> None:
    """Settings that share layers and pooling share a network; others have their own, cut after their last layer."""
    network = engine.network(settings_of())
    assert engine.network(settings_of(steps=9, style_weight=3.0)) is network
    assert engine.network(settings_of(pooling="average")) is not network
    deeper = engine.network(settings_of(content_layers="conv3_1"))
    assert len(list(deeper.features)) > len(list(network.features))
    assert list(deeper(picture(1)[None])) == ["conv1_1", "conv2_1", "conv3_1"]


def test_style_targets_are_made_once(engine: Engine) -> None:
    """Jobs of one style share its targets within and across batches, until they are forgotten."""
    engine.forget_styles()
    passes: list[int] = []
    handle = engine.network(settings_of()).register_forward_hook(lambda *_: passes.append(1))
    engine.objective([pair(1), pair(2)])
    assert len(passes) == 2  # both contents together, and the style
    engine.objective([pair(3)])
    assert len(passes) == 3
    engine.forget_styles()
    engine.objective([pair(3)])
    assert len(passes) == 5
    handle.remove()


@pytest.mark.parametrize(
    "other",
    [
        {"style_key": "another file"},
        {"style": picture(7, 16, 20)},
        {"settings": settings_of(form="paper")},
        {"settings": settings_of(pooling="average")},
        {"settings": settings_of(style_layers="conv1_1 conv1_2")},
    ],
    ids=["file", "size", "form", "pooling", "layers"],
)
def test_other_styles_have_other_targets(engine: Engine, other: dict[str, object]) -> None:
    """Another file, size, form, pooling or set of layers never uses existing targets."""
    engine.forget_styles()
    first = pair(1)
    second = dataclasses.replace(first, **{"style": picture(8, 20, 16), **other})  # type: ignore[arg-type]
    engine.objective([first])
    found = engine.objective([second]).targets["style"]
    expected = targets(engine.network(second.settings), second.style[None], second.settings, "style")["style"]
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[layer][0], expected[layer][0]) for layer in expected)


def test_layer_weights_do_not_part_style_targets(engine: Engine) -> None:
    """Targets do not include layer weights: jobs that differ only in these share targets, not totals."""
    engine.forget_styles()
    jobs = [pair(1, start="noise"), pair(1, start="noise", style_layers="conv1_1=3 conv2_1=0")]
    objective = engine.objective(jobs)
    lines = objective(torch.stack([picture(5), picture(5)])).stacked()
    found = dict(zip(objective.columns, lines.T, strict=True))
    for layer in ("conv1_1", "conv2_1"):
        torch.testing.assert_close(*found[f"style_{layer}"], rtol=1e-5, atol=0)
    assert found["style"][1].item() == pytest.approx(3 * found["style_conv1_1"][1].item(), rel=1e-5)


def test_bfloat16_is_near_float32(engine: Engine, builtin: Weights) -> None:
    """In bfloat16 losses are float32 and agree with float32's within 1 %, or 3.5 % without a compiler.

    With Adam, because L-BFGS magnifies rounding on its way, though not in its result (`benchmarks.convergence`).
    """
    short = Engine(builtin, device=CPU, precision="bfloat16")
    job = pair(1, start="noise", steps=10, optimiser="adam", learning_rate=0.02)
    (found,), (expected,) = (e.optimise([job]) for e in (short, engine))
    assert found.losses.dtype == torch.float32
    rtol = 0.01 if isinstance(make_tiles(torch.bfloat16), CompiledTiles) else 0.035
    torch.testing.assert_close(found.losses[:, 0], expected.losses[:, 0], rtol=rtol, atol=0)
    assert not torch.equal(found.losses, expected.losses)


def test_progress_and_stop_reach_the_loop(engine: Engine) -> None:
    """`on_step` is called at every step; a requested stop raises Stopped."""
    steps: list[int] = []
    engine.optimise([pair(1)], on_step=lambda step, totals: steps.append(step))
    assert steps == [0, 1, 2, 3]
    with pytest.raises(Stopped):
        engine.optimise([pair(1)], should_stop=lambda: True)


@pytest.mark.usefixtures("_no_garbage_collected")
def test_a_batch_leaves_nothing_behind(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tensors of a batch are freed when it is done, without a garbage collection."""
    made: list[weakref.ref[Objective]] = []
    objective = Engine.objective

    def watched(engine: Engine, pairs: Sequence[Pair], *, recompute: bool = False) -> Objective:
        result = objective(engine, pairs, recompute=recompute)
        made.append(weakref.ref(result))
        return result

    monkeypatch.setattr(Engine, "objective", watched)
    engine.optimise([pair(1), pair(2)])
    assert [reference() for reference in made] == [None]


def test_recomputing_changes_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that fits only with recomputed blocks has bit-identical image and losses."""
    job = pair(1, start="noise", tv_weight=2.0)
    (expected,) = engine.optimise([job])
    monkeypatch.setattr(Engine, "fit", lambda *_: Fit(jobs=1, recompute=True, bytes=0))
    (found,) = engine.optimise([job])
    assert torch.equal(found.image, expected.image)
    assert torch.equal(found.losses, expected.losses)


class Short:
    """A device that runs out of memory in chosen attempts; records the attempts."""

    def __init__(self) -> None:
        self.tried: list[bool] = []  # each: whether with recompute
        self.left: list[Any] = []  # of the objectives of failed attempts, weakly
        self.is_left: list[bool] = []  # at the start of each attempt: whether any of those still exists


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[bool], bool]], Short]:
    """Makes attempts fail if a function of `recompute` says so."""

    def install(fails: Callable[[bool], bool]) -> Short:
        real, seen = stylize_core.engine.engine.optimise, Short()

        def optimise(legs: Sequence[Leg], start: Tensor, settings: Sequence[Settings], **others: Any) -> Any:
            (leg,), objective = legs, legs[0].objective()
            seen.is_left.append(any(one() is not None for one in seen.left))
            seen.tried.append(objective.recompute)
            if fails(objective.recompute):
                seen.left += [weakref.ref(objective), weakref.ref(start)]
                raise torch.OutOfMemoryError("CUDA out of memory")
            return real([leg._replace(objective=lambda: objective)], start, settings, **others)

        monkeypatch.setattr(stylize_core.engine.engine, "optimise", optimise)
        return seen

    return install


@pytest.fixture
def _no_garbage_collected() -> Iterator[None]:
    """Turns off the collection of cycles until the end of the test, as they may stay on a GPU."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_garbage_collected")
def test_a_job_that_does_not_fit_is_tried_again(engine: Engine, short: Callable[..., Short]) -> None:
    """A single job that runs out of memory is computed with recomputation, after all of the failure is freed."""
    (expected,) = engine.optimise([pair(1)])
    seen = short(lambda recompute: not recompute)
    (found,) = engine.optimise([pair(1)])
    assert (seen.tried, seen.is_left) == ([False, True], [False, False])
    assert torch.equal(found.losses, expected.losses)


@pytest.mark.usefixtures("_no_garbage_collected")
def test_a_job_that_never_fits_is_an_error(engine: Engine, short: Callable[..., Short]) -> None:
    """After the second attempt the error names a smaller size; a kept error holds no tensors."""
    seen = short(lambda recompute: True)
    with pytest.raises(OutOfMemory, match="a job of 24 x 16 px does not fit") as raised:
        engine.optimise([pair(1)])
    assert seen.tried == [False, True]
    assert raised.value.todo == "use size 16 or less"
    assert "CUDA out of memory" in str(raised.value.__cause__)
    assert not any(one() for one in seen.left)


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.usefixtures("_no_garbage_collected")
def test_an_error_nobody_foresaw(lost: bool, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised unchanged, or as the error of a lost device; a kept error holds no tensors."""
    held: list[Any] = []

    def fail(legs: Sequence[Leg], start: Tensor, *_: object, **__: object) -> Any:
        held.append(weakref.ref(start))
        raise RuntimeError("CUDA error: unspecified launch failure\nmore")

    monkeypatch.setattr(stylize_core.engine.engine, "optimise", fail)
    monkeypatch.setattr(stylize_core.engine.engine, "is_lost", lambda device: lost)
    with pytest.raises(DeviceLost if lost else RuntimeError, match="unspecified launch failure") as raised:
        engine.optimise([pair(1)])
    assert "more" not in str(raised.value) if lost else type(raised.value) is RuntimeError
    assert held[0]() is None


@pytest.mark.usefixtures("_no_garbage_collected")
def test_what_a_stop_raises_holds_no_tensors(engine: Engine) -> None:
    """An error of the caller, raised between two evaluations, holds no tensors of the batch."""
    gc.collect()  # the objectives of other tests
    held: list[Any] = []

    def stop() -> bool:
        held.extend(weakref.ref(one) for one in gc.get_objects() if type(one) is Objective)
        raise JobTimeout("too long")

    with pytest.raises(JobTimeout):
        engine.optimise([pair(1)], should_stop=stop)
    assert held
    assert not any(one() for one in held)


def test_a_batch_that_does_not_fit_is_left_to_the_caller(engine: Engine, short: Callable[..., Short]) -> None:
    """A batch is not tried again, because its halves may fit without the extra work."""
    seen = short(lambda recompute: True)
    with pytest.raises(OutOfMemory):
        engine.optimise([pair(1), pair(2)])
    assert seen.tried == [False]


def test_a_job_that_recomputes_is_tried_once(
    engine: Engine, short: Callable[..., Short], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no third attempt."""
    monkeypatch.setattr(Engine, "fit", lambda *_: Fit(jobs=1, recompute=True, bytes=0))
    seen = short(lambda recompute: True)
    with pytest.raises(OutOfMemory):
        engine.optimise([pair(1)])
    assert seen.tried == [True]


def test_a_cpu_refuses_what_cannot_fit(
    engine: Engine, short: Callable[..., Short], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU a job whose forecast exceeds the memory is not computed; the suggested size is accepted."""
    image, seen = picture(1, 128, 192), short(lambda recompute: False)
    job = dataclasses.replace(pair(1, steps=0), content=image)
    monkeypatch.setattr(stylize_core.engine.memory, "FIXED_BYTES", 0)
    needed = peak_bytes(job.settings, 128, 192, "float32", CPU, recompute=True)
    monkeypatch.setattr(engine, "memory", needed - 1)
    with pytest.raises(OutOfMemory, match="a job of 192 x 128 px") as raised:
        engine.optimise([job])
    assert seen.tried == []
    size = int(raised.value.todo.removeprefix("use size ").removesuffix(" or less"))
    assert 150 < size < 192
    engine.optimise([dataclasses.replace(job, content=image[:, : size * 2 // 3, :size])])
    assert len(seen.tried) == 1


def test_a_cpu_refuses_a_batch_as_a_whole(
    engine: Engine, short: Callable[..., Short], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two jobs that fit singly are refused together if they do not fit at once."""
    seen, jobs = short(lambda recompute: False), [pair(1, steps=0), pair(2, steps=0)]
    monkeypatch.setattr(stylize_core.engine.memory, "FIXED_BYTES", 0)
    monkeypatch.setattr(engine, "memory", int(1.5 * peak_bytes(jobs[0].settings, 16, 24, "float32", CPU)))
    with pytest.raises(OutOfMemory):
        engine.optimise(jobs)
    assert seen.tried == []
    engine.optimise(jobs[:1])
    assert seen.tried == [False]
