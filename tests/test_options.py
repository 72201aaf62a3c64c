"""The options of a run."""

import pytest

from stylize_core.errors import UsageError
from stylize_core.options import Options


@pytest.mark.parametrize(
    ("max_failed", "rows", "allowed"),
    [("0", 10, 0), ("3", 10, 3), ("0%", 10, 0), ("5%", 100, 5), ("5%", 19, 0), ("5%", 20, 1), ("100%", 7, 7)],
)
def test_allowed(max_failed: str, rows: int, allowed: int) -> None:
    """A number is itself; a share of the rows is rounded down."""
    assert Options(manifest="m", store="s", max_failed=max_failed).allowed(rows) == allowed


@pytest.mark.parametrize("max_failed", ["", "%", "x", "-1", "-1%", "101%", "5%%", "5 percent", "1.5", "nan%", "inf%"])
def test_no_share(max_failed: str) -> None:
    """Anything else is refused at once."""
    with pytest.raises(UsageError, match="is neither a number of rows nor a share"):
        Options(manifest="m", store="s", max_failed=max_failed)


def test_other_options_are_checked() -> None:
    """Unknown words and impossible numbers are refused at once."""
    with pytest.raises(UsageError, match="unknown choice 'some'"):
        Options(manifest="m", store="s", retry_failed="some")
    with pytest.raises(UsageError, match="0 rows are too few for a task"):
        Options(manifest="m", store="s", rows_per_task=0)
