from stylize_core.manifest.problems import Problem


def detail(**parts: str) -> str:
    """A problem in words."""
    return Problem(line=2, row=1, **{"message": "is wrong", **parts}).detail


def test_column_value_message() -> None:
    """The message has all known parts."""
    assert detail(column="size", value="-3") == "column size: '-3' is wrong"
    assert detail(column="id") == "column id: is wrong"
    assert detail() == "is wrong"


def test_long_values_are_shortened() -> None:
    """A very long cell is shortened."""
    assert detail(column="id", value="x" * 200) == f"column id: '{'x' * 77}...' is wrong"


def test_a_value_stays_on_its_line() -> None:
    """Control characters of a cell are escaped, not sent to the terminal."""
    assert len(detail(column="id", value="a\nb\x1b[31m").splitlines()) == 1
