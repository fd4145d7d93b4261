"""What goes wrong with a stream of HTTP/2, and with the connection that it shares.

HTTP/1.1 has no such things: what comes over it is answered as if there were no fault, and none has bitten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from ..script import GoAway, ResetStream, TurnAway
from . import at_least, fault
from .pieces import break_at

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script


@fault
@dataclass(frozen=True, slots=True)
class Goaway:
    """Send GOAWAY: the connection takes no more streams, and closes once those that it has are over.

    Without `chunks` it comes instead of an answer, and names the last stream before this one that is being answered: a
    client knows that its request was not processed. With `chunks` it comes after so many pieces of text and names this
    stream too, whose answer goes on to its proper end. Only HTTP/2 has it.
    """

    chunks: int | None = None

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "chunks")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """GOAWAY instead of the script, or within it."""
        if ask.request.stream_id is None:
            return script
        if self.chunks is None:
            return [TurnAway()]
        ops = list(script)
        kept, rest = break_at(ops, self.chunks)
        return [*kept, GoAway(), *rest] if rest else ops


@fault
@dataclass(frozen=True, slots=True)
class RefuseStream:
    """Refuse the request by RST_STREAM REFUSED_STREAM: it was not processed. Only HTTP/2 has it.

    Nothing comes before it, and the connection serves other streams.
    """

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The refusal instead of the script."""
        return script if ask.request.stream_id is None else [ResetStream("REFUSED_STREAM")]


@fault
@dataclass(frozen=True, slots=True)
class StreamError:
    """End the stream by RST_STREAM with an error `code` after `chunks` pieces of its text. Only HTTP/2 has it.

    A whole answer ends in the middle of its body. The connection serves other streams.
    """

    chunks: int = 3
    code: Literal["INTERNAL_ERROR", "PROTOCOL_ERROR", "FLOW_CONTROL_ERROR", "CANCEL", "ENHANCE_YOUR_CALM"] = (
        "INTERNAL_ERROR"
    )

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "chunks")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The script up to the error."""
        if ask.request.stream_id is None:
            return script
        ops = list(script)
        kept, rest = break_at(ops, self.chunks)
        return [*kept, ResetStream(self.code)] if rest else ops


@fault
@dataclass(frozen=True, slots=True)
class WithholdWindow:
    """Give a stream's upload no more window than it begins with, 65,535 bytes; what a client has more stays with it.

    It is how a server looks that has stopped reading a body. The request never becomes whole, and the client waits
    until it gives up; other streams of the connection are served. Only HTTP/2 has windows.
    """

    door: ClassVar[str] = "withhold"
