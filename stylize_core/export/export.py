"""Exports a store's images, with their inputs and settings, into a folder."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass

from stylize_core.errors import Stopped, UsageError
from stylize_core.export.annotations import Annotated, Annotations
from stylize_core.export.card import card
from stylize_core.export.catalogue import Catalogue
from stylize_core.export.coco import Coco
from stylize_core.export.contents import ContentReader, Contents
from stylize_core.export.croissant import croissant
from stylize_core.export.formats import Format, FormatName, make_format
from stylize_core.export.gathering import gather
from stylize_core.export.image_reader import ImageReader
from stylize_core.export.index import ExportIndex, ShardLine
from stylize_core.export.sample import FullSample
from stylize_core.export.selection import Selection
from stylize_core.export.shards import Shard, ShardSize, cut
from stylize_core.export.tally import Tally
from stylize_core.files.files import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The outcome of an export.

    Attributes:
        images: number of images in it.
        bytes: total size of these images.
        splits: number of images by split.
        classes: number of classes.
        left_out: number of rows without an image, by status.
        kept: number of images that an earlier attempt had written.
        annotated: counts of annotations; None if there were none.
    """

    images: int
    bytes: int
    splits: Mapping[str, int]
    classes: int
    left_out: Mapping[str, int]
    kept: int
    annotated: Annotated | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWatch:
    """Callbacks that follow and stop an export.

    Attributes:
        begun: called once with the number of images, after all checks and before the first image is written.
        progressed: called with the number of images written so far, including those of earlier attempts.
        should_stop: called before each image.
    """

    begun: Callable[[int], None] = lambda images: None
    progressed: Callable[[int], None] = lambda images: None
    should_stop: Callable[[], bool] = lambda: False


def export(
    files: Files,
    selection: Selection,
    output: Files,
    format: FormatName,
    size: ShardSize,
    watch: ExportWatch | None = None,
    *,
    read_content: ContentReader | None = None,
    coco: Coco | None = None,
) -> Exported:
    """Exports the selected rows that have an image, and keeps the shards that an earlier attempt finished.

    The same samples give the same bytes, however often the export was stopped: nothing in it depends on times, on
    names of runs or on the folder.

    Args:
        files: the store.
        selection: of runs and rows.
        output: the folder; new, empty, or with the same export in it.
        format: of the export.
        size: of the shards; a class tree has none.
        watch: follows the export and may stop it.
        read_content: reads the content to put beside each image, at the image's size; None for no contents.
        coco: annotations of the contents, to transfer to the images.

    Raises:
        UsageError: there is no such run, no image, the folder holds other things, or annotations do not fit.
        InputError: a content is missing (raised before anything is written), has changed, or cannot be used.
        StoreError: the store or the folder cannot be used, or an image is damaged.
        Stopped: the watch asked for it; the same call continues the export.
    """
    watch, tally, is_paired = watch or ExportWatch(), Tally(), read_content is not None
    dots = format != "webdataset" and not is_paired  # what follows a dot distinguishes an image from its content
    catalogue = Catalogue(gather(files, selection, tally.left_out, dots=dots), tally, is_paired=is_paired)
    if not tally.images:
        raise _no_image(files, selection)
    annotations = Annotations(coco, catalogue) if coco else None
    writing = make_format(format, output, catalogue, size)
    identity = {"format": format, "shard_size": asdict(writing.size), "samples": catalogue.digest()}
    index = ExportIndex(output, identity | {"with_content": is_paired})
    with Contents(read_content) if read_content else nullcontext() as contents, ImageReader(files, contents) as reader:
        if contents:
            to_write = (shard for shard, is_there in _shards(catalogue, writing, index) if not is_there)
            contents.check((sample for shard in to_write for sample in shard.samples), watch.should_stop)
        index.begin()
        watch.begun(tally.images)
        shards, kept = _publish_shards(catalogue, writing, index, reader, watch)
    writing.finish()
    _publish_beside(catalogue, format, [index.line(shard) for shard in shards], annotations, output)
    index.complete(shards)
    return Exported(
        images=tally.images,
        bytes=tally.bytes,
        splits={split: tally.by_split[split] for split in catalogue.splits},
        classes=len(catalogue.folders),
        left_out=dict(tally.left_out),
        kept=kept,
        annotated=annotations.counts if annotations else None,
    )


def _no_image(files: Files, selection: Selection) -> UsageError:
    todo = "see the outcome of its rows with `stylize status STORE`"
    if not selection.is_narrow:
        return UsageError("the store has no image to export", where=files.public_uri, todo=todo)
    todo = f"select others with --where, --ids or --run; {todo}"
    return UsageError("no image of the store is selected", where=files.public_uri, todo=todo)


def _publish_beside(
    catalogue: Catalogue, format: FormatName, lines: Sequence[ShardLine], annotations: Annotations | None, output: Files
) -> None:
    """Writes the annotations, the card and the machine-readable description."""
    if annotations:
        annotations.publish(output)
    shards = Counter(line["split"] for line in lines)
    text = card(catalogue, format, shards, annotations.counts if annotations else None)
    output.publish("README.md", text.encode())
    output.publish("croissant.json", croissant(catalogue, format, lines).encode())


def _publish_shards(
    catalogue: Catalogue, writing: Format, index: ExportIndex, reader: ImageReader, watch: ExportWatch
) -> tuple[list[str], int]:
    """Writes the missing shards; returns the names of all, and the number of images in those that were there."""
    names, done, kept = list[str](), 0, 0
    for shard, is_there in _shards(catalogue, writing, index):
        names.append(shard.name)
        count = len(shard.samples)
        if is_there:
            kept += count
        else:
            facts = writing.publish(shard, _watched(reader.read(shard.samples), done, watch))
            index.add({"shard": shard.name, "split": shard.split, "images": count, **facts})
        done += count
        watch.progressed(done)
    return names, kept


def _shards(catalogue: Catalogue, writing: Format, index: ExportIndex) -> Iterator[tuple[Shard, bool]]:
    """Yields all shards, each with whether an earlier attempt has written it."""
    for split in catalogue.splits:
        for shard in cut(split, catalogue.samples(split), writing.size):
            facts = index.line(shard.name)
            yield shard, bool(facts) and writing.is_there(shard, facts, index.sizes)


def _watched(samples: Iterable[FullSample], done: int, watch: ExportWatch) -> Iterator[FullSample]:
    for number, sample in enumerate(samples, done):
        if watch.should_stop():
            raise Stopped("the export was stopped")
        watch.progressed(number)
        yield sample
