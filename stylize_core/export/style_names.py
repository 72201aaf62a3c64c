"""Names of the styles for the card, which is public: without the folders of the machine that made the images."""

import os
from collections import Counter
from collections.abc import Mapping

from stylize_core.files.remote import local_path


def style_names(styles: Mapping[tuple[str, str], int]) -> Counter[str]:
    """Returns the number of images by name of their style.

    A style has the name that most rows give it. An absolute path, as in `failed.csv`, counts only if no row has a
    relative path or a URL; it then starts below the folder that all such styles share, if there is one. Different
    styles of one name also have the first digits of their sha256.

    Args:
        styles: number of images by sha256 of the style and its name in the manifest.
    """
    names: dict[str, str] = {}
    for (digest, name), _ in sorted(styles.items(), key=lambda item: (_is_absolute(item[0][1]), -item[1], item[0])):
        names.setdefault(digest, name)
    folders = {os.path.dirname(local_path(name)) for name in names.values() if _is_absolute(name)}
    shared = os.path.commonpath(folders) if folders else ""
    shown = {digest: _below(shared, name) if _is_absolute(name) else name for digest, name in names.items()}
    used = Counter(shown.values())
    counts: Counter[str] = Counter()
    for (digest, _), count in styles.items():
        name = shown[digest]
        counts[name if used[name] == 1 else f"{name} ({digest[:6]})"] += count
    return counts


def _below(shared: str, name: str) -> str:
    path = local_path(name)
    return os.path.basename(path) if shared == os.sep else os.path.relpath(path, shared)


def _is_absolute(name: str) -> bool:
    return os.path.isabs(local_path(name))
