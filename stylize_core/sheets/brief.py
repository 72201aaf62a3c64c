"""Abbreviated settings, for captions of small pictures."""

from collections.abc import Sequence

from stylize_core import wording
from stylize_core.record.run_record import JobRecord

SHORT = {
    "content_weight": "cw",
    "style_weight": "sw",
    "tv_weight": "tv",
    "learning_rate": "lr",
    "style_size": "ss",
    "style_fit": "sf",
    "content_layers": "cl",
    "style_layers": "sl",
    "feature_scale": "fs",
    "snapshot_every": "se",
    "optimiser": "opt",
}
"""The other names are short already."""


def describe(job: JobRecord, names: Sequence[str]) -> str:
    """Returns the text of some settings of a job: `sw 1e6 · seed 3`; see `legend`."""
    return " · ".join(f"{SHORT.get(name, name)} {value(name, job.settings[name])}" for name in names)


def spell(job: JobRecord, names: Sequence[str]) -> str:
    """Returns the same with full names: `style_weight 1e6 · seed 3`."""
    return " · ".join(f"{name} {value(name, job.settings[name])}" for name in names)


def legend(names: Sequence[str]) -> str:
    """Returns the meaning of abbreviations: `sw = style_weight`."""
    return " · ".join(f"{SHORT[name]} = {name}" for name in names if name in SHORT)


def value(name: str, setting: object) -> str:
    """Returns 123000 as `123,000`, round weights as `1e4`, and several layers with only one `conv`."""
    text = wording.setting(name, setting)
    if not isinstance(setting, int | float) or text.isalpha():
        return text.replace(" conv", " ")
    is_round = isinstance(setting, float) and abs(setting) >= 1e4 and setting == float(f"{setting:.0e}")
    if 1000 <= abs(setting) < 1e6 and setting == int(setting) and not is_round:
        return f"{setting:,.0f}"
    if is_round:
        return wording.short(f"{setting:.0e}")
    return wording.setting(name, float(setting))
