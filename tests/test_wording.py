"""The text of numbers, times and names."""

import numpy as np
import pandas as pd
import pytest

from stylize_core import wording


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (wording.duration(8.34), "8.34 s"),
        (wording.duration(252), "4 min 12 s"),
        (wording.duration(0), "0 s"),
        (wording.duration(59), "59 s"),
        (wording.duration(3599.4), "59 min 59 s"),
        (wording.duration(11100), "3 h 5 min"),
        (wording.duration(3.6e6), "1,000 h 0 min"),
        (wording.size(0), "0 B"),
        (wording.size(812), "812 B"),
        (wording.size(999_400), "999 kB"),
        (wording.size(999_600), "1 MB"),
        (wording.size(3_400_000), "3.4 MB"),
        (wording.size(7e15), "7,000 TB"),
        (wording.moment("2026-11-20T10:32:00+00:00"), "20 Nov 2026, 10:32 UTC"),
        (wording.moment("yesterday"), "yesterday"),
        (wording.number(1.23456e-5), "1.235e-5"),
        (wording.number(float("nan")), "not finite"),
        (wording.file_name("s3://bucket/old%20town.jpg?sig=secret"), "old town"),
        (wording.file_name("/a/b.c/The Scream.jpeg"), "The Scream"),
        (wording.setting("scales", 0), "auto"),
        (wording.setting("size", np.int64(0)), "content"),
        (wording.setting("style_size", 0), "content"),
        (wording.setting("steps", 0), "0"),
        (wording.setting("scales", pd.NA), "<NA>"),
        (wording.setting("style_weight", 1234567.5), "1.23457e6"),
        (wording.cell("style_weight", 1234567.5), "1234567.5"),
        (wording.cell("style_weight", 1e6), "1e6"),
        (wording.cell("scales", 0), "auto"),
        (wording.plural(0, "row"), "0 rows"),
        (wording.plural(1, "row"), "1 row"),
        (wording.plural(1200, "row"), "1,200 rows"),
    ],
)
def test_words(written: str, expected: str) -> None:
    """Numbers, times and names as people write them."""
    assert written == expected
