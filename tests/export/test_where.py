"""Conditions: what they select, what is not a condition, and that nothing in them is ever run."""

from typing import Any

import pytest

from stylize_core.errors import UsageError
from stylize_core.export.where import Where

ROW = {
    **{"id": "cats/1", "preset": "fast", "style_weight": 1e6, "seed": 7, "quality_ssim": 0.5, "quality_gram": None},
    **{"style_layers": "conv1_1=1", "x_mark": "3", "x_note": "café"},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("quality_ssim > 0.4 and style_weight < 1e7", True),
        ("quality_ssim > 0.4 and style_weight < 1e5", False),
        ("seed == 8 or preset == 'fast'", True),
        ("not seed == 7", False),
        ("not (seed == 8 or preset == 'tv')", True),
        ("0.4 < quality_ssim <= 0.5", True),
        ("0.4 < quality_ssim < 0.5", False),
        ("preset in ('fast', 'tv')", True),
        ("preset not in ['fast', 'tv']", False),
        ("seed in {6, 7}", True),
        ("'cats' in id", True),
        ("'dogs' not in id", True),
        ("seed != -7", True),
        ("x_note == 'café'", True),
        ("x_mark >= 3", True),  # text that is a number
        ("x_mark > 3", False),
        ("x_mark in (3, 4)", True),
        ("x_note > 3", False),  # text that is not a number
        ("x_note != 3", True),
        ("quality_gram < 1", False),  # a missing value fulfils nothing
        ("quality_gram >= 1", False),
        ("x_none == 'a'", False),
        ("(((seed == 7)))", True),
        ("seed in 7", False),
    ],
)
def test_what_is_chosen(text: str, holds: bool) -> None:
    """Comparisons, `and`, `or`, `not`, `in` and parentheses have their meaning in Python."""
    assert Where(text)(ROW) is holds


@pytest.mark.parametrize(
    "text",
    [
        *("", "seed", "seed ==", "1", "'a'", "seed = 7", "seed is 7", "seed == None", "seed == True", "seed + 1 == 8"),
        *(
            "__import__('os').system('true') == 0",
            "open('f') == 1",
            "seed.real == 7",
            "id[0] == 'c'",
            "(lambda: 1) == 1",
        ),
        *("[x for x in (1,)] == 1", "f'{seed}' == '7'", "seed == (s := 7)", "2 ** 9 ** 9 > seed", "seed == 1; 2"),
        *(
            "seed == b'7'",
            "seed in (1, (2, 3))",
            "(" * 9000 + "1" + ")" * 900,
            "seed == 1 and " * 2000 + "seed == 1",
            "\0",
        ),
        *("seed == " + "-" * 5000 + "1", "seed == 1j"),
    ],
)
def test_what_is_no_condition(text: str) -> None:
    """Everything else is refused with an example, whatever it would do."""
    with pytest.raises(UsageError) as refused:
        Where(text)
    assert refused.value.where == "--where"
    assert "quality_ssim" in refused.value.todo


def test_unknown_columns() -> None:
    """An unknown column is named with a similar one; `x_` columns are checked once those of the rows are known."""
    with pytest.raises(UsageError, match="'quality_ssmi'; did you mean 'quality_ssim'"):
        Where("quality_ssmi > 0.4")
    condition: Any = Where("x_mrak == 3")
    condition.check_extra({"x_mrak"})
    with pytest.raises(UsageError, match="'x_mrak'; did you mean 'x_mark'"):
        condition.check_extra({"x_mark"})
