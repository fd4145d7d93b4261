"""Reads what all dialects have in common in a request: the operation, the key, every text of the prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..ask import Trouble
from ..script import header

if TYPE_CHECKING:
    from ..ask import Request


@dataclass(frozen=True, slots=True)
class Route:
    """The operation that a request asks for."""

    name: str
    about: str | None = None
    """What it is about: the part of the path in parentheses, as it stands in the path."""
    trouble: Trouble | None = None
    """The complaint where there is no such path, or no such method on it."""


class Routes:
    """A dialect's table of operations: method, pattern of the path, name."""

    def __init__(self, table: Iterable[tuple[str, str, str]]) -> None:
        self._table = [(method, re.compile(pattern), name) for method, pattern, name in table]

    def find(self, method: str, path: str) -> Route:
        """The operation behind a method and a path; "unknown" and its trouble where there is none."""
        known = False
        for wanted, pattern, name in self._table:
            if found := pattern.fullmatch(path):
                known = True
                if wanted == method:
                    return Route(name, found[1] if pattern.groups else None)
        return Route("unknown", trouble=Trouble("method_not_allowed" if known else "not_found"))


def bearer(request: Request) -> str | None:
    """The key in `Authorization: Bearer`; None where there is none."""
    scheme, _, key = (header(request.headers, "authorization") or "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def texts_of(value: Any, keys: Iterable[str]) -> list[str]:
    """Every text in a message, a part of one or a list of them, in the order of the keys that may hold some."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for each in value for text in texts_of(each, keys)]
    if isinstance(value, dict):
        return [text for key in keys for text in texts_of(value.get(key), keys)]
    return []
