"""Bulk neural style transfer without an orchestrator; `stylize_flows` puts Prefect on top.

Programs call `stylize`, `stylize_pairs` and `run_manifest`. These are loaded on first use, because torch and pyarrow
take seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stylize_core.api.manifest import RunOutcome, run_manifest
    from stylize_core.api.pairs import Stylised, stylize, stylize_pairs
    from stylize_core.chunk.context import Progress
    from stylize_core.errors import Stopped, StylizeError

__all__ = ("Progress", "RunOutcome", "Stopped", "Stylised", "StylizeError", "run_manifest", "stylize", "stylize_pairs")

_HOMES = {
    **dict.fromkeys(("RunOutcome", "run_manifest"), "stylize_core.api.manifest"),
    **dict.fromkeys(("Stylised", "stylize", "stylize_pairs"), "stylize_core.api.pairs"),
    **dict.fromkeys(("Stopped", "StylizeError"), "stylize_core.errors"),
    "Progress": "stylize_core.chunk.context",
}


def __getattr__(name: str) -> Any:
    """Loads a public function on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
