"""All samples of an export with their final names, in the manifest's order, held in temporary files."""

import hashlib
import json
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from stylize_core.export.columns import columns_of, columns_schema
from stylize_core.export.gathering import GATHERED, Line, suffix_of
from stylize_core.export.naming import (
    Place,
    Stages,
    class_folders,
    stage_digests,
    stage_name,
    unique_stages,
)
from stylize_core.export.sample import CONTENT_SUFFIX, Content, Sample
from stylize_core.export.tally import Tally
from stylize_core.spool import TableSpool

_FIRST = ("train", "val", "test")


class Catalogue:
    """The samples of an export; can be iterated repeatedly, and holds only a few numbers per sample in memory.

    Args:
        batches: lines with schema `GATHERED`.
        tally: counts them.
        is_paired: whether the contents are exported too.

    Attributes:
        splits: train, val and test first.
        folders: folder of each class, by class name; sorted by folder, which is also the order of the class numbers.
        schema: of the samples' columns.
        tally: counts of the samples.
        is_paired: whether the contents are exported too.

    Raises:
        UsageError: there is no space for temporary files.
    """

    def __init__(self, batches: Iterable[list[Line]], tally: Tally, *, is_paired: bool = False) -> None:
        self._spools: dict[str, TableSpool] = {}
        digests: dict[str, list[Stages]] = {}
        for batch in batches:
            for split in sorted({line["split"] for line in batch}):
                lines = [line for line in batch if line["split"] == split]
                spool = self._spools.setdefault(split, TableSpool(GATHERED))
                spool.add(pa.RecordBatch.from_pylist(lines, schema=GATHERED))
                digests.setdefault(split, []).append(_digests(lines))
                tally.add(lines)
        self._stages = {split: unique_stages(np.concatenate(parts)) for split, parts in digests.items()}
        self.tally, self.is_paired = tally, is_paired
        self.splits = tuple(sorted(self._spools, key=lambda split: ((*_FIRST, split).index(split), split)))
        folders = class_folders(sorted(tally.classes))
        self.folders = dict(sorted(folders.items(), key=lambda item: item[1]))
        self.schema = columns_schema(tally.extra, is_paired=is_paired)

    def samples(self, split: str) -> Iterator[Sample]:
        """Yields the samples of a split, in the manifest's order."""
        labels, start = {name: number for number, name in enumerate(self.folders)}, 0
        for batch in self._spools[split]:
            stages = self._stages[split][start : start + batch.num_rows].tolist()
            start += batch.num_rows
            for line, stage in zip(batch.to_pylist(), stages, strict=True):
                yield self._sample(line, stage, labels[line["class"]])

    def digest(self) -> str:
        """Returns a digest of an export's contents: 64 hex digits, the same for the same samples."""
        digest = hashlib.sha256()
        for split in self.splits:
            for sample in self.samples(split):
                digest.update(f"{json.dumps(sample.columns)}\n".encode())
        return digest.hexdigest()

    def _sample(self, line: Line, stage: int, label: int) -> Sample:
        name = stage_name(line["name"], line["job_id"], line["row"], stage)
        key, suffix = f"{line['split']}/{self.folders[line['class']]}/{name}", suffix_of(line["image"])
        paths = {"path": f"{key}{suffix}", "content_path": f"{key}{CONTENT_SUFFIX}"}
        columns = columns_of(line | paths, label, self.schema)
        return Sample(
            split=line["split"],
            key=key,
            suffix=suffix,
            image=line["image"],
            sha256=line["image_sha256"],
            bytes=line["bytes"],
            columns=columns,
            content=Content(
                uri=line["content_uri"],
                sha256=columns["content_sha256"],
                height=columns["height"],
                width=columns["width"],
                fit=columns["fit"],
            ),
            is_paired=self.is_paired,
        )


def _digests(lines: list[Line]) -> Stages:
    rows = [
        stage_digests(Place(line["class"], line["split"]), line["name"], line["job_id"], line["row"]) for line in lines
    ]
    return np.array(rows, np.uint64)
