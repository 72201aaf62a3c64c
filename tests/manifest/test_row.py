import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.job import public_uri
from stylize_core.manifest.raw_row import RawRow
from stylize_core.manifest.row import Row, SettingsModel, validate_row
from stylize_core.presets import PRESETS, resolve
from stylize_core.settings import FIELD_BY_NAME, SETTING_FIELDS


def validate(**cells: str) -> tuple[Row | None, list[str]]:
    """Validates row 6 on line 7: the row, or its problems without their line."""
    raw = RawRow(row=6, line=7, cells={"content": "c.png", "style": "s.png", **cells})
    row, problems = validate_row(raw)
    assert (row is None) == bool(problems)
    assert all((problem.line, problem.row) == (7, 6) for problem in problems)
    return row, [problem.detail for problem in problems]


def faults(**cells: str) -> list[str]:
    """The problems of a row."""
    return validate(**cells)[1]


def accepted(**cells: str) -> Row:
    """The row, which must have no problem."""
    row, problems = validate(**cells)
    assert row is not None, problems
    return row


def test_every_setting_is_a_column_of_the_model() -> None:
    """The model of a row is derived from the settings."""
    assert {"preset", *(s.name for s in SETTING_FIELDS)} == set(SettingsModel.model_fields)


def test_empty_cells_take_the_presets_values() -> None:
    """Without a preset it is `default`."""
    row = accepted(size="", preset="", id="", init="")
    assert row.settings == resolve("default", {})
    assert (row.preset, row.id, row.init) == ("default", None, None)


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_gives_its_settings(preset: str) -> None:
    """A row that names a preset and nothing else has that preset's settings."""
    assert accepted(preset=preset).settings == resolve(preset, {})


def test_cells_replace_the_presets_values() -> None:
    """Values have the types of the settings."""
    cells = {
        "size": "256",
        "style_weight": "1e6",
        "content_weight": ".5",
        "tv_weight": "2.",
        "pooling": "average",
        "style_layers": "conv2_1=0.8 conv1_1=0.2",
        "seed": "9223372036854775807",
    }
    expected = {
        "size": 256,
        "style_weight": 1e6,
        "content_weight": 0.5,
        "tv_weight": 2.0,
        "pooling": "average",
        "style_layers": (("conv1_1", 0.2), ("conv2_1", 0.8)),
        "seed": 2**63 - 1,
    }
    assert accepted(preset="keras", **cells).settings == resolve("keras", expected)


def test_a_row_keeps_its_place_cells_and_extra_columns() -> None:
    """Cells are kept as read; columns that start with x_ are kept, empty or not."""
    row = accepted(id="a/b", x_class="cat", x_empty="", size="64")
    assert (row.row, row.line, row.id) == (6, 7, "a/b")
    assert row.extra == {"x_class": "cat", "x_empty": ""}
    assert row.cells["size"] == "64"


def test_the_reason_of_an_earlier_failure_is_left_behind() -> None:
    """A corrected row of failed.csv has no trace of its failure."""
    assert accepted(x_error_code="bad_row", x_error="column size: …", x_class="cat").extra == {"x_class": "cat"}


@pytest.mark.parametrize("text", ["5.5", "512.01", "1e2", ".0", "0x10", "1_000", "+5", "nan", "٣", "5 5", "9" * 5000])
def test_whole_numbers_are_strict(text: str) -> None:
    """Only digits, with or without a minus sign, are a whole number."""
    (fault,) = faults(size=text)
    assert fault.startswith("column size: ")
    assert fault.endswith(" is not allowed; use whole number from 16 to 8192, or content")


@pytest.mark.parametrize("text", ["48", "48.0", "48.", "48.000", "048"])
def test_whole_numbers_as_tools_write_them(text: str) -> None:
    """Pandas and spreadsheets write whole numbers as 48.0 if other cells are empty; the job is the same."""
    assert accepted(size=text).settings == resolve("default", {"size": 48})


@pytest.mark.parametrize("name", [spec.name for spec in SETTING_FIELDS if spec.words])
def test_a_word_alone_stands_for_its_number(name: str) -> None:
    """The number behind `auto` or `content` is not allowed."""
    (spec,) = (spec for spec in SETTING_FIELDS if spec.name == name)
    ((word, number),) = spec.words.items()
    assert getattr(accepted(**{name: word}).settings, name) == number
    assert faults(**{name: str(number)}) == [f"column {name}: '{number}' is not allowed; use {spec.allowed}"]


@pytest.mark.parametrize("column", ["content", "style", "init"])
def test_a_url_that_has_lost_its_query(column: str) -> None:
    """It might name another picture, so it is rejected."""
    cells = {column: public_uri("https://host/img?id=1"), **({"start": "image"} if column == "init" else {})}
    (fault,) = faults(**cells)
    assert fault.startswith(f"column {column}: 'https://host/img?…' has lost its query")
    assert accepted(**{**cells, column: "https://host/img?id=1"})


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "0x10", "1_000", "1,5", "+1", ".", "1e", "٣", "-1"])
def test_numbers_are_strict(text: str) -> None:
    """Only finite decimal numbers in range are accepted."""
    assert faults(style_weight=text) == [f"column style_weight: {text!r} is not allowed; use number from 0"]


@given(st.text(max_size=12))
def test_no_text_breaks_a_number(text: str) -> None:
    """Any text is either a finite non-negative number or a problem, never another exception."""
    row, problems = validate_row(
        RawRow(row=1, line=2, cells={"content": "c", "style": "s", "style_weight": text.strip()})
    )
    assert len(problems) == 1 if row is None else 0 <= row.settings.style_weight < float("inf")


@pytest.mark.parametrize(
    ("column", "text", "detail"),
    [
        ("size", "15", "is not allowed; use whole number from 16 to 8192, or content"),
        ("size", "8193", "is not allowed; use whole number from 16 to 8192, or content"),
        ("noise", "1.01", "is not allowed; use number from 0 to 1"),
        ("fit", "croop", "is not allowed; use keep | exact | crop | stretch; did you mean 'crop'?"),
        ("pooling", "avg", "is not allowed; use max | average; did you mean 'average'?"),
        ("optimiser", "Adam", f"is not allowed; use {FIELD_BY_NAME['optimiser'].allowed}; did you mean 'adam'?"),
        ("form", "zzz", "is not allowed; use paper | mean | relative"),
        ("content_layers", "conv4_2 conv4_2", "is not allowed; a layer is named twice; name each layer once"),
        ("preset", "gatys", None),
        ("preset", "kerass", "is not a preset; use " + " | ".join(PRESETS) + "; did you mean 'keras'?"),
    ],
)
def test_the_message_says_what_is_allowed(column: str, text: str, detail: str | None) -> None:
    """Column, value, what is allowed, and the nearest known word."""
    (fault,) = faults(**{column: text})
    assert fault.startswith(f"column {column}: {text!r} ")
    if detail:
        assert fault == f"column {column}: {text!r} {detail}"


def test_an_unknown_layer_names_the_nearest() -> None:
    """A misspelt layer gets a suggestion too."""
    (fault,) = faults(style_layers="conv1_1=1 conv41=2")
    assert fault.startswith("column style_layers: 'conv1_1=1 conv41=2' is not allowed; unknown layer 'conv41'; ")
    assert fault.endswith("; did you mean 'conv4_1'?")


@pytest.mark.parametrize("column", ["content", "style"])
def test_content_and_style_are_required(column: str) -> None:
    """An empty cell in a required column is a problem."""
    assert faults(**{column: ""}) == [f"column {column}: the cell is empty; name an image"]


@pytest.mark.parametrize("sign", ["=", "+", "@"])
@pytest.mark.parametrize("column", ["content", "style", "init", "id", "preset", "x_note", "fit", "start", "size"])
def test_formulas_are_refused_in_every_column(column: str, sign: str) -> None:
    """A formula of a spreadsheet is rejected."""
    (fault,) = faults(**({"start": "image", "init": "i.png"} if column == "init" else {}) | {column: f"{sign}1"})
    assert fault.startswith(f"column {column}: '{sign}1' is n")


@pytest.mark.parametrize("name", ["a", "A-b_c.9", "train/cat/0001", "...", "a..b", ".hidden", "a" * 200])
def test_ids(name: str) -> None:
    """An id has letters, digits, dots, dashes, underscores, and slashes between them."""
    assert accepted(id=name).id == name


@pytest.mark.parametrize("name", ["/a", "a/", "a//b", "..", "a/../b", ".", "./a", "a b", "é", "a\\b", "a\n", "a" * 201])
def test_ids_that_are_no_safe_path(name: str) -> None:
    """An id can neither leave the folder of an export nor be an impossible file name there."""
    (fault,) = faults(id=name)
    assert "use letters, digits and . _ - /" in fault


def test_start_image_needs_init() -> None:
    """A start from an image requires that image."""
    assert faults(start="image") == ["column init: the cell is empty; start=image needs an image here"]
    assert accepted(start="image", init="i.png").init == "i.png"


def test_init_needs_start_image() -> None:
    """An unused start image is a problem."""
    (fault,) = faults(init="i.png", preset="noise-start")
    assert fault == "column init: 'i.png' is not used with start=noise; write start=image, or leave init empty"


def test_values_that_do_not_go_together() -> None:
    """Violated rules between settings are reported at the column to change."""
    assert faults(alpha="keep", format="jpeg") == [
        "column alpha: 'keep' does not go with format=jpeg; use format png or webp"
    ]


def test_all_problems_of_a_row_are_told() -> None:
    """Faulty cells do not hide each other, nor violated rules between sound cells."""
    found = faults(
        content="", size="x", steps="-1", id="a b", x_n="=1", alpha="keep", format="jpeg", init="i.png", fit="crop"
    )
    columns = [fault.partition(":")[0].removeprefix("column ") for fault in found]
    assert sorted(columns[:5]) == ["content", "id", "size", "steps", "x_n"]
    assert columns[5] == "alpha"
    assert columns[6:] == ["init"]


@pytest.mark.parametrize("cells", [{"start": "imag"}, {"preset": "nope"}])
def test_a_faulty_start_says_nothing_of_init(cells: dict[str, str]) -> None:
    """If the start is invalid, init is not checked."""
    assert len(faults(init="i.png", **cells)) == 1


def test_values_are_told_without_credentials() -> None:
    """A URL's password does not reach the terminal."""
    (fault,) = faults(init="s3://key:secret@b/i.png")
    assert "secret" not in fault
