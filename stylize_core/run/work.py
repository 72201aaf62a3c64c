"""The work of a run, for any runner: chunks, and everything needed to compute them."""

from dataclasses import dataclass

from stylize_core.chunk.context import RunContext
from stylize_core.options import Options
from stylize_core.plan.chunks import Chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Chunks of a run: all of them, or those of a partition.

    Attributes:
        options: of the run; the precision, part of every job's id, is resolved as on the planning machine.
        context: in which this process computes chunks.
        chunks: to compute, in order.
        log: lines logged so far.
    """

    options: Options
    context: RunContext
    chunks: Chunks
    log: list[str]
