"""How providers say no, as far as they do it alike: a table of troubles, an error page of the edge, headers on top."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..ask import Trouble
    from ..script import Headers


class Refused(Exception):
    """A request that the provider refuses; whoever answers it turns this into the provider's words."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.kind)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a dialect's table: what a trouble looks like on the wire."""

    status: int
    type: str
    code: str | None
    message: str
    """With places such as {model} that the dialect fills."""
    param: str | None = None
    html: bool = False
    """Said by the edge, in HTML."""


def row(table: Mapping[str, Row], by_status: Mapping[int, str], trouble: Trouble) -> Row:
    """What the table has for a trouble; one sent with a foreign status looks like that status's own."""
    found = table[trouble.kind]
    if trouble.status in (None, found.status) or found.html:
        return found
    return table[by_status[trouble.status]] if trouble.status in by_status else found


def page(title: str, server: str = "cloudflare") -> bytes:
    """What the edge in front of an API says: a page, whatever was asked for."""
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        f"<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def whole_seconds(seconds: float) -> str:
    """A wait as `Retry-After` has it: an integer, of at least one second and never shorter than the wait."""
    return str(max(1, math.ceil(seconds)))


def with_own(headers: Headers, trouble: Trouble) -> Headers:
    """The headers with the trouble's own in the place of those of the same name."""
    own = {name.lower() for name, _ in trouble.headers}
    return (*(pair for pair in headers if pair[0] not in own), *trouble.headers)
