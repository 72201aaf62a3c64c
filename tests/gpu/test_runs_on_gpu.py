"""Whole runs on a GPU: memory taken by others, a lost device, many jobs one after the other."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from stylize_core.chunk.chunk import run_chunk
from stylize_core.chunk.context import Progress
from stylize_core.engine.engine import Engine
from stylize_core.engine.pair import Pair
from stylize_core.engine.weights import Weights
from stylize_core.options import Options
from stylize_core.presets import resolve
from stylize_core.run.run import open_run

GIB = 1 << 30


def run(manifest: str, store: Path, device: torch.device, **others: Any) -> dict[str, int]:
    """Runs a manifest in the loop; returns the rows by status."""
    options = Options(manifest=manifest, store=str(store), weights="builtin", device=str(device))
    with open_run(options, **others) as one:
        one.prepare()
        for chunk in one.chunks:
            run_chunk(chunk, one.context)
        one.finish()
        return dict(one.outcome)


def test_a_batch_that_does_not_fit_is_halved(manifests: Any, tmp_path: Path, gpu: torch.device) -> None:
    """If others take memory after the plan, no job fails: batches are halved until they fit."""
    manifest = manifests.write(manifests.rows(24, size="512", steps="3"))
    taken: list[torch.Tensor] = []

    def take(progress: Progress) -> None:
        if not taken:
            free = torch.cuda.mem_get_info(gpu)[0]
            taken.append(torch.empty(max(0, free - 2 * GIB), dtype=torch.uint8, device=gpu))

    assert run(manifest, tmp_path / "store", gpu, on_progress=take)["done"] == 24


def test_a_sticky_error_ends_as_device_lost(tmp_path: Path, gpu: torch.device) -> None:
    """An error that breaks the GPU for the process is named as such, in a separate process, which it ends."""
    program = """if True:
        import torch
        from stylize_core.engine.engine import Engine
        from stylize_core.engine.objective import Objective
        from stylize_core.engine.pair import Pair
        from stylize_core.errors import DeviceLost
        from stylize_core.presets import resolve

        def broken(self, image):
            return image[torch.tensor([99], device=image.device)]

        engine = Engine.load("builtin", "cuda", "float32")
        image = torch.rand(3, 32, 32)
        Objective.__call__ = broken
        try:
            engine.optimise([Pair(settings=resolve("default", {"steps": 2}), content=image, style=image, style_key="")])
        except DeviceLost as error:
            print(error.code)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["device_lost"], done.stderr


def test_memory_stays_flat(builtin: Weights, gpu: torch.device) -> None:
    """Three hundred jobs of three sizes: after the first of each, memory does not grow."""
    engine = Engine(builtin, device=gpu, precision="bfloat16")
    held = []
    for number in range(300):
        edge = (64, 96, 128)[number % 3]
        settings = resolve("default", {"size": edge, "steps": 6, "seed": number})
        image = torch.rand(3, edge, edge)
        engine.optimise([Pair(settings=settings, content=image, style=image.flip(1), style_key=str(number))])
        engine.forget_styles()
        torch.cuda.synchronize(gpu)
        held.append(torch.cuda.memory_allocated(gpu))
    assert max(held[150:]) <= max(held[3:150])


def test_a_manifest_of_many_rows(manifests: Any, tmp_path: Path, device: torch.device) -> None:
    """Sixty-four rows from manifest to published images, skipped the second time: laws 1 and 2."""
    manifest = manifests.write(manifests.rows(64, size="64", steps="3"))
    assert run(manifest, tmp_path / "store", device)["done"] == 64
    assert run(manifest, tmp_path / "store", device)["skipped"] == 64
