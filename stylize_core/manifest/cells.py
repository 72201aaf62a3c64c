"""Parses one cell of a manifest: returns a value, or raises a ValueError that says what is allowed."""

import re
from unicodedata import combining, normalize

from stylize_core.errors import SettingError
from stylize_core.job import LOST_QUERY
from stylize_core.layers import LAYERS, Layers, parse_layers
from stylize_core.manifest.problems import did_you_mean
from stylize_core.presets import PRESETS
from stylize_core.setting_field import SettingField

FORMULA_SIGNS = ("=", "+", "@")
"""A spreadsheet that opens an export would run a cell with such a start as a formula."""

# Stricter than int() and float(), which also accept 1_000, nan, inf and digits of other scripts.
_WHOLE = re.compile(r"(-?[0-9]+)(?:\.0*)?")  # tools write 48.0 if a column also has empty cells
_NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]{1,200}"  # file systems allow 255 bytes
_ID = re.compile(f"{_SEGMENT}(?:/{_SEGMENT})*")


def parse_text(text: str) -> str:
    """Returns the text of a free cell.

    Raises:
        ValueError: it starts like a formula.
    """
    if text.startswith(FORMULA_SIGNS):
        raise ValueError("is not allowed; a text must not start with = + @ (spreadsheets take it for a formula)")
    return text


def parse_input(text: str) -> str:
    """Returns a path or a URL.

    Raises:
        ValueError: it starts like a formula, or is a URL whose query was removed because it may be secret.
    """
    if text.endswith(LOST_QUERY):
        raise ValueError("has lost its query, which is kept nowhere because it may be a secret; write it again")
    return parse_text(text)


def parse_id(text: str) -> str:
    """Returns an id: segments of `A-Z a-z 0-9 . _ -`, separated by slashes.

    Raises:
        ValueError: another character, an empty segment, `.` or `..`, or a segment longer than 200 characters.
    """
    if not _ID.fullmatch(text):
        raise ValueError(
            "is not allowed; use letters, digits and . _ - / (no leading, trailing or double slash, no . or .. "
            "between slashes, at most 200 characters between slashes)"
        )
    return text


def id_part(text: str) -> str:
    """Returns a text as a part of an id: characters that are not allowed become dashes."""
    # The plus sign is dropped, so that 1e+06 does not look like 1e-06; accents go, and their letters stay.
    letters = "".join(sign for sign in normalize("NFKD", text.replace("+", "")) if not combining(sign))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", letters).strip("-.") or "image"


def parse_preset(text: str) -> str:
    """Returns the name of a preset.

    Raises:
        ValueError: there is no such preset.
    """
    if text not in PRESETS:
        raise ValueError(f"is not a preset; use {' | '.join(PRESETS)}{did_you_mean(text, PRESETS)}")
    return text


def parse_setting(spec: SettingField, text: str) -> object:
    """Returns the value of a setting.

    Raises:
        ValueError: not of the setting's type, out of its range, or not among its choices.
    """
    try:
        value = _convert(spec, text)
        spec.check(value)
    except SettingError as error:
        detail = f"{error.what}; {error.todo}" if spec.type == Layers else f"use {spec.allowed}"
        raise ValueError(f"is not allowed; {detail}{_nearest(spec, text)}") from None
    except ValueError:
        raise ValueError(f"is not allowed; use {spec.allowed}") from None
    return value


def _convert(spec: SettingField, text: str) -> object:
    if text in spec.words:
        return spec.words[text]
    if spec.type == Layers:
        return parse_layers(text)
    if spec.type is int and (whole := _WHOLE.fullmatch(text)):
        number = int(whole[1])  # raises ValueError above 4300 digits
        return text if spec.word(number) else number  # the word alone stands for such a number
    if spec.type is float and _NUMBER.fullmatch(text):
        return float(text)
    return text  # not a number: the following check refuses it


def _nearest(spec: SettingField, text: str) -> str:
    known = LAYERS if spec.type == Layers else spec.choices
    words = (word.partition("=")[0] for word in text.replace(",", " ").split())
    return did_you_mean(next((word for word in words if word not in known), ""), known)
