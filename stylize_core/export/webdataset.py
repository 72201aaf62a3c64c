"""WebDataset: tar files with each sample's image, its columns (.json) and the number of its class (.cls).

An exported content is a member too (.content.png). Unpacked into one folder, the files are a class tree.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator

from stylize_core.export.one_file import OneFile
from stylize_core.export.sample import FullSample
from stylize_core.export.tables import publish_columns

COLUMNS = "columns.parquet"


class WebDataset(OneFile):
    """Writes tar files, and beside them a table of all columns, for looking into without opening the tar files."""

    suffix = ".tar"

    def build(self, pictures: Iterable[FullSample]) -> bytes:
        """Returns a tar file without times, users and permissions."""
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as tar:
            for full in pictures:
                for path, member in _members(full):
                    entry = tarfile.TarInfo(path)  # mode 0644, time 0, user and group 0
                    entry.size = len(member)
                    tar.addfile(entry, io.BytesIO(member))
        return file.getvalue()

    def finish(self) -> None:
        """Writes the table of all columns."""
        samples = (sample for split in self.catalogue.splits for sample in self.catalogue.samples(split))
        publish_columns(self.output, COLUMNS, samples, self.catalogue.schema)


def _members(full: FullSample) -> Iterator[tuple[str, bytes]]:
    key, columns = full.sample.key, full.sample.columns
    yield from full.files.items()
    yield f"{key}.json", json.dumps(columns, allow_nan=False).encode()
    yield f"{key}.cls", str(columns["label"]).encode()
