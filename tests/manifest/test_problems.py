from stylize_core.manifest.problems import Problem, format_problems


def problem(line: int, **parts: str) -> Problem:
    """A problem of a line."""
    return Problem(line=line, row=line - 1, **{"message": "is wrong", **parts})


def test_a_line_each_in_the_order_of_the_file() -> None:
    """Line, column, value, message."""
    text = format_problems([problem(9, column="size", value="-3"), problem(2, column="id"), problem(4)])
    assert text.splitlines() == [
        "line 2, column id: is wrong",
        "line 4: is wrong",
        "line 9, column size: '-3' is wrong",
    ]


def test_long_values_are_shortened() -> None:
    """A cell of a page does not fill the terminal."""
    text = format_problems([problem(2, column="id", value="x" * 200)])
    assert text == f"line 2, column id: '{'x' * 77}...' is wrong"


def test_a_value_stays_on_its_line() -> None:
    """Control characters of a cell are shown, not sent to the terminal."""
    assert len(format_problems([problem(2, column="id", value="a\nb\x1b[31m")]).splitlines()) == 1


def test_many_problems_are_counted() -> None:
    """A hundred are listed, the others counted."""
    lines = format_problems([problem(line) for line in range(2, 252)]).splitlines()
    assert len(lines) == 101
    assert lines[-1] == "... and 150 more problems"
    assert len(format_problems([problem(2)] * 100).splitlines()) == 100
