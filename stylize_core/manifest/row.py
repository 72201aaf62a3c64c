"""The row model, derived from the settings: turns a row of text into a validated row or names its problems."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, PlainValidator, ValidationError, create_model

from stylize_core.errors import SettingError
from stylize_core.job import public_uri
from stylize_core.manifest.cells import parse_id, parse_input, parse_preset, parse_setting, parse_text
from stylize_core.manifest.header import EXTRA_PREFIX, REASON, REQUIRED
from stylize_core.manifest.paths import absolute
from stylize_core.manifest.problems import Problem
from stylize_core.manifest.raw_row import RawRow
from stylize_core.presets import PRESETS, resolve
from stylize_core.settings import SETTING_FIELDS, Settings

INPUT_COLUMNS = ("content", "style", "init")

_SETTINGS: dict[str, Any] = {
    spec.name: (Annotated[Any, PlainValidator(partial(parse_setting, spec))], None) for spec in SETTING_FIELDS
}


class _Preset(BaseModel):
    preset: Annotated[str, AfterValidator(parse_preset)] = "default"


SettingsModel = create_model("SettingsModel", __base__=_Preset, **_SETTINGS)
"""Validates the filled cells of settings; a missing setting takes the preset's value."""

_SHARED = frozenset(SettingsModel.model_fields)
"""Columns in which many rows have the same cells; the others differ from row to row."""

_PARSE: dict[str, Callable[[str], str]] = {"id": parse_id, **dict.fromkeys(INPUT_COLUMNS, parse_input)}
"""Checks for columns that differ from row to row, if not every text is allowed."""

_ORDER = {column: place for place, column in enumerate((*INPUT_COLUMNS, "preset", "id", *_SETTINGS))}
"""Order in which the faults of a row are reported; extra columns come last."""


class Row(NamedTuple):
    """A validated row.

    Attributes:
        row: 1 for the first data row.
        line: of the manifest file, where the row begins.
        id: the name in results and exports.
        preset: the preset's name.
        content: path or URL of the content image.
        style: path or URL of the style image.
        init: path or URL of the start image, if `settings.start` is `image`.
        settings: from the preset and the row's cells; rows with the same cells share the object.
        settings_json: the same from `Settings.to_json`; shared too.
        cells: every cell as read, by column, without those of `REASON`.
    """

    row: int
    line: int
    id: str | None
    preset: str
    content: str
    style: str
    init: str | None
    settings: Settings
    settings_json: str
    cells: dict[str, str]

    @property
    def extra(self) -> dict[str, str]:
        """The columns that start with `x_`."""
        return {column: text for column, text in self.cells.items() if column.startswith(EXTRA_PREFIX)}


class _Shared(NamedTuple):
    """The result of validating the cells of settings.

    Attributes:
        preset: its name; `default` if it is invalid.
        settings: None if something is wrong.
        json: of the settings, from `Settings.to_json`.
        start: where the optimisation starts; None if unknown.
        faults: what is wrong with single cells, by column.
        clashes: cells that are valid alone but exclude each other, by the column to change.
    """

    preset: str
    settings: Settings | None
    json: str
    start: str | None
    faults: dict[str, str]
    clashes: dict[str, str]


def validate_row(raw: RawRow, folder: str | None = None) -> tuple[Row | None, list[Problem]]:
    """Returns the validated row, or None and all its problems.

    Args:
        raw: the row.
        folder: where relative images start; None leaves them as they are.
    """
    if raw.problem:
        return None, [raw.problem]
    own, key = _own_faults(raw.cells)
    shared = _shared(key)
    faults = _in_order(own | shared.faults) | shared.clashes if own or shared.faults else shared.clashes
    if shared.start and "init" not in own:
        faults = faults | _init_fault(raw.cells.get("init", ""), shared.start)
    if shared.settings is None or faults:
        return None, [_problem(raw, column, message) for column, message in faults.items()]
    return _row(raw, shared.preset, shared.settings, shared.json, folder), []


def _own_faults(cells: dict[str, str]) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """Returns the faults of the cells outside the settings, and the filled cells of settings for `_shared`."""
    faults = {column: "the cell is empty; name an image" for column in REQUIRED if not cells.get(column)}
    key = []
    for column, text in cells.items():
        if not text:
            continue
        if column in _SHARED:
            key.append((column, text))
            continue
        try:
            _PARSE.get(column, parse_text)(text)
        except ValueError as error:
            faults[column] = str(error)
    return faults, tuple(key)


@lru_cache(maxsize=4096)
def _shared(key: tuple[tuple[str, str], ...]) -> _Shared:
    """Validates cells that many rows share only once; this saves most time and memory of a long manifest."""
    model, faults = _validate_cells(dict(key))
    preset: str = model.preset
    start = None if faults.keys() & {"start", "preset"} else model.start or str(PRESETS[preset].values["start"])
    given = {name: getattr(model, name) for name in _SETTINGS if name in model.model_fields_set}
    clashes = {}
    settings = None
    try:
        settings = resolve(preset, given) if "preset" not in faults else None
    except SettingError as error:  # each value is valid, but two of them exclude each other
        clashes[error.where] = f"{error.what}; {error.todo}"
    if settings is None or faults:
        return _Shared(preset, None, "", start, faults, clashes)
    return _Shared(preset, settings, settings.to_json(), start, {}, {})


def _validate_cells(filled: dict[str, str]) -> tuple[Any, dict[str, str]]:
    """Returns the model of the valid cells, and the faults of the others by column."""
    try:
        return SettingsModel.model_validate(filled), {}
    except ValidationError as error:
        faults = {str(fault["loc"][0]): str(fault["ctx"]["error"]) for fault in error.errors()}
    # Validate again without the faulty cells, so that rules between the others are checked in the same report.
    return SettingsModel.model_validate({name: text for name, text in filled.items() if name not in faults}), faults


def _in_order(faults: dict[str, str]) -> dict[str, str]:
    return dict(sorted(faults.items(), key=lambda fault: _ORDER.get(fault[0], len(_ORDER))))


def _init_fault(init: str, start: str) -> dict[str, str]:
    if start == "image" and not init:
        return {"init": "the cell is empty; start=image needs an image here"}
    if init and start != "image":
        return {"init": f"is not used with start={start}; write start=image, or leave init empty"}
    return {}


def _problem(raw: RawRow, column: str, message: str) -> Problem:
    value = public_uri(raw.cells.get(column, ""))
    return Problem(line=raw.line, row=raw.row, column=column, value=value, message=message)


def _row(raw: RawRow, preset: str, settings: Settings, json: str, folder: str | None) -> Row:
    cells = raw.cells
    content, style, init = cells["content"], cells["style"], cells.get("init") or None
    if folder is not None:
        content, style = absolute(content, folder), absolute(style, folder)
        init = absolute(init, folder) if init else None
    return Row(
        row=raw.row,
        line=raw.line,
        id=cells.get("id") or None,
        preset=preset,
        content=content,
        style=style,
        init=init,
        settings=settings,
        settings_json=json,
        cells={column: text for column, text in cells.items() if column not in REASON},
    )
