"""What a sample is called and where it belongs: class, split, and a name that no other sample of them has."""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from stylize_core.manifest.cells import id_part
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


def wished_name(given: str, place: Place, content: str, style: str, *, dots: bool) -> str:
    """Returns a sample's name as far as the row decides it: the one given, or the names of its content and style.

    Args:
        given: the row's `x_name`, else its id, empty where it has neither; class and split at its beginning are left
            out, they are folders.
        place: where the sample belongs.
        content: path or URL.
        style: path or URL.
        dots: whether a name may hold dots; in a WebDataset they separate what belongs to one sample.
    """
    for part in (place.split, place.class_name, id_part(place.class_name)):
        given = given.removeprefix(f"{part}/")
    name = given.replace("/", "--") or f"{file_name(content)}--{file_name(style)}"
    return _allowed(name if dots else name.replace(".", "-")) or "image"


def stage_name(name: str, job_id: str, row: int, stage: int) -> str:
    """Returns a name that is made more and more unique: stage 2 is so for certain."""
    return (name, f"{name}-{job_id[:8]}", f"{name}-{job_id}-{row}")[stage]


def stage_digests(place: Place, name: str, job_id: str, row: int) -> tuple[int, ...]:
    """Returns a digest of 64 bits of each stage of a name in its place; case is no difference, as on many disks."""
    stages = (stage_name(name, job_id, row, stage) for stage in range(_STAGES))
    texts = (f"{place.split}/{place.class_name}/{_alike(wished)}" for wished in stages)
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
        alike[_alike(folder)].append(name)
    return {name: folder if len(alike[_alike(folder)]) == 1 else _marked(name) for name, folder in wished.items()}


def _split(name: str) -> str:
    """Replaces what the library `datasets` allows no split to be called; letters of all languages stay."""
    allowed = re.sub(r"\W+", "_", name.lower()).strip("_") or "train"
    if len(allowed.encode()) > _LONGEST_SPLIT:
        allowed = f"{_cut(allowed, _LONGEST_SPLIT)}_{_digest(name)}"
    return "all_of_it" if allowed == "all" else allowed  # `all` means every split to it


def _folder(name: str) -> str:
    return _allowed(name) or "class"


def _allowed(name: str) -> str:
    """Returns what is left of a name where no file system, data set loader or terminal may stumble over it.

    Letters of all languages stay, and so do spaces and most signs. Loaders pass over names that begin with a dot or two
    underscores.
    """
    kept = re.sub(r'[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff/\\:*?"<>|]+', "-", name)
    visible = re.sub(r"^(?:[-. ]|__)+", "", kept)
    return _cut(visible, _LONGEST).rstrip("-. ")


def _alike(name: str) -> str:
    """Returns the same for names that some disk takes for one: case and the way accents are written do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _marked(name: str) -> str:
    return f"{_folder(name)}-{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:6]


def _cut(text: str, count: int) -> str:
    """Returns the beginning of a text: so many bytes at most, which is how file systems count, and whole letters."""
    return text.encode()[:count].decode(errors="ignore")
