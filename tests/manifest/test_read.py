import io

import pytest

from stylize_core.errors import ManifestError
from stylize_core.manifest.raw_row import RawRow
from stylize_core.manifest.read import read_manifest


def read(text: str | bytes) -> list[RawRow]:
    """The rows of a manifest."""
    return list(read_manifest(io.BytesIO(text.encode() if isinstance(text, str) else text), "m.csv"))


def refusal(text: str | bytes) -> ManifestError:
    """The error of a manifest that cannot be used."""
    with pytest.raises(ManifestError) as caught:
        read(text)
    return caught.value


def test_cells_rows_and_lines() -> None:
    """The first data row is row 1 on line 2."""
    rows = read("content,style\na.png,b.png\nc.png,d.png\n")
    assert rows == [
        RawRow(row=1, line=2, cells={"content": "a.png", "style": "b.png"}),
        RawRow(row=2, line=3, cells={"content": "c.png", "style": "d.png"}),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfcontent,style\na,b\n",
        b"content,style\r\na,b\r\n",
        b"content,style\ra,b\r",
        b"content,style\na,b",
        b'"content","style"\n"a","b"\n',
        b'content , style\n a, "b"\n',
        b"\n\ncontent,style\n,\n\na,b\n\n",
        b"content,style,\na,b,\n",
        b"content,style\na,b,,,\n",
    ],
    ids=["bom", "crlf", "cr", "no last newline", "quotes", "spaces", "empty lines", "trailing comma", "row commas"],
)
def test_forms_of_the_same_rows(data: bytes) -> None:
    """BOM, line ends, quotes, spaces, empty lines and trailing commas make no difference."""
    rows = read(data)
    assert [row.cells for row in rows] == [{"content": "a", "style": "b"}]
    assert rows[0].problem is None


def test_quoted_cells_hold_commas_quotes_and_newlines() -> None:
    """A quoted cell is taken whole."""
    (row,) = read('content,style\n"a,1.png","b ""x""\nc.png"\n')
    assert row.cells == {"content": "a,1.png", "style": 'b "x"\nc.png'}


def test_lines_stay_right_after_blank_lines_and_long_cells() -> None:
    """A row's line is where it begins, whatever comes before it."""
    rows = read('\ncontent,style\n\n"a\nb\nc",d\n\n,\ne,f\r\n"g\r\nh",i\nj,k\n')
    assert [(row.row, row.line) for row in rows] == [(1, 4), (2, 9), (3, 10), (4, 12)]


@pytest.mark.parametrize(("line", "count"), [("a", 1), ("a,b", 2), ("a,b,512,x", 4), ("a,b,512,,y", 5)])
def test_a_row_with_another_number_of_cells_is_a_problem_of_that_row(line: str, count: int) -> None:
    """A row with too few or too many cells is rejected; the others are kept."""
    first, second = read(f"content,style,size\n{line}\nc,d,256\n")
    assert first.problem is not None
    assert first.problem.line == 2
    assert first.problem.detail.startswith(f"{count} cells where the header has 3")
    assert second.problem is None


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b" \n,,\n"])
def test_an_empty_file(data: bytes) -> None:
    """A file with only blanks is an empty manifest."""
    assert refusal(data).what == "the manifest is empty"


def test_a_header_alone() -> None:
    """A manifest needs a row."""
    assert refusal("content,style\n\n,\n").what == "the manifest has no data rows"


def test_no_header() -> None:
    """A first line without a column's name is not a header."""
    error = refusal("\na.png,b.png\n")
    assert error.what == "there is no header: the first line names no column"
    assert error.where == "m.csv, line 2"


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("content,size", "column 'style' is missing"),
        ("style", "column 'content' is missing"),
        ("Content,style", "column 'content' is missing; unknown column 'Content'; did you mean 'content'?"),
        ("content,style,size,size", "column 'size' appears twice"),
        ("content,style,style_wieght", "unknown column 'style_wieght'; did you mean 'style_weight'?"),
        ("content,style,STEPS", "unknown column 'STEPS'; did you mean 'steps'?"),
        ("content,style,zzz", "unknown column 'zzz'"),
        ("content,,style", "column 2 has no name"),
        ("content,size,size,zzz", "column 'style' is missing; column 'size' appears twice; unknown column 'zzz'"),
    ],
)
def test_every_fault_of_the_header(header: str, what: str) -> None:
    """All faults of a header are reported at once, with the nearest known column."""
    error = refusal(f"{header}\n1,2,3,4\n")
    assert error.what == what
    assert error.where == "m.csv, line 1"


@pytest.mark.parametrize(("sign", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_separators_are_named(sign: str, name: str) -> None:
    """The error for a file with another separator names it."""
    error = refusal(f"content{sign}style{sign}size\na{sign}b{sign}3,5\n")
    assert error.what == f"the columns are separated by {name}, not by commas"


def test_extra_columns_are_known() -> None:
    """Any name that starts with x_ is a column."""
    (row,) = read("content,style,x_class,x_a;b\na,b,1,2\n")
    assert (row.cells["x_class"], row.cells["x_a;b"]) == ("1", "2")


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_not_utf8_names_line_and_byte(bom: bytes, end: bytes) -> None:
    """A byte that is not UTF-8 is named with its line."""
    error = refusal(bom + end.join([b"content,style", b"a,b", b"caf\xe9.png,b"]))
    assert error.what == "the manifest is not UTF-8: byte 0xe9"
    assert error.where == "m.csv, line 3"


def test_utf16_is_not_utf8() -> None:
    """UTF-16, which some spreadsheets call Unicode, is refused as not UTF-8."""
    assert "not UTF-8: byte 0xff" in refusal("content,style\na,b\n".encode("utf-16")).what


def test_a_nul_byte_is_named_with_its_line() -> None:
    """A NUL byte means a binary or damaged file."""
    error = refusal(b"content,style\na,b\nc\0,d\n")
    assert (error.what, error.where) == ("the manifest contains a NUL byte", "m.csv, line 3")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('content,style\na,b\n"c,d\ne,f\n', 3),
        ('content,style\n"a"b,c\n', 2),
    ],
    ids=["open quote", "text after quote"],
)
def test_broken_csv_names_the_line_where_the_row_begins(text: str, line: int) -> None:
    """Unmatched quotes are an error at their row."""
    error = refusal(text)
    assert error.what.startswith("the manifest is not valid CSV: ")
    assert error.where == f"m.csv, line {line}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("content,style\na,b\nc," + "d" * 200_000 + "\n", 3),
        ('content,style\na,"' + "b\n" * 200_000, 2),
    ],
    ids=["huge cell", "open quote in a long file"],
)
def test_a_huge_cell_is_named(text: str, line: int) -> None:
    """A cell beyond the reader's limit is named, with what to do."""
    error = refusal(text)
    assert error.what == "a cell has more than 131,072 characters"
    assert error.where == f"m.csv, line {line}"
    assert "close the quote" in error.todo
    assert "Parquet" in error.todo


@pytest.mark.parametrize("hint", ["sep=,\n", "SEP=,\r\n", "\ufeffsep=,\n", '"sep=,"\n', "sep=,,,\n"])
def test_what_a_spreadsheet_writes_before_the_header(hint: str) -> None:
    """A first line that names the separator is skipped."""
    (row,) = read(f"{hint}content,style\na,b\n")
    assert (row.row, row.line, row.cells) == (1, 3, {"content": "a", "style": "b"})


def test_another_separator_is_named_below_such_a_line() -> None:
    """The error names the separator, not the header, and says what to do."""
    error = refusal("sep=;\ncontent;style\na;b\n")
    assert error.what == "the columns are separated by semicolons, not by commas"
    assert error.where == "m.csv, line 2"
    assert "save it with commas between the columns" in error.todo
