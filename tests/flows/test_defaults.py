"""A run's defaults."""

import dataclasses
import inspect

from stylize_flows.commands.run_options import RunOptions
from stylize_flows.stylize_manifest import stylize_manifest

from stylize_core.options import Options


def test_defaults_are_the_same_everywhere() -> None:
    """An option has one default: on the command line, as a parameter of the flow and in `Options`."""
    expected = Options(manifest="m.csv", store="s")
    with RunOptions(store="s").options("m.csv") as options:
        assert options == expected
    parameters = inspect.signature(stylize_manifest.fn).parameters
    defaults = {name: one.default for name, one in parameters.items() if one.default is not one.empty}
    assert defaults.pop("partition") is None
    assert Options(manifest="m.csv", store="s", **defaults) == expected
    assert [*parameters] == [*(field.name for field in dataclasses.fields(Options)), "partition"]
