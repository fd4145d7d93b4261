"""What goes wrong with the body as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING

from .. import frames
from ..ask import Trouble
from ..events import payloads
from ..script import End, Op, Send, whole
from . import fault
from .pieces import TEXT, after_head, until_head
from .replies import reply

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script

PAGE = """<!DOCTYPE html>
<html>
<head><title>{title}</title></head>
<body>
<center><h1>{title}</h1></center>
<hr><center>gateway</center>
</body>
</html>
"""


@fault
@dataclass(frozen=True, slots=True)
class MalformedJson:
    """Send JSON that lacks its last closing brace; in a stream, the first piece of text does.

    Framing, length and content type are right: only a parser can tell. What has no brace stays as it is.
    """

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The script without that brace."""
        return list(_without_a_brace(list(script)))


@fault
@dataclass(frozen=True, slots=True)
class HtmlPage:
    """Answer with an HTML page, as a gateway before the provider does, under any `status`."""

    status: int = 200
    title: str | None = None

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The page instead of the answer."""
        yield from until_head(script)
        title = escape(self.title or f"{self.status} {_phrase(self.status)}".strip())
        yield from whole(self.status, PAGE.format(title=title).encode(), "text/html; charset=utf-8")


@fault
@dataclass(frozen=True, slots=True)
class EmptyBody:
    """Send the head of a fair answer and a body of no bytes; the message ends properly."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The head and the end."""
        ops = list(script)
        head = after_head(ops)
        return [*ops[:head], End()] if head else ops


@fault
@dataclass(frozen=True, slots=True)
class HalfBody:
    """Send the first half of the body's bytes as though they were all; the message ends properly.

    To keep the announced length and break the connection instead is `Cut`.
    """

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """Half the bytes, and the end."""
        ops = list(script)
        left = sum(len(op.data) for op in ops if isinstance(op, Send)) // 2
        kept: list[Op] = []
        for op in ops:
            if isinstance(op, Send):
                if left < len(op.data):
                    return [*kept, *([Send(op.data[:left], op.part)] if left else []), End()]
                left -= len(op.data)
            kept.append(op)
        return ops


@fault
@dataclass(frozen=True, slots=True)
class ErrorInOk:
    """Answer 200 with the provider's error in the body, for a trouble of any `kind`; to a streamed request too."""

    kind: str = "server_error"

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The error under a status that says all is well."""
        return reply(script, ask, Trouble(self.kind, status=200))


def _without_a_brace(ops: list[Op]) -> Iterator[Op]:
    # A body may come in many pieces: its last brace is in the last piece that has one.
    bodies = [i for i, op in enumerate(ops) if isinstance(op, Send) and op.part in TEXT and _has_brace(op.data)]
    if not bodies:
        yield from ops
        return
    first = ops[bodies[0]]
    broken = bodies[0] if isinstance(first, Send) and first.part == "delta" else bodies[-1]
    for index, op in enumerate(ops):
        if index == broken and isinstance(op, Send):
            yield Send(_without_its_last(op.data), op.part)
        else:
            yield op


def _has_brace(data: bytes) -> bool:
    return any(b"}" in each for each in payloads(data))


def _without_its_last(data: bytes) -> bytes:
    """The data without its last closing brace; a binary frame has the length and the checksums of what is left."""
    whole, rest = frames.split(data)
    if whole:
        last = max(index for index, each in enumerate(whole) if b"}" in each.said)
        whole[last] = whole[last].saying(_without_its_last)
        return b"".join(each.data for each in whole) + rest
    at = data.rindex(b"}")
    return data[:at] + data[at + 1 :]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
