"""The placeholders of target files: `{primary.url}`, `{port}`, `{workdir}`.

Whatever else stands in braces is left as it is, since bodies and templates are full of them; `{{primary.url}}` is the
text `{primary.url}`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

PLACEHOLDER = re.compile(r"\{\{([\w-]+(?:\.\w+)?)\}\}|\{([\w-]+(?:\.\w+)?)\}")

OF_A_KEY = ("key", "key_id")
OF_A_FAKE = ("url", "host", "port", "model", "dialect", *OF_A_KEY)


def fill(template: str, places: Mapping[str, str]) -> str:
    """The template with every known placeholder filled in."""

    def filled(match: re.Match[str]) -> str:
        literal, name = match.groups()
        if literal is not None:
            return "{" + literal + "}" if literal in places else match.group()
        return places.get(name, match.group())

    return PLACEHOLDER.sub(filled, template)


def names_in(template: str) -> Iterator[str]:
    """The placeholders a template uses."""
    for match in PLACEHOLDER.finditer(template):
        if match.group(2) is not None:
            yield match.group(2)


def of_fakes(keys: Mapping[str, int], over_tls: Collection[str] = ()) -> list[str]:
    """Every placeholder there is, for fakes with so many keys each; some have a certificate to be trusted."""
    known = ["port", "workdir", *(f"{fake}.ca" for fake in over_tls)]
    for fake, count in keys.items():
        known += [f"{fake}.{field}" for field in OF_A_FAKE]
        known += [f"{fake}.{field}{number}" for field in OF_A_KEY for number in range(2, count + 1)]
    return known
