"""One pair of pictures on the command line, instead of a manifest; and settings written as `name=value`."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from stylize_core.errors import UsageError

SetOption = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        help="Settings of the rows, such as: --set size=256 steps=9; `stylize presets default` lists them.",
        consume_multiple=True,
        negative="",
        show_default=False,
    ),
]


@contextmanager
def manifest_or_pair(
    manifest: str | None, content: str | None, style: str | None, settings: Sequence[str] | None
) -> Iterator[str]:
    """Yields the path of the manifest, or of one made for a single pair.

    Raises:
        UsageError: both or neither were given, or a setting is unknown or has an invalid value.
    """
    if manifest is not None:
        if content or style or settings:
            what = "a manifest and options of a single pair were given"
            raise UsageError(what, where="--content, --style, --set", todo="give one of the two")
        yield manifest
        return
    if not (content and style):
        what, where = "there is nothing to stylise", "MANIFEST"
        if content or style:
            what, where = "a pair takes two pictures", "--style" if content else "--content"
        raise UsageError(what, where=where, todo="name a manifest, or --content FILE and --style FILE")
    from stylize_core.spool import temp_write_errors

    pair = _manifest_of_pair(_absolute(content), _absolute(style), values(settings, "--set"))
    with temp_write_errors():
        made = tempfile.TemporaryDirectory(prefix="stylize-")
    with made as folder:
        path = Path(folder, "pair.csv")
        with temp_write_errors():
            path.write_bytes(pair)
        yield str(path)


def _manifest_of_pair(content: str, style: str, settings: dict[str, str]) -> bytes:
    from stylize_core.manifest.cross import cross as make_cross
    from stylize_core.manifest.find_images import Content
    from stylize_core.manifest.write import write_manifest

    rows = make_cross([Content(content)], [style], styles_per_content=None, seed=0, sweeps={}, columns=settings)
    return write_manifest(rows, None)


def _absolute(path: str) -> str:
    return path if "://" in path else str(Path(path).absolute())


def values(words: Sequence[str] | None, option: str) -> dict[str, str]:
    """Returns the value of each name in words such as `size=256`.

    Args:
        words: as given; None where the option was not used.
        option: for the error.

    Raises:
        UsageError: a word has no equals sign, or a name comes twice.
    """
    found: dict[str, str] = {}
    for word in words or ():
        name, equals, value = word.partition("=")
        if not equals or name in found:
            what = f"{name!r} is set twice" if equals else f"{word!r} sets nothing"
            raise UsageError(what, where=option, todo=f"write, for example: {option} size=256 steps=100")
        found[name] = value
    return found
