"""What a store records, as columns: a line per finished job, a line per job and step, a line per manifest row."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Annotated, get_args, get_origin, get_type_hints

import pyarrow as pa

from stylize_core.errors import StylizeError
from stylize_core.terms import LOSSES, TERM_NAMES, loss_columns

_TEXT, _INT, _LONG, _FLOAT = pa.string(), pa.int32(), pa.int64(), pa.float32()

QUALITY = ("ssim", "colour", "gram")
"""How close a result is to its content (ssim) and its style; defined in `engine.quality` and docs/quality.md."""

FINALS = tuple(f"final_{loss}" for loss in LOSSES)
QUALITIES = tuple(f"quality_{figure}" for figure in QUALITY)
FIGURES = (*FINALS, *QUALITIES)
"""The numbers that say how good a result is."""

ADDED = frozenset(
    {
        *QUALITIES,
        *(f"final_{term.name}" for term in TERM_NAMES if not term.is_original),
        *loss_columns(is_original=False),
    }
)
"""Columns that files of earlier releases lack: they are read as null. A nullable column can be added without
another schema version, because releases that do not know it do not read it."""

Text = Annotated[str, _TEXT]
Int = Annotated[int, _INT]
Long = Annotated[int, _LONG]
Double = Annotated[float, pa.float64()]
Flag = Annotated[bool, pa.bool_()]


@dataclass(slots=True, kw_only=True)
class Result:
    """A line of `RESULTS`; the attributes are its columns, but for `figures`: those of `FIGURES` that are known."""

    job_id: Text
    commit: Text = ""
    run: Text
    attempt: Int  # 1 for the first
    status: Text  # done | failed
    error_code: Text | None = None
    error: Text | None = None
    retryable: Flag | None = None
    form: Text
    settings: Text  # Settings.to_json()
    digests: Text  # JSON: content, styles [[sha256, weight]], init, weights
    image: Text | None = None  # path in the store; also of a diverged job's best image
    image_sha256: Text | None = None
    bytes: Long | None = None
    width: Int
    height: Int
    steps: Int | None = None  # updates done
    best_step: Int | None = None  # step with the lowest total
    figures: dict[str, float | None] = field(default_factory=dict)  # of the clamped 8-bit image; empty without one
    seconds: Double | None = None  # wall, of the job's batch, divided by its jobs
    device: Text
    precision: Text
    versions: Text  # JSON


def _columns(line: type) -> Iterator[pa.Field]:
    for name, hint in get_type_hints(line, include_extras=True).items():
        if name == "figures":
            yield from (pa.field(figure, _FLOAT) for figure in FIGURES)
        else:
            annotated = next((one for one in get_args(hint) if get_origin(one) is Annotated), hint)
            yield pa.field(name, annotated.__metadata__[0])


RESULTS = pa.schema(_columns(Result))

METRICS = pa.schema(
    [
        ("job_id", _TEXT),
        ("step", _INT),  # step k = the loss after k updates
        ("evaluation", _INT),
        ("size_px", _INT),  # long edge
        ("seconds", _FLOAT),  # wall, since the job's batch began
        ("total", _FLOAT),
        *((name, _FLOAT) for name in loss_columns(is_original=True)),  # without layer weights; null where unused
        *((name, _FLOAT) for name in loss_columns(is_original=False)),
    ]
)

PLAN = pa.schema(  # runs/<run>/plan.parquet: a line per manifest row, in its order
    [
        ("row", _INT),  # 1 for the first data row
        ("line", _INT),  # of the manifest file
        ("id", _TEXT),
        ("job_id", _TEXT),  # null where rejected
        ("action", _TEXT),  # run | skip | keep_failed | reject
        ("preset", _TEXT),
        ("content", _TEXT),  # absolute, without credentials
        ("style", _TEXT),
        ("init", _TEXT),
        ("settings", _TEXT),  # Settings.to_json(); null where rejected
        ("digests", _TEXT),  # JSON as in results
        ("cells", _TEXT),  # JSON of the row's cells as read, column -> text
        ("chunk", _INT),
        ("error_code", _TEXT),
        ("error", _TEXT),
    ]
)

_SOURCE = pa.struct([("uri", _TEXT), ("sha256", _TEXT), ("width", _INT), ("height", _INT)])

JOBS = pa.schema(  # a line per job that is to be run, in a private file; the URIs of its inputs are whole
    [
        ("job_id", _TEXT),
        ("content", _SOURCE),
        ("style", _SOURCE),
        ("style_weight", pa.float64()),
        ("init", _SOURCE),  # null where there is none
        ("settings", _TEXT),  # Settings.to_json()
        ("height", _INT),  # of the target, pixels
        ("width", _INT),
    ]
)

PARTITION = pa.schema(  # runs/<run>/partitions/<number>.parquet: a line per job of some chunks, in their order
    [("chunk", _INT), ("attempt", _INT), *JOBS]  # the attempt that the run makes
)

ROWS = pa.schema(  # runs/<run>/results.parquet and .csv: a line per manifest row, in its order
    [
        ("row", _INT),
        ("id", _TEXT),
        ("job_id", _TEXT),
        ("status", _TEXT),  # done | skipped | failed | rejected | stopped
        ("image", _TEXT),
        ("seconds", pa.float64()),
        *((name, _FLOAT) for name in FIGURES),
        ("error_code", _TEXT),
        ("error", _TEXT),
    ]
)

STATUSES = ("done", "skipped", "failed", "rejected", "stopped")


@dataclass(slots=True, kw_only=True)
class Outcome:
    """A finished job, ready to be committed.

    Attributes:
        result: its line; `commit`, `image`, `image_sha256` and `bytes` are filled in when it is published.
        image: the encoded result, None if there is none.
        format: of the image, as in setting `format`.
        snapshots: encoded PNG by step.
        metrics: its lines, with schema `METRICS`; None if nothing was computed.
    """

    result: Result
    image: bytes | None = None
    format: str = "png"
    snapshots: dict[int, bytes] = field(default_factory=dict)
    metrics: pa.Table | None = None

    def refuse(self, error: StylizeError) -> None:
        """Makes the job a failed one without pictures, because the store refuses them."""
        self.result.status, self.result.error_code = "failed", error.code
        self.result.error, self.result.retryable = str(error), error.retryable
        self.image, self.snapshots = None, {}


def results_table(results: list[Result]) -> pa.Table:
    """Returns results as a table with schema `RESULTS`."""
    lines = [asdict(result) for result in results]
    return pa.Table.from_pylist([{**line, **line["figures"]} for line in lines], schema=RESULTS)
