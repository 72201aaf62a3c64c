"""`stylize presets`: the presets, and every value of one."""

from typing import Annotated

from cyclopts import Parameter

from stylize_flows.console import out, show_table


def presets(name: Annotated[str | None, Parameter(help="Preset to show in full.")] = None, /) -> int:
    """List the presets, or every value of one preset and its origin."""
    from stylize_core import wording
    from stylize_core.presets import PRESETS, resolve
    from stylize_core.settings import SETTING_FIELDS

    if name is None:
        show_table(("preset", "what it is"), [(preset.name, preset.summary) for preset in PRESETS.values()])
        return 0
    values = {spec: wording.cell(spec, value) for spec, value in resolve(name, {}).to_dict().items()}
    preset = PRESETS[name]
    rows = [(spec.name, values[spec.name], preset.origin(spec.name), spec.allowed) for spec in SETTING_FIELDS]
    out.print(f"{preset.name}: {preset.summary}", soft_wrap=True)
    show_table(("setting", "value", "from", "allowed"), rows)
    return 0
