"""The templates of the report's pages, and their scripts."""

from importlib import resources

import jinja2

from stylize_core import wording
from stylize_core.errors import UsageError
from stylize_core.report import packing
from stylize_core.report.album import Album
from stylize_core.settings import SETTING_FIELDS

HELP = {"preset": "named settings that the others start from", **{spec.name: spec.help for spec in SETTING_FIELDS}}
"""The meaning of each setting."""


FIGURES = {
    "final_total": "total",
    "final_content": "content loss",
    "final_style": "style loss",
    "final_tv": "tv loss",
    "quality_ssim": "structure (SSIM)",
    "quality_colour": "colour distance",
    "quality_gram": "Gram distance",
    "seconds": "seconds",
    "falling": "still falling",
}
"""The name of each figure on the pages."""

_SCRIPTS = "page rows manifest kept marks hover chart losses filters selection table details start"
SCRIPTS = tuple(f"{name}.js" for name in _SCRIPTS.split())
"""The scripts of the pages, each after those it needs."""

VEGA = "vega.js.gz"
"""Vega, Vega-Lite and Vega-Embed as one script, compressed; setup.py makes it when the package is built."""


def vega() -> str:
    """Returns the script that draws charts; packed.

    Raises:
        UsageError: it is missing because this checkout was never installed.
    """
    try:
        return packing.as_text(resources.files(__package__).joinpath(VEGA).read_bytes())
    except FileNotFoundError as error:
        what = "the script that draws charts is missing; it is made when the package is installed"
        raise UsageError(what, where=VEGA, todo="install the checkout: make install") from error


def template(name: str, album: Album) -> jinja2.Template:
    """Returns a template that escapes everything, because file names are the users' data.

    Args:
        name: of its file.
        album: of the page.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stylize_core.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    environment.globals |= {"asset": _asset, "first": album.place, "plural": wording.plural, "figures": FIGURES}
    environment.globals |= {"scripts": SCRIPTS}
    environment.filters |= {name: getattr(wording, name) for name in ("duration", "setting", "size")}
    environment.filters["pack"] = packing.pack
    return environment.get_template(name)


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
