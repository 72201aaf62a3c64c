"""The first failed and rejected rows of a run, as few and short as whoever shows them wants."""

from itertools import islice

from stylize_core.files.files import Files
from stylize_core.record.rows import read_rows

BAD = ("failed", "rejected")


def first_failures(files: Files, run: str, count: int, letters: int) -> list[dict[str, int | str]]:
    """Returns row, id, code and message of the first failed and rejected rows of a run.

    Args:
        files: the store.
        run: the run's name.
        count: rows, at most.
        letters: of an id, a code or a message, at most; what is longer loses its end.

    Raises:
        UsageError: there is no such run.
        StoreError: a file of the store is damaged.
    """
    lines = (line for table in read_rows(files, run) for line in table.to_pylist() if line["status"] in BAD)
    return [
        {
            "row": line["row"],
            "id": _short(line["id"] or line["job_id"] or "", letters),
            "code": _short(line["error_code"] or line["status"], letters),
            "message": _short(line["error"] or "", letters),
        }
        for line in islice(lines, count)
    ]


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
