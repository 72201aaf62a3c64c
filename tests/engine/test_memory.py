"""The forecast of memory against the tensors that PyTorch really keeps, and the resulting batches."""

import os
import weakref
from typing import Any

import pytest
import torch
from fixtures.optimisers import OPTIMISERS, RATES
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.memory import anonymous_bytes
from stylize_core.engine.engine import Engine
from stylize_core.engine.losses.style import STYLE_LOSSES
from stylize_core.engine.memory import (
    CHANNELS,
    FIXED_BYTES,
    GPU_BATCH,
    MEMORY_SHARE,
    available_memory,
    fit,
    largest_size,
    peak_bytes,
)
from stylize_core.engine.network import parameter_shapes
from stylize_core.engine.optimisers import OPTIMISERS as KINDS
from stylize_core.engine.pair import Pair
from stylize_core.engine.solver import Solver
from stylize_core.engine.weights import Weights
from stylize_core.layers import LAYERS
from stylize_core.presets import resolve
from stylize_core.settings import Settings

CPU, GPU = torch.device("cpu"), torch.device("cuda")
GIB = 1 << 30
SHAPES = st.tuples(st.integers(16, 4096), st.integers(16, 4096))
BYTES = st.integers(0, 200 * GIB)
MODES = st.tuples(st.sampled_from(["float32", "bfloat16"]), st.sampled_from([CPU, GPU]))


def settings_of(**given: object) -> Settings:
    """The preset `default` with other values."""
    return resolve("default-1", given)


def peak(edge: int, *, jobs: int = 1, recompute: bool = False, **given: object) -> int:
    """The forecast of squares in float32."""
    return peak_bytes(settings_of(**given), edge, edge, "float32", CPU, jobs=jobs, recompute=recompute)


class Alive(TorchDispatchMode):
    """Counts the bytes of the tensors that operations make, as long as something, such as autograd, keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.most, self._sizes = 0, dict[int, int]()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {storage._cdata for storage in _storages((args, kwargs))}  # already counted, or older than this
        result = function(*args, **(kwargs or {}))
        for storage in _storages(result):
            if storage._cdata not in given:
                self._count(storage)
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        place = storage._cdata
        if place not in self._sizes:
            self._sizes[place] = storage.nbytes()
            weakref.finalize(storage, self._sizes.pop, place)
            self.most = max(self.most, sum(self._sizes.values()))


def _storages(tree: Any) -> list[torch.UntypedStorage]:
    return [leaf.untyped_storage() for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"pooling": "average"},
        {"content_layers": "conv1_2", "style_layers": "conv1_1"},
        {"content_layers": "conv2_1", "style_layers": "conv1_1 conv2_1"},
        {"content_layers": "conv1_1 conv1_2 conv2_1 conv2_2 conv3_1", "style_layers": "conv3_3"},
        {"content_layers": "conv3_3", "style_layers": "conv5_1"},
        *({"form": "relative", "style_loss": style_loss} for style_loss in STYLE_LOSSES if style_loss != "gram"),
    ],
    ids=[
        "default",
        "average pooling",
        "block 1",
        "block 2",
        "much content",
        "deep",
        *(name for name in STYLE_LOSSES if name != "gram"),
    ],
)
def test_the_forecast_covers_what_is_alive(given: dict[str, object], precision: str, builtin: Weights) -> None:
    """An evaluation takes at most the forecast without its constant, which is at most 2.5 times as much."""
    settings, edge = settings_of(optimiser="adam", **given), 64
    engine = Engine(builtin, device=CPU, precision=precision)
    image = torch.rand(3, edge, edge, generator=torch.Generator().manual_seed(0))
    pair = Pair(settings=settings, content=image, style=image, style_key="a")
    engine.objective([pair]).evaluate(image[None])  # creates the network and its buffers once
    for recompute in (False, True):
        engine.forget_styles()
        with Alive() as alive:
            engine.objective([pair], recompute=recompute).evaluate(image[None])
        forecast = peak_bytes(settings, edge, edge, precision, CPU, recompute=recompute) - FIXED_BYTES
        assert alive.most <= forecast, f"recompute={recompute}"
        if settings.style_loss != "nn":  # which takes less than its limit for such a small picture
            assert forecast <= 2.5 * alive.most, f"recompute={recompute}"


@OPTIMISERS
def test_the_forecast_counts_the_state_of_an_optimiser(optimiser: str, builtin: Weights) -> None:
    """In three steps of one small image, an optimiser keeps as many more images than Adam as it declares."""
    edge, image = 32, torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    engine, shallow = (
        Engine(builtin, device=CPU, precision="float32"),
        dict.fromkeys(("content_layers", "style_layers"), "conv1_1"),
    )

    def images(name: str) -> float:
        settings = settings_of(optimiser=name, learning_rate=RATES[name], **shallow)
        objective = engine.objective([Pair(settings=settings, content=image[0], style=image[0], style_key="a")])
        objective.evaluate(image)  # creates buffers that are kept
        with Alive() as alive:
            solver = Solver(objective, image, [settings], evaluations=3)
            for _ in range(3):
                solver.advance()
        return alive.most / (3 * 4 * edge * edge)

    beyond = KINDS[optimiser].images - KINDS["adam"].images
    assert images(optimiser) - images("adam") == pytest.approx(beyond, abs=1.5)


def test_channels_are_those_of_the_network() -> None:
    """The number of channels of each layer is that of its convolution's weight."""
    shapes = parameter_shapes()
    assert {layer: next(iter(shapes[layer].values()))[0] for layer in LAYERS} == CHANNELS


def test_deeper_layers_take_more() -> None:
    """The forecast never falls with the depth of the network, and grows from block to block."""
    needs = [peak(64, content_layers="conv1_1", style_layers=layer) for layer in LAYERS]
    assert needs == sorted(needs)
    assert peak(64, style_layers="conv1_1 conv2_1") > peak(64, style_layers="conv1_1")  # another Gram matrix
    assert peak(64, content_layers="conv4_2 conv2_1") > peak(64, content_layers="conv4_2")  # another target


def test_what_else_takes_more() -> None:
    """Float32 takes more than bfloat16, L-BFGS (with its pairs) more than Adam, maxima more than means."""
    plain = peak(256)
    assert peak_bytes(settings_of(), 256, 256, "bfloat16", CPU) < plain
    assert peak(256, optimiser="adam") < plain
    assert peak(256, pooling="average") < plain
    assert peak(256, recompute=True) < plain
    assert peak(256, style_weight=3.0, size=64) == plain  # weights take nothing, and only the shape matters


def test_jobs_add_up() -> None:
    """Every job of a batch adds the same to its constant; so does every pixel, apart from Gram matrices."""
    assert peak(64, jobs=0) == FIXED_BYTES
    assert peak(64, jobs=7) - FIXED_BYTES == 7 * (peak(64) - FIXED_BYTES)
    assert peak(128) - peak(0) == pytest.approx(4 * (peak(64) - peak(0)))


@given(shape=SHAPES, available=BYTES, mode=MODES)
@hypothesis_settings(deadline=None)
def test_batches_fit(shape: tuple[int, int], available: int, mode: tuple[str, torch.device]) -> None:
    """A batch stays within its share of the memory; a job recomputes if and only if it would not fit otherwise."""
    settings, usable = settings_of(), MEMORY_SHARE * available
    found = fit(settings, *shape, *mode, available)
    assert found.jobs >= 1
    assert found.bytes == peak_bytes(settings, *shape, *mode, jobs=found.jobs, recompute=found.recompute)
    assert found.recompute == (peak_bytes(settings, *shape, *mode) > usable)
    assert found.bytes <= usable or (found.jobs == 1 and found.recompute)


@given(shape=SHAPES, available=BYTES)
@hypothesis_settings(deadline=None)
def test_gpu_batches_are_as_large_as_fits(shape: tuple[int, int], available: int) -> None:
    """On a GPU no larger batch fits, unless it has all jobs that pay, or as many numbers as cuDNN counts."""
    found = fit(settings_of(), *shape, "float32", GPU, available)
    more = peak_bytes(settings_of(), *shape, "float32", GPU, jobs=found.jobs + 1)
    is_full = (found.jobs + 1) * 64 * shape[0] * shape[1] >= 2**31
    assert found.jobs == GPU_BATCH or is_full or more > MEMORY_SHARE * available


@pytest.mark.parametrize(
    ("gib", "edge", "jobs"), [(0.05, 512, 1), (8, 4096, 1), (140, 224, GPU_BATCH), (1000, 724, 64), (1000, 728, 63)]
)
def test_gpu_batches_by_size(gib: float, edge: int, jobs: int) -> None:
    """Too little memory, or a large picture, means one job at a time; a large GPU takes as many as pay."""
    assert fit(settings_of(), edge, edge, "float32", GPU, int(gib * GIB)).jobs == jobs


@given(shape=SHAPES)
@hypothesis_settings(deadline=None)
def test_cpu_batches_fill_a_fixed_number_of_pixels(shape: tuple[int, int]) -> None:
    """On a CPU with ample memory a batch has one job, or just as many as fill the cores."""
    jobs, (height, width) = fit(settings_of(), *shape, "float32", CPU, 1000 * GIB).jobs, shape
    assert jobs == max(1, 512 * 512 // (height * width))


@given(
    aspect=st.sampled_from([(1, 1), (2, 1), (1, 4)]), size=st.integers(16, 512), room=st.integers(FIXED_BYTES, 8 * GIB)
)
@hypothesis_settings(deadline=None)
def test_the_largest_size_fits(aspect: tuple[int, int], size: int, room: int) -> None:
    """A job of the suggested size fits, and the next size, 8 px longer, does not; the smallest size is 16."""

    def shape(long: int) -> tuple[int, int]:
        return long * aspect[0] // max(aspect), long * aspect[1] // max(aspect)

    def needed(long: int) -> int:
        return peak_bytes(settings_of(), *shape(long), "float32", CPU, recompute=True)

    edge = 16 * size
    found = largest_size(settings_of(), *shape(edge), "float32", CPU, room)
    assert found % 8 == 0
    assert 16 <= found <= edge
    assert needed(found) <= room or found == 16
    assert needed(found + 8) > room or found == edge


def test_recomputing_brings_2048_px_into_8_gb() -> None:
    """The purpose of recomputing: with it one job of 2048 px fits into 8 GB on a GPU, in float32."""
    assert peak_bytes(settings_of(), 2048, 2048, "float32", GPU) > 8e9
    assert peak_bytes(settings_of(), 2048, 2048, "float32", GPU, recompute=True) < 8e9


def test_memory_of_this_machine() -> None:
    """This machine has some free memory, and not more than its total."""
    assert 2**20 < available_memory(CPU) <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_memory_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU's memory is what is free, plus what torch holds without a tensor in it."""
    sizes = {"mem_get_info": (5, 100), "memory_reserved": 30, "memory_allocated": 10}
    for name, value in sizes.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert available_memory(GPU) == 5 + 30 - 10


def test_new_sizes_take_no_more_memory(engine: Engine) -> None:
    """After a batch its memory returns to the system: memory for new sizes does not add up."""

    def optimise(edge: int) -> int:
        settings = settings_of(size=edge, steps=1)
        image = torch.rand(3, edge, edge)
        engine.optimise([Pair(settings=settings, content=image, style=image, style_key=str(edge))])
        engine.forget_styles()
        return anonymous_bytes()

    first = optimise(224)
    assert max(optimise(edge) for edge in (176, 208, 240)) < first + 40e6  # otherwise 130 MB more
