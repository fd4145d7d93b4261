"""Where something stands in a JSON document: `$.choices[0].text`, `$['odd name']`, `$[-1]`, `$`."""

from __future__ import annotations

import re
from typing import Any

STEP = re.compile(r"""\.([A-Za-z_$][\w$-]*)|\[(-?\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")

Selector = tuple[str | int, ...]


class Missing:
    """There is nothing at that place."""


MISSING = Missing()


def selector(text: str) -> Selector:
    """Read a selector; a ValueError says where it cannot be understood."""
    if not text.startswith("$"):
        raise ValueError(f'{text!r} is no selector: it begins with "$", as in "$.answer" or "$.choices[0].text"')
    steps: list[str | int] = []
    at = 1
    while at < len(text):
        found = STEP.match(text, at)
        if found is None:
            raise ValueError(f'{text!r} is no selector: {text[at:]!r} is neither ".name" nor "[0]"')
        name, index, quoted, double = found.groups()
        steps.append(int(index) if index is not None else next(x for x in (name, quoted, double) if x is not None))
        at = found.end()
    return tuple(steps)


def select(document: Any, steps: Selector) -> Any:
    """What stands there, or `MISSING`."""
    for step in steps:
        try:
            if isinstance(step, int) != isinstance(document, list):
                return MISSING
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return document
