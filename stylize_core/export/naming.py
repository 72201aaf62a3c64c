"""What a sample is called and where it belongs: class, split, and a name that no other sample of them has."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from stylize_core.manifest.find_images import SPLITS
from stylize_core.wording import file_name

_LONGEST = 150
"""Bytes of a name, and of a class; leaves room for what makes it unique, and for the ending."""

_LONGEST_SPLIT = 60
"""Bytes of a split: it is part of many names, those that `datasets` makes among them."""

_STAGES = 3

Stages = npt.NDArray[np.uint64]
"""(n, 3) digests of names: as wished; with digits of the job's id; with all that tells samples apart."""


class Place(NamedTuple):
    """Where a sample belongs.

    Attributes:
        class_name: as the manifest or the content's folder says.
        split: small letters and digits of any language, and `_`.
    """

    class_name: str
    split: str


def place_of(cells: Mapping[str, str], content: str) -> Place:
    """Returns the class and the split of a row.

    They are its cells `x_class` and `x_split`; where these are empty, the content's folder says it: `CLASS/FILE`,
    `SPLIT/CLASS/FILE`, or `SPLIT/FILE` in a folder that then names the class. Without a split it is `train`.

    Args:
        cells: of the row, by column.
        content: path or URL of the content image.
    """
    path = unquote(content) if "://" in content else content
    above, folder = ["", "", *path.replace("\\", "/").split("/")[:-1]][-2:]
    split = SPLITS.get(folder.lower())
    class_name = cells.get("x_class") or (above if split else folder) or "images"
    found = split or SPLITS.get(above.lower(), "train")
    wished = cells.get("x_split") or found
    return Place(class_name, SPLITS.get(wished.lower()) or _split(wished))


def wished_name(row_id: str, place: Place, content: str, style: str, *, dots: bool) -> str:
    """Returns a sample's name as far as the row decides it: its id, or the names of its content and style.

    Args:
        row_id: empty where the row has none; class and split at its beginning are left out, they are folders.
        place: where the sample belongs.
        content: path or URL.
        style: path or URL.
        dots: whether a name may hold dots; in a WebDataset they separate what belongs to one sample.
    """
    for part in (place.split, place.class_name, _clean(place.class_name, dots=True)):
        row_id = row_id.removeprefix(f"{part}/")
    name = row_id.replace("/", "--") or f"{file_name(content)}--{file_name(style)}"
    return _cut(_clean(name, dots=dots), _LONGEST)


def stage_name(name: str, job_id: str, row: int, stage: int) -> str:
    """Returns a name that is made more and more unique: stage 2 is so for certain."""
    return (name, f"{name}-{job_id[:8]}", f"{name}-{job_id}-{row}")[stage]


def stage_digests(place: Place, name: str, job_id: str, row: int) -> tuple[int, ...]:
    """Returns a digest of 64 bits of each stage of a name in its place; case is no difference, as on many disks."""
    stages = (stage_name(name, job_id, row, stage) for stage in range(_STAGES))
    texts = (f"{place.split}/{place.class_name}/{wished.lower()}" for wished in stages)
    return tuple(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) for text in texts)


def unique_stages(digests: Stages) -> npt.NDArray[np.int8]:
    """Returns the stage at which each name is unique; the order of the names does not matter."""
    stages = np.zeros(len(digests), np.int8)
    while True:
        _, inverse, counts = np.unique(
            digests[np.arange(len(digests)), stages], return_inverse=True, return_counts=True
        )
        clashing = (counts[inverse] > 1) & (stages < _STAGES - 1)
        if not clashing.any():
            return stages
        stages[clashing] += 1


def class_folders(classes: Iterable[str]) -> dict[str, str]:
    """Returns the folder of each class; names that a disk might take for one folder get digits of their own."""
    wished = {name: _folder(name) for name in classes}
    alike: dict[str, list[str]] = defaultdict(list)
    for name, folder in wished.items():
        alike[folder.casefold()].append(name)
    return {name: folder if len(alike[folder.casefold()]) == 1 else _marked(name) for name, folder in wished.items()}


def _split(name: str) -> str:
    """Replaces what the library `datasets` allows no split to be called; letters of all languages stay."""
    allowed = re.sub(r"\W+", "_", name.lower()).strip("_") or "train"
    if len(allowed.encode()) > _LONGEST_SPLIT:
        allowed = f"{_cut(allowed, _LONGEST_SPLIT)}_{_digest(name)}"
    return "all_of_it" if allowed == "all" else allowed  # `all` means every split to it


def _folder(name: str) -> str:
    """Replaces what no folder can be called everywhere; letters of all languages stay."""
    kept = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|\[\]{}]+', "-", name).strip(" .")
    visible = re.sub(r"^[_.]+", "", kept)  # data set loaders pass over hidden folders
    return _cut(visible, _LONGEST).strip(" .") or "class"


def _marked(name: str) -> str:
    return f"{_folder(name)}-{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:6]


def _cut(text: str, count: int) -> str:
    """Returns the beginning of a text: so many bytes at most, which is how file systems count, and whole letters."""
    return text.encode()[:count].decode(errors="ignore")


def _clean(text: str, *, dots: bool) -> str:
    """Replaces what an id cannot hold."""
    kept = re.sub(r"[^A-Za-z0-9._-]+" if dots else r"[^A-Za-z0-9_-]+", "-", text)
    return kept.lstrip("._-").rstrip("-.") or "image"
