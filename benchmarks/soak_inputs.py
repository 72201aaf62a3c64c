"""The inputs of `soak`: small odd pictures, and manifests with random settings for them."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from stylize_core.errors import SettingError
from stylize_core.layers import Layers
from stylize_core.presets import PRESETS, resolve
from stylize_core.setting_field import SettingField
from stylize_core.settings import SETTING_FIELDS

Row = dict[str, str]

FIELDS = {field.name: field for field in SETTING_FIELDS}
MODES = ("RGB", "L", "1", "LA", "RGBA", "P", "I;16")
LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")
CHEAP: Mapping[str, st.SearchStrategy[str]] = {
    "size": st.sampled_from(["16", "24", "32"]),
    "style_size": st.sampled_from(["", "16", "40"]),
    "style_scale": st.sampled_from(["", "0.5", "2"]),
    "steps": st.integers(0, 3).map(str),
    "snapshot_every": st.integers(0, 2).map(str),
    "scales": st.sampled_from(["auto", "1", "2"]),
    "learning_rate": st.floats(1e-3, 1).map(str),
    "seed": st.just(""),  # each row gets its own, which identifies its job
    "preset": st.sampled_from(["", *PRESETS]),
}
"""Cells of settings that cost time, or that have a meaning here; other settings use their whole range."""
ALWAYS = ("size", "steps", "content_layers", "style_layers")
"""Settings that every row gives, because the presets' values would take minutes."""
REFUSED: Sequence[Row] = ({"size": "5"}, {"steps": "some"}, {"optimiser": "magic"}, {"content": "nowhere.png"})


def draw_pictures(folder: Path, number: int) -> tuple[list[str], list[str]]:
    """Draws pictures of a round into a folder; returns the names of readable ones, and those of the others."""
    generator = np.random.default_rng(number)
    sound = {f"{mode.replace(';', '')} ({mode[0]}).png": _encoded(_picture(generator, mode)) for mode in MODES}
    sound |= {
        f"{name}.{format.lower()}": _encoded(_picture(generator, mode), format, **options)
        for name, mode, format, options in (
            ("猫", "RGB", "JPEG", {"progressive": True}),
            ("Katze_ä", "CMYK", "JPEG", {}),
            ("turned", "RGB", "JPEG", {"exif": _turned()}),
            ("profiled", "RGB", "JPEG", {"icc_profile": _profile()}),
            ("two", "RGB", "MPO", {"save_all": True, "append_images": [_picture(generator, "RGB")]}),
            ("moving", "P", "GIF", {"save_all": True, "append_images": [_picture(generator, "P")]}),
            ("soft", "RGBA", "WEBP", {"quality": 50}),
            ("deflated", "RGB", "TIFF", {"compression": "tiff_deflate"}),
            ("commented", "RGB", "PNG", {"pnginfo": _comment()}),
        )
    }
    whole = sound["猫.jpeg"]
    broken = {
        "cut.jpeg": whole[: len(whole) // 2],
        "empty.png": b"",
        "page.jpg": b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>",
        "pointer.jpg": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n",
        "phone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500),
    }
    folder.mkdir(parents=True)
    for name, data in (sound | broken).items():
        (folder / name).write_bytes(data)
    return sorted(sound), sorted(broken)


def draw_rows(sound: Sequence[str], broken: Sequence[str], number: int) -> list[Row]:
    """Draws the rows of a round's manifest: some are rejected, some have unreadable inputs, some are duplicates."""
    good = st.fixed_dictionaries({**dict.fromkeys(("content", "style"), st.sampled_from(sound)), **_cells(ALWAYS)})
    others = st.fixed_dictionaries({}, optional=_cells([*FIELDS, "preset"]))
    whole = st.tuples(good, others).map(lambda pair: pair[1] | pair[0])
    unreadable = st.sampled_from(broken).map(lambda name: {"content": name})
    odd = st.one_of(*[st.just({})] * 6, unreadable, st.sampled_from(REFUSED))
    row = st.tuples(whole.filter(_goes_together), odd).map(lambda pair: pair[0] | pair[1])
    rows: list[Row] = _drawn(st.lists(row, min_size=4, max_size=9), number)
    numbered = [row | {"seed": str(place), "init": _init(row), "x_note": "a, b"} for place, row in enumerate(rows)]
    return numbered + numbered[: number % 3]


def _init(row: Row) -> str:
    return row["style"] if row.get("start") == "image" else ""


def write_manifest(path: Path, rows: Sequence[Row]) -> str:
    """Writes rows as a CSV manifest and returns its path."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def _cells(names: Iterable[str]) -> dict[str, st.SearchStrategy[str]]:
    return {name: CHEAP[name] if name in CHEAP else _values(FIELDS[name]) for name in names}


def _values(field: SettingField) -> st.SearchStrategy[str]:
    """Returns a strategy for the cell of a setting: any value, or empty."""
    if field.choices:
        return st.sampled_from(["", *field.choices])
    if field.type == Layers:
        return st.lists(st.sampled_from(LAYERS), min_size=1, max_size=3, unique=True).map(" ".join)
    low, high = field.low or 0, 1e8 if field.high is None else field.high
    return (st.integers(int(low), int(high)) if field.type is int else st.floats(low, high)).map(str)


def _goes_together(row: Row) -> bool:
    """Returns whether a row's settings are valid together; other tests cover invalid combinations."""
    given = {name: _value(FIELDS[name], text) for name, text in row.items() if text and name in FIELDS}
    try:
        resolve(row.get("preset") or "default", given)
    except SettingError:
        return False
    return True


def _value(field: SettingField, text: str) -> object:
    if text in field.words:
        return field.words[text]
    return field.type(text) if field.type in (int, float) else int(text) if text.isdecimal() else text


def _drawn(strategy: st.SearchStrategy[Any], number: int) -> Any:
    """Returns a strategy's third example for a seed, because the first one is always the simplest."""
    found: list[Any] = []

    @seed(number)
    @settings(max_examples=3, database=None, phases=[Phase.generate], deadline=None)
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found[-1]


def _picture(generator: np.random.Generator, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(generator.integers(0, 65536, (30, 40), dtype=np.uint16))
    coarse = Image.fromarray(generator.integers(0, 256, (5, 5, 4), dtype=np.uint8))
    return coarse.resize((40, 30), Image.Resampling.BICUBIC).convert("RGB" if mode == "CMYK" else "RGBA").convert(mode)


def _encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _profile() -> bytes:
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data[:24] + bytes(12) + data[36:]  # without its time of creation


def _comment() -> PngImagePlugin.PngInfo:
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", '{"node": 1},' * 110_000, zip=True)
    return text
