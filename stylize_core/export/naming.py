"""Chooses a sample's class, its split, and a name that is unique within them."""

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
"""Most bytes of a name or a class; leaves room for digits that make it unique, and for the suffix."""

_LONGEST_SPLIT = 60
"""Most bytes of a split, which is part of many names, including those of `datasets`."""

_STAGES = 3

Stages = npt.NDArray[np.uint64]
"""(n, 3) digests of names: as wished; with digits of the job id; with the whole job id and the row's number."""


class Place(NamedTuple):
    """The class and split of a sample.

    Attributes:
        class_name: from the manifest or the content's folder.
        split: lower-case letters and digits of any script, and `_`.
    """

    class_name: str
    split: str


def place_of(cells: Mapping[str, str], content: str) -> Place:
    """Returns the class and the split of a row.

    These are its cells `x_class` and `x_split`; if they are empty, they follow from the content's path: `CLASS/FILE`,
    `SPLIT/CLASS/FILE` or `CLASS/SPLIT/FILE`. The split is `train` if the path names none.

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
    """Returns the name that a row wishes for: the given name, or the names of its content and style.

    Args:
        given: the row's `x_name`, else its id, else empty; class and split are removed from its beginning, because
            they are folders.
        place: class and split of the sample.
        content: path or URL.
        style: path or URL.
        dots: whether a name may contain dots; in a WebDataset, the key of a sample ends at the first dot.
    """
    for part in (place.split, place.class_name, id_part(place.class_name)):
        given = given.removeprefix(f"{part}/")
    name = given.replace("/", "--") or f"{file_name(content)}--{file_name(style)}"
    return _allowed(name if dots else name.replace(".", "-")) or "image"


def stage_name(name: str, job_id: str, row: int, stage: int) -> str:
    """Returns a name that each stage makes more specific; at stage 2 it is certainly unique."""
    return (name, f"{name}-{job_id[:8]}", f"{name}-{job_id}-{row}")[stage]


def stage_digests(place: Place, name: str, job_id: str, row: int) -> tuple[int, ...]:
    """Returns a 64-bit digest for each stage of a name in its place, ignoring case, as many disks do."""
    stages = (stage_name(name, job_id, row, stage) for stage in range(_STAGES))
    texts = (f"{place.split}/{place.class_name}/{_alike(wished)}" for wished in stages)
    return tuple(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) for text in texts)


def unique_stages(digests: Stages) -> npt.NDArray[np.int8]:
    """Returns the stage at which each name is unique, whatever the order of the names."""
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
    """Returns the folder of each class; adds digits to names that a disk might treat as the same folder."""
    wished = {name: _folder(name) for name in classes}
    alike: dict[str, list[str]] = defaultdict(list)
    for name, folder in wished.items():
        alike[_alike(folder)].append(name)
    return {name: folder if len(alike[_alike(folder)]) == 1 else _marked(name) for name, folder in wished.items()}


def _split(name: str) -> str:
    """Replaces what the library `datasets` does not allow in a split's name; keeps letters of all scripts."""
    allowed = re.sub(r"\W+", "_", name.lower()).strip("_") or "train"
    if len(allowed.encode()) > _LONGEST_SPLIT:
        allowed = f"{_cut(allowed, _LONGEST_SPLIT)}_{_digest(name)}"
    return "all_of_it" if allowed == "all" else allowed  # in `datasets`, `all` means every split


def _folder(name: str) -> str:
    return _allowed(name) or "class"


def _allowed(name: str) -> str:
    """Returns a name without characters that cause trouble in file systems, data set loaders or terminals.

    Letters of all scripts, spaces and most signs are kept. Dots and double underscores at the beginning are removed,
    because loaders skip such files.
    """
    kept = re.sub(r'[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff/\\:*?"<>|]+', "-", name)
    visible = re.sub(r"^(?:[-. ]|__)+", "", kept)
    return _cut(visible, _LONGEST).rstrip("-. ")


def _alike(name: str) -> str:
    """Returns the same text for names that some disks treat as equal: ignores case and the encoding of accents."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _marked(name: str) -> str:
    return f"{_folder(name)}-{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:6]


def _cut(text: str, count: int) -> str:
    """Returns the beginning of a text with at most `count` bytes, as file systems count, in whole characters."""
    return text.encode()[:count].decode(errors="ignore")
