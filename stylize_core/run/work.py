"""What is to be computed, wherever: chunks, and all that is needed for them beside their jobs."""

from dataclasses import dataclass

from stylize_core.chunk.context import RunContext
from stylize_core.options import Options
from stylize_core.plan.chunks import Chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Chunks of a run: all of them, or those of a partition.

    Attributes:
        options: of the run; the precision, part of every job's id, is the one that `auto` means where it was planned.
        context: where chunks of this process are computed.
        chunks: to be computed, in order.
        log: lines logged so far.
    """

    options: Options
    context: RunContext
    chunks: Chunks
    log: list[str]
