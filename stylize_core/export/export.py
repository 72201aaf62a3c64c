"""An export from the outside: images of a store and all that made them, into a folder."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from stylize_core.errors import Stopped, UsageError
from stylize_core.export.card import card
from stylize_core.export.catalogue import Catalogue, Sample
from stylize_core.export.croissant import croissant
from stylize_core.export.formats import Format, FormatName, make_format
from stylize_core.export.gathering import gather
from stylize_core.export.image_reader import ImageReader
from stylize_core.export.index import ExportIndex
from stylize_core.export.selection import Selection
from stylize_core.export.shards import ShardSize, cut
from stylize_core.export.tally import Tally
from stylize_core.files.files import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What became of an export.

    Attributes:
        images: number of images in it.
        bytes: of these images.
        splits: images by split.
        classes: number of classes.
        left_out: rows without an image, by status.
        kept: images that an earlier try had written.
    """

    images: int
    bytes: int
    splits: Mapping[str, int]
    classes: int
    left_out: Mapping[str, int]
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWatch:
    """How an export is watched and stopped.

    Attributes:
        begun: called once with the number of images, when all that can be refused was looked at.
        progressed: called with the number of images that are written, or were before.
        should_stop: asked before each image.
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
) -> Exported:
    """Exports the selected rows that have an image; what an earlier try has finished is kept.

    The same samples give the same bytes, however often the export was stopped: nothing in it depends on times, on
    names of runs or on the folder.

    Args:
        files: the store.
        selection: of which runs and rows.
        output: the folder; new, empty, or with the same export in it.
        format: of the export.
        size: of the shards; a class tree has none.
        watch: sees how it goes, and may stop it.

    Raises:
        UsageError: there is no such run, no image, or the folder holds other things.
        StoreError: the store or the folder cannot be used, or an image is damaged.
        Stopped: the watch asked for it; the same call goes on from there.
    """
    watch, tally = watch or ExportWatch(), Tally()
    catalogue = Catalogue(gather(files, selection, tally.left_out, dots=format != "webdataset"), tally)
    if not tally.images:
        what = "no image of the store is selected" if selection.is_narrow else "the store has no image to export"
        todo = "`stylize status STORE` tells what became of its rows"
        if selection.is_narrow:
            todo = f"select others with --where, --ids or --run; {todo}"
        raise UsageError(what, where=files.public_uri, todo=todo)
    writing = make_format(format, output, catalogue, size)
    index = ExportIndex(output, {"format": format, "shard_size": asdict(writing.size), "samples": catalogue.digest()})
    watch.begun(tally.images)
    with ImageReader(files) as pictures:
        shards, kept = _publish_shards(catalogue, writing, index, pictures, watch)
    writing.finish()
    lines = [index.line(shard) for shard in shards]
    output.publish("README.md", card(catalogue, format, Counter(line["split"] for line in lines)).encode())
    output.publish("croissant.json", croissant(catalogue, format, lines).encode())
    index.complete(shards)
    return Exported(
        images=tally.images,
        bytes=tally.bytes,
        splits={split: tally.by_split[split] for split in catalogue.splits},
        classes=len(catalogue.folders),
        left_out=dict(tally.left_out),
        kept=kept,
    )


def _publish_shards(
    catalogue: Catalogue, writing: Format, index: ExportIndex, pictures: ImageReader, watch: ExportWatch
) -> tuple[list[str], int]:
    """Writes the shards that are not there; returns the names of all, and the number of images that were there."""
    names, done, kept = list[str](), 0, 0
    for split in catalogue.splits:
        for shard in cut(split, catalogue.samples(split), writing.size):
            names.append(shard.name)
            facts, count = index.line(shard.name), len(shard.samples)
            if facts and index.holds(writing.files(shard, facts)):
                kept += count
            else:
                facts = writing.publish(shard, _watched(pictures.read(shard.samples), done, watch))
                index.add({"shard": shard.name, "split": split, "images": count, **facts})
            done += count
            watch.progressed(done)
    return names, kept


def _watched(pairs: Iterable[tuple[Sample, bytes]], done: int, watch: ExportWatch) -> Iterator[tuple[Sample, bytes]]:
    for number, pair in enumerate(pairs, done):
        if watch.should_stop():
            raise Stopped("the export was stopped")
        watch.progressed(number)
        yield pair
