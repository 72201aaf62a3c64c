"""The row model: derived from the settings, it turns a row of text into a validated row or names its problems."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator, ValidationError, create_model

from stylize_core.errors import SettingError
from stylize_core.job import public_uri
from stylize_core.manifest.cells import parse_id, parse_preset, parse_setting, parse_text
from stylize_core.manifest.problems import Problem
from stylize_core.manifest.read import EXTRA_PREFIX, REQUIRED, RawRow
from stylize_core.presets import PRESETS, resolve
from stylize_core.settings import SPECS, Settings

Text = Annotated[str, AfterValidator(parse_text)]


class _Columns(BaseModel):
    """The columns that are no settings."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Text]

    content: Text
    style: Text
    init: Text | None = None
    preset: Annotated[str, AfterValidator(parse_preset)] = "default"
    id: Annotated[str, AfterValidator(parse_id)] | None = None


_SETTINGS: dict[str, Any] = {
    spec.name: (Annotated[Any, PlainValidator(partial(parse_setting, spec))], None) for spec in SPECS
}
RowModel = create_model("RowModel", __base__=_Columns, **_SETTINGS)
"""Validates the filled cells of a row; a setting that is absent takes the preset's value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A validated row.

    Attributes:
        row: 1 for the first data row.
        line: of the manifest file, where the row begins.
        id: the name in results and exports.
        preset: the preset's name.
        content: path or URL of the content image.
        style: path or URL of the style image.
        init: path or URL of the start image, where `settings.start` is `image`.
        settings: of the preset and the row's cells.
        extra: the columns that start with `x_`.
        cells: every cell as read, by column.
    """

    row: int
    line: int
    id: str | None
    preset: str
    content: str
    style: str
    init: str | None
    settings: Settings
    extra: dict[str, str]
    cells: dict[str, str]


def validate_row(raw: RawRow) -> tuple[Row | None, list[Problem]]:
    """Returns the validated row, or None and everything that is wrong with it."""
    if raw.problem:
        return None, [raw.problem]
    filled = {column: text for column, text in raw.cells.items() if text}
    model, faults = _validate_cells(filled)
    try:
        settings = None if "preset" in faults else _resolve(model.preset, _given(model))
    except SettingError as error:  # each value is fine, but two of them do not go together
        settings, faults[error.where] = None, f"{error.what}; {error.todo}"
    if not faults.keys() & {"start", "init", "preset"}:
        faults |= _init_fault(model)
    if settings is None or faults:
        return None, [_problem(raw, column, message) for column, message in faults.items()]
    return _row(raw, model, settings), []


def _validate_cells(filled: dict[str, str]) -> tuple[Any, dict[str, str]]:
    """Returns the model of the sound cells, and what is wrong with the others by column."""
    try:
        return RowModel.model_validate(filled), {}
    except ValidationError as error:
        faults = {str(fault["loc"][0]): _message(fault) for fault in error.errors()}
    # Once more without the faulty cells, so that the rules between the others are checked in the same report.
    sound = {column: text for column, text in filled.items() if column not in faults}
    return RowModel.model_validate(dict.fromkeys(REQUIRED, "-") | sound), faults


def _message(fault: Any) -> str:
    return "the cell is empty; name an image" if fault["type"] == "missing" else str(fault["ctx"]["error"])


def _given(model: Any) -> tuple[tuple[str, object], ...]:
    return tuple((name, getattr(model, name)) for name in _SETTINGS if name in model.model_fields_set)


@lru_cache(maxsize=1024)
def _resolve(preset: str, given: tuple[tuple[str, object], ...]) -> Settings:
    """Resolves once what many rows share: half the time and memory of a long manifest."""
    return resolve(preset, dict(given))


def _init_fault(model: Any) -> dict[str, str]:
    start = model.start or PRESETS[model.preset].values["start"]
    if start == "image" and not model.init:
        return {"init": "the cell is empty; start=image needs an image here"}
    if model.init and start != "image":
        return {"init": f"is not used with start={start}; write start=image, or leave init empty"}
    return {}


def _problem(raw: RawRow, column: str, message: str) -> Problem:
    value = public_uri(raw.cells.get(column, ""))
    return Problem(line=raw.line, row=raw.row, column=column, value=value, message=message)


def _row(raw: RawRow, model: Any, settings: Settings) -> Row:
    return Row(
        row=raw.row,
        line=raw.line,
        id=model.id,
        preset=model.preset,
        content=model.content,
        style=model.style,
        init=model.init,
        settings=settings,
        extra={column: text for column, text in raw.cells.items() if column.startswith(EXTRA_PREFIX)},
        cells=raw.cells,
    )
