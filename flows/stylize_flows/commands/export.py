"""`stylize export`: a store's images as a data set."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from stylize_core.errors import InputError, StoreError, UsageError
from stylize_core.wording import plural, size
from stylize_flows.console import err, has_bar, out, show_error, tell, words
from stylize_flows.stop import StopFlag
from stylize_flows.voice import PLAIN, Voice, error_fields, speak, write_document

if TYPE_CHECKING:
    from rich.progress import TaskID

    from stylize_core.export.contents import ContentReader
    from stylize_core.export.export import Exported
    from stylize_core.export.shards import ShardSize

EXIT_FAILED = 1

LINE_SECONDS = 10.0
"""Pause between two lines if there is no terminal."""


def export(
    store: Annotated[str, Parameter(help="The store.")],
    /,
    *,
    format: Annotated[
        Literal["imagefolder", "webdataset", "parquet"],
        Parameter(help="imagefolder: split/class/name.png; webdataset: tar shards; parquet: images inside."),
    ],
    output: Annotated[
        str, Parameter(name=["--output", "-o"], help="Folder or fsspec URL: new, empty, or holding the same export.")
    ],
    run: Annotated[
        list[str] | None,
        Parameter(
            help="Names of runs, such as --run A B; all unless given. The newest image of each id is exported.",
            consume_multiple=True,
            negative="",
            show_default=False,
        ),
    ] = None,
    where: Annotated[
        str | None,
        Parameter(
            help='Condition on columns, such as --where "quality_ssim > 0.4 and style_weight < 100".',
            show_default=False,
        ),
    ] = None,
    ids: Annotated[
        str | None,
        Parameter(
            help="File with the ids to export: one per line, or a CSV with column id; lines marked bad are left out.",
            show_default=False,
        ),
    ] = None,
    with_content: Annotated[
        bool,
        Parameter(
            help="Add the content beside each image, at the same size: pairs for image-to-image training.",
            negative="",
        ),
    ] = False,
    annotations: Annotated[
        str | None,
        Parameter(
            help="COCO file of the contents: transfers boxes and masks to the images, as annotations-SPLIT.json.",
            show_default=False,
        ),
    ] = None,
    shard_size: Annotated[
        str | None,
        Parameter(
            help="Size of tar and Parquet files: images, such as 1000, or bytes, such as 500MB; 128MB unless given.",
            show_default=False,
        ),
    ] = None,
    voice: Voice = PLAIN,
) -> int:
    """Write a store's images as a data set, each with its class, split, inputs, settings and your own columns.

    After a stop, run the same command again to continue: the data set has the same bytes.
    """
    speak(voice)
    from stylize_core.export.coco import read_coco
    from stylize_core.export.export import ExportWatch
    from stylize_core.export.export import export as write_export
    from stylize_core.export.selection import Selection, read_ids
    from stylize_core.export.where import Where
    from stylize_core.files.files import Files
    from stylize_core.store.store import open_store

    selection = Selection(
        runs=tuple(run or ()), where=Where(where) if where else None, ids=read_ids(ids) if ids else None
    )
    shards, files, target = _shards(shard_size, format), open_store(store, create=False), Files(output)
    coco = read_coco(annotations) if annotations else None
    with StopFlag() as stop, _Progress() as look:
        try:
            watch = ExportWatch(begun=look.begun, progressed=look.progressed, should_stop=stop)
            reader = _content_reader() if with_content else None
            exported = write_export(files, selection, target, format, shards, watch, read_content=reader, coco=coco)
        except (StoreError, InputError) as error:
            if not look.images:
                raise
            show_error(error)  # the export had begun
            write_document({"error": error_fields(error)})
            return EXIT_FAILED
    _show(exported, target.public_uri, with_content=with_content)
    write_document({"store": files.public_uri, "data_set": target.public_uri, **asdict(exported)})
    return 0


def _content_reader() -> ContentReader:
    from stylize_core.pictures import content_png

    return content_png


def _shards(size: str | None, format: str) -> ShardSize:
    from stylize_core.export.shards import ShardSize

    if size and format == "imagefolder":
        raise UsageError("a class tree has no shards", where="--shard-size", todo="leave it out, or use another format")
    return ShardSize.parse(size) if size else ShardSize()


def _show(exported: Exported, uri: str, *, with_content: bool) -> None:
    splits = words(exported.splits)
    kept = f"; {exported.kept:,} of them were already there" if exported.kept else ""
    classes = f"{exported.classes:,} class{'' if exported.classes == 1 else 'es'}"
    images = f"{plural(exported.images, 'image')} ({size(exported.bytes)})"
    pairs = ", each with its content," if with_content else ""
    out.print(f"{images}{pairs} in {classes}: {splits}{kept}", soft_wrap=True)
    if exported.left_out:
        out.print(f"left out, because they have no image: {words(exported.left_out)}", soft_wrap=True)
    if exported.annotated:
        found = exported.annotated
        are = "is" if found.unknown == 1 else "are"
        unknown = f"; {found.unknown:,} of {plural(found.contents, 'content')} {are} not in the file"
        carried = f"annotations: {found.annotations:,} on {plural(found.images, 'image')}"
        out.print(f"{carried}{unknown if found.unknown else ''}", soft_wrap=True)
    out.print(f"data set: {uri}", soft_wrap=True)


class _Progress:
    """A bar on a terminal; otherwise a plain line now and then.

    Attributes:
        images: number of images; 0 before the export begins to write.
    """

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.images = 0
        self._told = time.monotonic()
        self._task: TaskID | None = None
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=err,
            disable=not has_bar(),
        )

    def __enter__(self) -> _Progress:
        """Shows nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the bar."""
        self._bar.stop()

    def begun(self, images: int) -> None:
        """Starts the bar."""
        self.images = images
        self._bar.start()
        self._task = self._bar.add_task("images", total=images)

    def progressed(self, images: int) -> None:
        """Moves the bar, or writes a line now and then."""
        if self._task is not None:
            self._bar.update(self._task, completed=images)
        if not has_bar() and time.monotonic() - self._told > LINE_SECONDS:
            self._told = time.monotonic()
            tell(f"{images}/{self.images} images", written=images, images=self.images)
