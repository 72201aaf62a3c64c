"""Control characters for terminals are written as escapes."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.control_codes import escape_controls
from stylize_core.errors import StylizeError


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("a\nb\rc\td\x7f\x9b31m", r"a\nb\rc\td\x7f\x9b31m"),
        ("\u202egnp.exe \u2066x\u2069", r"\u202egnp.exe \u2066x\u2069"),
        ("a\u2028b\u200f", r"a\u2028b\u200f"),
        ("name\udcff", r"name\udcff"),
        ("Tübingen 猫 שלום 👩\u200d🎨 a\\b", "Tübingen 猫 שלום 👩\u200d🎨 a\\b"),
    ],
)
def test_what_is_escaped(text: str, escaped: str) -> None:
    """C0, C1, bidirectional and separator characters and surrogates are escaped; letters of any script are not."""
    assert escape_controls(text) == escaped


@given(st.text(st.characters(codec=None)))
def test_escaped_text_stays_as_it_is(text: str) -> None:
    """Escaped text can be encoded as UTF-8, has no line breaks, and does not change if escaped again."""
    escaped = escape_controls(text)
    escaped.encode()
    assert len(escaped.splitlines()) <= 1
    assert escape_controls(escaped) == escaped


def test_some_may_be_kept() -> None:
    """If requested, line feeds are kept, and nothing else."""
    assert escape_controls("a\n\x1b\nb", keep="\n") == "a\n\\x1b\nb"


def test_errors_steer_nothing() -> None:
    """An error's texts are escaped, also after pickling; only `todo` may have several lines."""
    error = StylizeError("no \x1b[2Jfile", where="/a\nb", todo="mend:\n  line 2: \x1b")
    assert str(error) == "no \\x1b[2Jfile · /a\\nb · mend:\n  line 2: \\x1b"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
