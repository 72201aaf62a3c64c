"""An engine: one device with a loaded network, ready for batches of jobs of one group."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from traceback import clear_frames

import torch
from torch import Tensor

from stylize_core.engine.device import (
    DTYPES,
    give_back_freed_memory,
    is_lost,
    keep_freed_memory,
    out_of_memory_as,
    resolve_device,
    resolve_precision,
)
from stylize_core.engine.losses import TERMS
from stylize_core.engine.memory import MEMORY_SHARE, Fit, available_memory, fit, largest_size, peak_bytes
from stylize_core.engine.network import Vgg19
from stylize_core.engine.objective import Objective, Targets, joined, targets
from stylize_core.engine.optimise import Leg, OnStep, Optimised, optimise
from stylize_core.engine.pair import Pair
from stylize_core.engine.quality import QualityMetrics
from stylize_core.engine.scales import stages
from stylize_core.engine.starts import start_image
from stylize_core.engine.weights import Weights, load_weights
from stylize_core.errors import DeviceLost, OutOfMemory, StylizeError
from stylize_core.settings import Settings


class Engine:
    """Optimises batches on one device.

    Args:
        weights: of the network.
        device: where to compute.
        precision: `float32` or `bfloat16`, of the network's arithmetic.

    Attributes:
        memory: bytes available on the device when the engine was made.
    """

    def __init__(self, weights: Weights, *, device: torch.device, precision: str) -> None:
        self.weights, self.device, self.precision = weights, device, precision
        self.memory = available_memory(device)
        if device.type == "cpu":
            keep_freed_memory()
        self._networks: dict[tuple[str, tuple[str, ...]], Vgg19] = {}
        self._style_targets: dict[object, Targets] = {}
        self._judge = QualityMetrics(weights, device)

    @classmethod
    def load(cls, weights: str, device: str, precision: str) -> "Engine":
        """Returns the engine for the names in a run's options; downloads weights if necessary.

        Raises:
            UsageError: there is no such device or precision.
            WeightsError: the weights cannot be used.
        """
        resolved = resolve_device(device)
        arithmetic = resolve_precision(precision, resolved)
        return cls(load_weights(weights, progress=True), device=resolved, precision=arithmetic)

    def network(self, settings: Settings) -> Vgg19:
        """Returns the network, cut and pooled according to the settings; it is made once."""
        layers = settings.layers_in_use
        key = (settings.pooling, layers)
        if key not in self._networks:
            self._networks[key] = Vgg19(
                self.weights.tensors,
                layers=layers,
                pooling=settings.pooling,
                device=self.device,
                dtype=DTYPES[self.precision],
            )
        return self._networks[key]

    def fit(self, settings: Settings, height: int, width: int) -> Fit:
        """Returns how many jobs of a group fit into a batch here; see `memory.fit`."""
        return fit(settings, height, width, self.precision, self.device, self.memory)

    def objective(self, pairs: Sequence[Pair], *, recompute: bool = False) -> Objective:
        """Returns the objective of a batch; computes the targets that are not cached."""
        settings = [pair.settings for pair in pairs]
        network = self.network(settings[0])
        content = targets(network, self._batch([pair.content for pair in pairs]), settings[0], "content")
        style = joined([self._style(pair) for pair in pairs])
        return Objective(network, content | style, settings, device=self.device, recompute=recompute)

    def optimise(
        self,
        pairs: Sequence[Pair],
        *,
        on_step: OnStep = lambda step, totals: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> list[Optimised]:
        """Optimises jobs of one group together, and judges the quality of the results; see `optimise.optimise`.

        A single job that does not fit is retried with `recompute`.

        Raises:
            OutOfMemory: the batch does not fit; the error names a size at which one job would fit.
            DeviceLost: this process can no longer use the device.
            Stopped: `should_stop` returned True. Its own exceptions pass through; no error holds tensors.
        """
        toned = [pair.toned() for pair in pairs]
        recompute = self.fit(pairs[0].settings, *pairs[0].content.shape[1:]).recompute
        if self.device.type == "cpu" and self._peak_bytes(pairs, recompute=recompute) > self.memory:
            raise self._too_large(pairs[0])  # Linux kills a process rather than refuse it memory
        try:
            return self._finished(pairs, self._attempt(toned, recompute, on_step, should_stop))
        except OutOfMemory:
            if recompute or len(pairs) > 1:
                raise
        finally:
            if self.device.type == "cpu":
                give_back_freed_memory()
        return self._finished(pairs, self._attempt(toned, True, on_step, should_stop))

    def _attempt(
        self, pairs: Sequence[Pair], recompute: bool, on_step: OnStep, should_stop: Callable[[], bool]
    ) -> list[Optimised]:
        try:
            with out_of_memory_as(self._too_large(pairs[0])):
                return optimise(
                    *self._way(pairs, recompute=recompute),
                    [pair.settings for pair in pairs],
                    on_step=on_step,
                    should_stop=should_stop,
                )
        except StylizeError as problem:
            _release(problem)
            raise
        except Exception as problem:
            _release(problem)
            if is_lost(self.device):
                reason = str(problem).partition("\n")[0]
                raise DeviceLost(f"the device stopped working: {reason}", where=str(self.device)) from problem
            raise

    def _way(self, pairs: Sequence[Pair], *, recompute: bool) -> tuple[list[Leg], Tensor]:
        """Returns the legs of a batch, each with its objective at that size, and the start of the first one."""
        settings, (height, width) = pairs[0].settings, pairs[0].content.shape[1:]
        way = stages(height, width, settings.scales, settings.steps)
        sized = [[pair.at(stage.height, stage.width) for pair in pairs] for stage in way]
        legs = [
            Leg(stage, partial(self.objective, some, recompute=recompute))
            for stage, some in zip(way, sized, strict=True)
        ]
        return legs, self._batch([start_image(pair.settings, pair.content, pair.init) for pair in sized[0]])

    def _finished(self, pairs: Sequence[Pair], results: list[Optimised]) -> list[Optimised]:
        """Returns the results in final colours with their quality; here, because no other thread may use the device."""
        return [self._coloured_and_judged(pair, result) for pair, result in zip(pairs, results, strict=True)]

    def _coloured_and_judged(self, pair: Pair, result: Optimised) -> Optimised:
        image = pair.coloured(result.image)
        return replace(
            result,
            image=image,
            snapshots={step: pair.coloured(snapshot) for step, snapshot in result.snapshots.items()},
            quality=self._judge.judge(image, pair.content, pair.style, pair.style_key),
        )

    def _peak_bytes(self, pairs: Sequence[Pair], *, recompute: bool) -> int:
        settings, (height, width) = pairs[0].settings, pairs[0].content.shape[1:]
        room = (settings, height, width, self.precision, self.device)
        return peak_bytes(*room, jobs=len(pairs), recompute=recompute)

    def _too_large(self, pair: Pair) -> OutOfMemory:
        height, width = pair.content.shape[1:]
        # If the forecast says that it fits, it takes more than forecast, and so will others.
        room = int(MEMORY_SHARE * min(self.memory, self._peak_bytes([pair], recompute=True)))
        size = largest_size(pair.settings, height, width, self.precision, self.device, room)
        return OutOfMemory(
            f"a job of {width} x {height} px does not fit into the device's memory", todo=f"use size {size} or less"
        )

    def forget_styles(self) -> None:
        """Drops cached data of styles; call it between chunks, so that a long run's memory stays constant."""
        self._style_targets.clear()
        self._judge.forget_styles()

    def forget_networks(self) -> None:
        """Frees the memory of networks made so far; call it when other processes compute from now on."""
        self._networks.clear()
        self._style_targets.clear()
        if self.device.type == "cpu":
            give_back_freed_memory()

    def _batch(self, images: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(images)).to(self.device)

    def _style(self, pair: Pair) -> Targets:
        settings = pair.settings
        is_seeded = any(TERMS[name].is_seeded(settings) for name in settings.layered_terms)
        key = (pair.style_key, tuple(pair.style.shape), settings.graph, settings.seed if is_seeded else None)
        if key not in self._style_targets:
            self._style_targets[key] = targets(self.network(settings), self._batch([pair.style]), settings, "style")
        return self._style_targets[key]


def _release(problem: BaseException | None) -> None:
    """Releases what an error's traceback holds: all tensors of a failed attempt."""
    while problem is not None:
        clear_frames(problem.__traceback__)
        problem = problem.__context__
