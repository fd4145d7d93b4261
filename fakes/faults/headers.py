"""What goes wrong with the head of the reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..script import End, Head, with_headers
from . import fault
from .pieces import until_head

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script


@fault
@dataclass(frozen=True, slots=True)
class SetHeader:
    """Set a header of the reply to a `value`, or drop it where the value is None."""

    name: str
    value: str | None = None

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The same script under another head."""
        for op in script:
            yield with_headers(op, (self.name, self.value)) if isinstance(op, Head) else op


@fault
@dataclass(frozen=True, slots=True)
class WrongContentType:
    """Call the body something that it is not."""

    content_type: str = "text/html; charset=utf-8"

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The same body under another name."""
        return SetHeader("content-type", self.content_type).rewrite(script, ask)


@fault
@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the client to another address, `to`, where it had better not take its key.

    The path of the request is appended to `to`.
    """

    to: str
    status: int = 307

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """A redirection without a body."""
        query = f"?{ask.request.query}" if ask.request.query else ""
        location = self.to.rstrip("/") + ask.request.path + query
        yield from until_head(script)
        yield Head(self.status, (("location", location), ("content-length", "0")))
        yield End()
