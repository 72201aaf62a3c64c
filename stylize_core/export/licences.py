"""The Hugging Face hub's names of licences."""

import re

_KNOWN = re.compile(
    r"mit|apache-2\.0|bsd-[23]-clause|gpl-3\.0|odbl|odc-by|pddl|cc0-1\.0"
    r"|cc-by-(2\.0|2\.5|3\.0|4\.0)|cc-by-sa-[34]\.0|cc-by-(nc|nc-sa)-[234]\.0|cc-by-(nd|nc-nd)-4\.0|cc-by-nc-nd-3\.0"
)

_ALIASES = {"cc0": "cc0-1.0", "apache-2": "apache-2.0"}


def hub_licence(name: str) -> str:
    """Returns the hub's name for a licence such as `CC BY 4.0`; empty if it has none."""
    word = re.sub(r"[\s_]+", "-", name.strip().lower())
    word = _ALIASES.get(word, word)
    return word if _KNOWN.fullmatch(word) else ""
