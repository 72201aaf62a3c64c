"""The column dictionary: every column of a manifest as a Markdown table, derived from the settings."""

from stylize_core.errors import UsageError
from stylize_core.presets import PRESETS
from stylize_core.setting_field import SettingField
from stylize_core.settings import SETTING_FIELDS

BEGIN = "<!-- column dictionary: begin (written by stylize_core.manifest.columns) -->"
END = "<!-- column dictionary: end -->"

_IMAGE = "path or URL of an image; relative paths start at the manifest's folder"
_OTHERS = (
    ("content", "the image whose objects stay", _IMAGE, "required"),
    ("style", "the image whose colours and textures are taken on", _IMAGE, "required"),
    ("id", "name in results and exports", "unique; `A-Z a-z 0-9 . _ - /`, no `.` or `..` between slashes", ""),
    ("preset", "the settings of the cells that are empty", " | ".join(PRESETS), "default"),
    ("init", "the image to start from; with start=image only", _IMAGE, ""),
)
_EXTRA = ("x_...", "columns of your own; carried through", "text", "")


def column_dictionary() -> str:
    """Returns a Markdown table: each column's name, meaning, allowed values and value in preset `default`."""
    head = ("column", "meaning", "allowed", "in preset `default`")
    rows = [head, ("---",) * len(head), *map(_named, [*_OTHERS, *map(_setting, SETTING_FIELDS), _EXTRA])]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def with_column_dictionary(text: str) -> str:
    """Returns a Markdown text with a new dictionary between `BEGIN` and `END`.

    Raises:
        UsageError: the text lacks one of the two markers.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UsageError("the text has no place for the column dictionary", todo=f"add {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{column_dictionary()}\n{END}{after}"


def _setting(spec: SettingField) -> tuple[str, str, str, str]:
    value = PRESETS["default"].values[spec.name]
    text = value if isinstance(value, str) else "" if value is None else spec.text(value)
    return spec.name, spec.help, spec.allowed, text


def _named(row: tuple[str, str, str, str]) -> tuple[str, ...]:
    name, *others = (cell.replace("|", r"\|") for cell in row)
    return (f"`{name}`", *others)
