from pathlib import Path

import pytest

from stylize_core.errors import UsageError
from stylize_core.manifest.columns import BEGIN, END, column_dictionary, with_column_dictionary
from stylize_core.settings import SETTING_FIELDS

README = Path(__file__).parents[2] / "manifests" / "README.md"


def test_the_readme_holds_the_dictionary_of_the_code() -> None:
    """After a change of settings, write the result of `with_column_dictionary` into the readme."""
    text = README.read_text()
    assert text == with_column_dictionary(text)
    assert column_dictionary() in text


def test_every_column_has_a_line() -> None:
    """A table with four columns and a line for each column of a manifest."""
    lines = column_dictionary().splitlines()
    names = [line.split("`")[1] for line in lines[2:]]
    assert names == ["content", "style", "id", "preset", "init", *(spec.name for spec in SETTING_FIELDS), "x_..."]
    assert {line.replace(r"\|", "").count("|") for line in lines} == {5}


def test_a_line_says_meaning_allowed_and_default() -> None:
    """Pipes between choices do not break the table."""
    assert r"| `pooling` | pooling of the network | max \| average | max |" in column_dictionary().splitlines()


def test_only_the_text_between_the_marks_changes() -> None:
    """Text around the dictionary is not changed."""
    text = with_column_dictionary(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert text == f"before\n{BEGIN}\n{column_dictionary()}\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}{BEGIN}"])
def test_a_text_without_the_marks(text: str) -> None:
    """Without the markers there is no place to write."""
    with pytest.raises(UsageError, match="no place"):
        with_column_dictionary(text)
