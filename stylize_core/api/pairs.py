"""Pairs of pictures in; stylised pictures with their losses out. Nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from stylize_core.api.pictures import HeldPictures, PictureLike
from stylize_core.chunk.chunk import batches, optimise
from stylize_core.chunk.context import DeviceContext
from stylize_core.chunk.outcomes import Finished, metrics
from stylize_core.engine.engine import Engine
from stylize_core.errors import SettingError, StylizeError
from stylize_core.images.encode import to_pillow
from stylize_core.job import Job
from stylize_core.manifest.problems import did_you_mean
from stylize_core.manifest.raw_row import RawRow
from stylize_core.manifest.row import Row, validate_row
from stylize_core.plan.jobs import JobMaker
from stylize_core.settings import SETTING_FIELDS, Settings
from stylize_core.store.records import QUALITY

if TYPE_CHECKING:
    import pandas as pd

SettingValue = str | int | float
"""A value as in a manifest's cell: `512`, `0.5`, `"content"`, `"conv1_1=0.2 conv2_1=0.8"`."""

_INPUTS = ("content", "style", "init")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stylised:
    """A stylised picture and how it was made.

    Attributes:
        image: RGB; with `alpha="keep"` and a transparent content RGBA.
        losses: a line per step from 0, the index: total, content, style, tv and each layer, unweighted except
            the total; size_px, the long edge in pixels; seconds since the batch began.
        final: the losses of the image itself, by name.
        quality: figures of the image that are comparable across settings, see docs/quality.md; None if unknown.
        snapshots: intermediate images by step, if `snapshot_every` is set.
        settings: all settings, as used.
        job_id: the id of the same pair in a store, if its pictures are files.
    """

    image: Image.Image
    losses: pd.DataFrame
    final: dict[str, float]
    quality: dict[str, float | None]
    snapshots: dict[int, Image.Image]
    settings: Settings
    job_id: str


def stylize(
    content: PictureLike,
    style: PictureLike,
    *,
    init: PictureLike | None = None,
    preset: str = "default",
    weights: str = "imagenet",
    device: str = "auto",
    precision: str = "auto",
    **settings: SettingValue,
) -> Stylised:
    """Paints a content image in the style of another image.

    Args:
        content: a path or URL, a Pillow image, or an sRGB array (H, W[, 3 or 4]), uint8 or float in [0, 1].
        style: the same.
        init: the start image, with `start="image"`.
        preset: where settings come from that are not given.
        weights: of the network: `imagenet`, `builtin` or a file.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, float32 or bfloat16.
        settings: such as `size=256, steps=100`; see the manifest's columns.

    Raises:
        SettingError: there is no such setting, or it cannot have its value.
        InputError: a picture cannot be used.
        WeightsError: the weights cannot be used.
        UsageError: there is no such device or precision.
        EngineError: the picture does not fit into memory, or the optimisation diverged.
    """
    row = _row(preset, settings, has_init=init is not None)
    pictures = (content, style) if init is None else (content, style, init)
    (end,) = _stylise(row, [pictures], Engine.load(weights, device, precision))
    if isinstance(end, StylizeError):
        raise end
    return end


def stylize_pairs(
    pairs: Iterable[tuple[PictureLike, PictureLike]],
    *,
    preset: str = "default",
    weights: str = "imagenet",
    device: str = "auto",
    precision: str = "auto",
    **settings: SettingValue,
) -> list[Stylised | StylizeError]:
    """Paints content images in styles, as many at once as fit into the device's memory.

    All pairs stay in memory from beginning to end: for thousands, use `run_manifest`.

    Args:
        pairs: each a content and a style, as for `stylize`.
        preset: where settings come from that are not given.
        weights: of the network: `imagenet`, `builtin` or a file.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, float32 or bfloat16.
        settings: of all pairs, such as `size=256, steps=100`.

    Returns:
        For each pair, in order, its result or its error: a pair that fails does not affect the others.

    Raises:
        SettingError: there is no such setting, or it cannot have its value.
        WeightsError: the weights cannot be used.
        UsageError: there is no such device or precision.
        DeviceLost: nothing more can be computed in this process.
    """
    row = _row(preset, settings, has_init=False)
    return _stylise(row, list(pairs), Engine.load(weights, device, precision))


def _row(preset: str, settings: dict[str, SettingValue], *, has_init: bool) -> Row:
    """Returns a manifest's row whose inputs have the names of the arguments."""
    known = [spec.name for spec in SETTING_FIELDS]
    for name in settings.keys() - set(known):
        what = f"there is no such setting{did_you_mean(name, known)}"
        raise SettingError(what, where=name, todo=f"use {', '.join(known)}")
    inputs = {name: name for name in (_INPUTS if has_init else _INPUTS[:2])}
    cells = {**inputs, "preset": preset, **{name: str(value) for name, value in settings.items()}}
    row, problems = validate_row(RawRow(row=1, line=1, cells=cells))
    if row is None:
        first, *_ = problems
        raise SettingError("; ".join(problem.detail for problem in problems), where=first.column)
    return row


def _stylise(row: Row, asked: Sequence[tuple[PictureLike, ...]], engine: Engine) -> list[Stylised | StylizeError]:
    pictures, maker, context = HeldPictures(), JobMaker(engine.weights, engine.precision), DeviceContext(engine=engine)
    ends: dict[int, Stylised | StylizeError] = {}
    groups: dict[tuple[int, int], list[tuple[int, Job]]] = defaultdict(list)
    for number, given in enumerate(asked):
        place = f" of pair {number + 1}" if len(asked) > 1 else ""
        try:
            named = zip(_INPUTS, given, strict=False)
            job = maker.job(row, {name: pictures.hold(picture, f"{name}{place}") for name, picture in named})
            groups[job.height, job.width].append((number, job))
        except StylizeError as error:
            ends[number] = error
    for group in groups.values():
        parts = batches([job for _, job in group], context)
        finished = (one for part in parts for one in optimise([pictures.load(job) for job in part], context))
        ends |= {number: _end(one) for (number, _), one in zip(group, finished, strict=True)}
    return [ends[number] for number in range(len(asked))]


def _end(finished: Finished) -> Stylised | StylizeError:
    made, job = finished.result, finished.job
    if isinstance(made, StylizeError):
        return made
    if finished.error:
        return finished.error
    table = metrics(job, made).drop_columns(["job_id"]).to_pandas()
    return Stylised(
        image=to_pillow(made.image, finished.alpha),
        losses=table.dropna(axis="columns", how="all").set_index("step"),
        final=dict(zip(made.columns, made.final.tolist(), strict=True)),
        quality={figure: getattr(made.quality, figure) for figure in QUALITY},
        snapshots={step: to_pillow(image, None) for step, image in made.snapshots.items()},
        settings=job.settings,
        job_id=job.job_id,
    )
