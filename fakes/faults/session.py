"""What goes wrong with a WebSocket session as such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..script import Close
from . import at_least, fault
from .pieces import break_at, in_session, streamed

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script


@fault
@dataclass(frozen=True, slots=True)
class CloseSession:
    """Close a WebSocket session with a close frame after `chunks` pieces of text; what is still owed never comes.

    `code` is 1011 for an error of the server, 1001 for one that goes away, 1000 as if all was said; `reason` stands in
    the frame. To leave without a close frame is `Cut`. An answer over HTTP has no close frame, and passes unchanged.
    """

    code: int = 1011
    chunks: int = 3
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "chunks")
        if not 1000 <= self.code <= 4999:
            raise ValueError(f"close_session: code is 1000 to 4999, not {self.code}")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The script up to the close frame."""
        ops = list(script)
        if not (in_session(ops) and streamed(ops)):
            return ops
        return [*break_at(ops, self.chunks)[0], Close(self.code, self.reason)]
