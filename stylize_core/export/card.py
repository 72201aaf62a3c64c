"""README.md: the data set's card, with front matter for the Hugging Face hub and its library."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from stylize_core import wording
from stylize_core.export.annotations import Annotated, annotations_path
from stylize_core.export.catalogue import Catalogue
from stylize_core.export.column_meanings import meaning
from stylize_core.export.formats import FormatName
from stylize_core.export.licences import hub_licence
from stylize_core.export.sample import CONTENT_IMAGE, CONTENT_SUFFIX
from stylize_core.export.style_names import style_names
from stylize_core.export.tally import MANY, Tally
from stylize_core.release import release

TITLE = "Stylised images"

HUB_SPLIT = {"val": "validation"}
"""Splits with another name on the hub."""

LISTED = 50
"""Most lines of a table; of thousands of classes or styles, it has the largest."""

FEW = 8
"""Most values of a setting that are listed."""

_FILES = {"imagefolder": "{}/**", "webdataset": "{}-*.tar", "parquet": "{}-*.parquet"}

_LOADED = {
    "imagefolder": """\
from torchvision.datasets import ImageFolder  # only classes
from datasets import load_dataset  # all columns

train = ImageFolder("FOLDER/{split}"{images_alone})
columns = load_dataset("FOLDER")  # splits are defined by this card; with data_dir they would be guessed""",
    "webdataset": """\
import webdataset

shards = "FOLDER/{split}-{{000000..{last:06d}}}.tar"
train = webdataset.WebDataset(shards, shardshuffle=False).decode("pil").to_tuple({members}"cls", "json")""",
    "parquet": """\
from datasets import load_dataset

columns = load_dataset("FOLDER")  # splits are defined by this card; with data_dir they would be guessed""",
}

_PAIRED = {
    False: {"images_alone": "", "members": '"png;jpg;webp", '},
    True: {
        "images_alone": f', is_valid_file=lambda path: not path.endswith("{CONTENT_SUFFIX}")',
        "members": f'"png;jpg;webp", "{CONTENT_SUFFIX[1:]}", ',
    },
}
"""Parts of the code above, without and with contents."""

_PAIRS = {
    "imagefolder": f"`name{CONTENT_SUFFIX}` beside `name.png`, and the column `{CONTENT_IMAGE}` in `datasets`",
    "webdataset": f"the member `{CONTENT_SUFFIX[1:]}` of the same key",
    "parquet": f"the column `{CONTENT_IMAGE}`",
}

Counts = Mapping[str, int]


def card(catalogue: Catalogue, format: FormatName, shards: Counts, annotated: Annotated | None = None) -> str:
    """Returns the card of an export in Markdown.

    Args:
        catalogue: its samples.
        format: of its files.
        shards: number of shards by split.
        annotated: counts of its annotations; None if there are none.
    """
    tally, split = catalogue.tally, catalogue.splits[0]
    styles = style_names(tally.styles)
    load = _LOADED[format].format(split=split, last=shards[split] - 1, **_PAIRED[catalogue.is_paired])
    parts = [
        f"# {TITLE}",
        _opening(tally, len(styles)),
        "## Splits and classes",
        *_splits(tally, catalogue.splits),
        "## Styles",
        _counts(styles, "style"),
        *(["## Licences", _counts(tally.licences, "licence")] if tally.licences.keys() - {""} else []),
        "## How the images were made",
        _made(tally),
        "## Columns",
        _table(("column", "meaning"), ((f"`{name}`", meaning(name)) for name in catalogue.schema.names)),
        *(["## Pairs", _pairs(format)] if catalogue.is_paired else []),
        *(["## Annotations", _annotations(annotated, catalogue.splits)] if annotated else []),
        "## Loading",
        f"```python\n{load}\n```",
    ]
    return (
        f"---\n{_front_matter(catalogue, format, is_annotated=annotated is not None)}\n---\n\n"
        + "\n\n".join(parts)
        + "\n"
    )


def _front_matter(catalogue: Catalogue, format: FormatName, *, is_annotated: bool) -> str:
    """Returns YAML; its texts are quoted as JSON, which YAML reads."""
    tally = catalogue.tally
    lines = [f"pretty_name: {TITLE}", *_licence_lines(tally.licences)]
    lines += ["task_categories:", "- image-classification", *(["- image-to-image"] if catalogue.is_paired else [])]
    lines += ["- object-detection"] if is_annotated else []
    lines += ["tags:", "- style-transfer"]
    lines += ["size_categories:", f"- {_size_category(tally.images)}", "configs:", "- config_name: default"]
    lines += ["  data_files:"]
    for split in catalogue.splits:
        name, path = HUB_SPLIT.get(split, split), _FILES[format].format(split)
        lines += [f"  - split: {_quoted(name)}", f"    path: {_quoted(path)}"]
    return "\n".join(lines)


def _licence_lines(licences: Counts) -> list[str]:
    if len(licences) > 1 or "" in licences:
        return []  # no licence applies to all images
    name = next(iter(licences))
    known = hub_licence(name)
    return [f"license: {known}"] if known else ["license: other", f"license_name: {_quoted(name)}"]


def _quoted(text: str) -> str:
    """Quotes a text so that YAML does not read it as a number, date or truth value."""
    return json.dumps(text, ensure_ascii=False)


def _size_category(images: int) -> str:
    bounds = ("1K", "10K", "100K", "1M", "10M")
    place = next((place for place in range(len(bounds)) if images < 1000 * 10**place), len(bounds))
    if place == 0:
        return "n<1K"
    return f"{bounds[place - 1]}<n<{bounds[place]}" if place < len(bounds) else f"n>{bounds[-1]}"


def _opening(tally: Tally, styles: int) -> str:
    text = (
        f"{tally.images:,} images in {len(tally.classes):,} classes, {wording.size(tally.bytes)}, in "
        f"{styles:,} styles. Each was made by neural style transfer, with the full optimisation of Gatys, "
        "Ecker and Bethge. The columns record its content, style, settings and seed."
    )
    left_out = ", ".join(f"{count:,} {status}" for status, count in sorted(tally.left_out.items()))
    return f"{text} Rows of the manifest left out because they have no image: {left_out}." if left_out else text


def _splits(tally: Tally, splits: Sequence[str]) -> Iterator[str]:
    yield _table(("split", "images"), [(split, f"{tally.by_split[split]:,}") for split in splits])
    rows = [(name, *(f"{tally.splits[split, name]:,}" for split in splits)) for name in _largest(tally.classes)]
    yield _table(("class", *splits), rows) + _others(tally.classes)


def _counts(counts: Counter[str], what: str) -> str:
    rows = [(name or "(none)", f"{counts[name]:,}") for name in _largest(counts)]
    return _table((what, "images"), rows) + _others(counts)


def _pairs(format: FormatName) -> str:
    return (
        f"Each image comes with its content: {_PAIRS[format]}. The content is a PNG with exactly the pixels that the "
        "optimisation used: upright, at the image's size, in sRGB, without transparency."
    )


def _annotations(annotated: Annotated, splits: Sequence[str]) -> str:
    files = ", ".join(f"`{annotations_path(split)}`" for split in splits)
    return (
        f"{annotated.annotations:,} annotations of {annotated.images:,} images, in COCO's format: {files}. They were "
        "transferred from the contents and scaled to the images' size; `file_name` is the column `path`."
    )


def _made(tally: Tally) -> str:
    facts = [("made with", f"stylize {release()}"), ("preset", _values(tally.presets))]
    for name, values in tally.settings.items():
        facts += [(name, _values(Counter({wording.cell(name, value): count for value, count in values.items()})))]
    facts += [("weights", _values(tally.weights))]
    facts += [("versions", ", ".join(f"{name} {number}" for name, number in _versions(tally)))]
    return _table(("what", "value"), facts)


def _values(values: Counter[Any]) -> str:
    """Lists the values of a setting; if there are many, gives their number and the most frequent ones."""
    named = [str(value) for value in sorted(values, key=lambda value: (-values[value], str(value)))]
    if len(named) <= FEW:
        return ", ".join(named)
    number = f"more than {MANY:,}" if len(named) > MANY else f"{len(named):,}"
    return f"{number} values, among them {', '.join(named[:FEW])}"


def _versions(tally: Tally) -> Iterator[tuple[str, str]]:
    """Yields packages, each with all versions that were used."""
    found = [json.loads(text) for text in sorted(tally.versions)]
    for name in dict.fromkeys(name for versions in found for name in versions):
        yield name, " and ".join(sorted({versions[name] for versions in found if name in versions}))


def _largest(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))[:LISTED]


def _others(counts: Counter[str]) -> str:
    others = len(counts) - LISTED
    return f"\n\nand {others:,} more" if others > 0 else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ("---",) * len(head), *(tuple(map(_cell, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Escapes markup in text, because names are chosen by others."""
    return re.sub(r"([\\|<>\[\]!])", r"\\\1", re.sub(r"\s+", " ", text))
