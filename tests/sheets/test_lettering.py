"""Text of labels."""

from hypothesis import given
from hypothesis import strategies as st

from stylize_core.sheets.lettering import drawable, fold, shorten, width, wrap


@given(st.text(max_size=80), st.integers(40, 300), st.sampled_from([17, 20, 34]))
def test_a_label_always_fits(text, limit, size):
    """Whatever a file's name, its label is no wider than its space."""
    assert width(shorten(text, size, limit), size) <= limit


def test_short_text_stays():
    """Only text that does not fit is shortened."""
    assert shorten("starry night", 20, 500) == "starry night"


def test_both_ends_stay():
    """Names that differ at either end can be distinguished."""
    short = shorten("photo_of_the_old_town_from_the_river_0042", 20, 200)
    assert short.startswith("photo")
    assert short.endswith("42")
    assert "…" in short


def test_a_long_name_takes_two_lines():
    """A label is broken near its middle, after a space, a dash, an underscore or a slash, else it stays whole."""
    assert wrap("content-0017--style-255", 17, 150) == ["content-0017-", "-style-255"]
    assert wrap("short-name", 17, 150) == ["short-name"]
    assert wrap("n" * 40, 17, 150) == ["n" * 40]


def test_parts_are_folded():
    """A line has as many parts as fit; none is cut, and one that is too long has its own line."""
    parts = ["total 0.6285", "content 0.4354", "n" * 40, "tv 0.2"]
    assert fold(parts, 17, 5000) == [" · ".join(parts)]
    assert fold(parts, 17, 250) == ["total 0.6285 · content 0.4354", "n" * 40, "tv 0.2"]
    assert fold(parts, 17, 10) == parts
    assert fold([], 17, 10) == []


def test_letters_that_the_font_lacks_get_their_plain_form():
    """Accents are dropped, other scripts become question marks, control characters are not drawn."""
    assert drawable("Tübingen × Gauß") == "Tubingen x Gauss"
    assert drawable("北京\x00") == "???"
