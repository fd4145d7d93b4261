"""What goes wrong with the connection itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from .. import frames
from ..figures import Seconds
from ..script import Close, End, Hang, Op, Reset, Send
from . import at_least, fault
from .pieces import TEXT, after_head, break_at, until_head, wide_characters

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script


CUTS: dict[str, Op] = {"clean": End(), "fin": Close(), "reset": Reset()}
# Behind how many bytes an event breaks; 0 where it has no such place.
PLACES: dict[str, Callable[[bytes], int]] = {
    "event": lambda data: len(data) // 2,
    "character": lambda data: next((at + 1 for at in wide_characters(data)), 0),
    "prelude": lambda data: frames.PRELUDE_BYTES // 2 if frames.split(data)[0] else 0,
}


@fault
@dataclass(frozen=True, slots=True)
class Cut:
    """Break the answer off after `chunks` pieces of its text; a whole answer in the middle of its body.

    `how` is "clean" (the HTTP message ends properly, what the dialect owes is missing), "fin" (the connection is
    closed, what HTTP owes is missing too) or "reset"; a WebSocket session has no close frame then, and a "clean" cut
    leaves it open. `inside` breaks the next piece as well: in the middle of the "event", within the next "character"
    that takes more than one byte, or within the "prelude" of a binary frame, the lengths that it begins with. An answer
    that has no such character, or no frames, is not cut.
    """

    chunks: int = 3
    how: Literal["clean", "fin", "reset"] = "fin"
    inside: Literal["event", "character", "prelude"] | None = None

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "chunks")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The script up to the cut, and the end it takes."""
        ops = list(script)
        kept, rest = break_at(ops, self.chunks)
        if self.inside is not None:
            broken = _inside(rest, PLACES[self.inside])
            if broken is None:
                return ops
            kept += broken
        return [*kept, CUTS[self.how]] if rest else ops


@fault
@dataclass(frozen=True, slots=True)
class ResetBeforeHeaders:
    """Read the request and reset the connection before any header."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """A reset in place of the head."""
        return [*until_head(script), Reset()]


@fault
@dataclass(frozen=True, slots=True)
class CloseBeforeHeaders:
    """Read the request and close the connection before any header."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """A FIN in place of the head."""
        return [*until_head(script), Close()]


@fault
@dataclass(frozen=True, slots=True)
class HangBeforeHeaders:
    """Read the request and never answer; the connection stays open."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """Nothing, for ever."""
        return [Hang()]


@fault
@dataclass(frozen=True, slots=True)
class HangAfterHeaders:
    """Send the head of a fair answer and nothing else; the connection stays open."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The head, and then nothing, for ever."""
        ops = list(script)
        return [*ops[: after_head(ops)], Hang()]


@fault
@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse connections, as a port does on which nobody listens."""

    door: ClassVar[str] = "refuse"


@fault
@dataclass(frozen=True, slots=True)
class Blackhole:
    """Answer no attempt to connect, as a host does behind a firewall that drops packets."""

    door: ClassVar[str] = "blackhole"


@fault
@dataclass(frozen=True, slots=True)
class ResetOnAccept:
    """Accept connections and reset them at once."""

    door: ClassVar[str] = "reset"


@fault
@dataclass(frozen=True, slots=True)
class StaleConnections:
    """Give up connections that have been idle, after a first exchange, for `idle` seconds.

    `how` is "fin" (the connection is closed when the time is over) or "reset" (it looks alive until a request comes
    that rides it, which is met with a reset before any header).
    """

    door: ClassVar[str] = "stale"

    idle: Seconds = 1.0
    how: Literal["fin", "reset"] = "reset"

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "idle")


def _inside(rest: list[Op], place: Callable[[bytes], int]) -> list[Op] | None:
    """The rest up to the first break inside an event, at the place where it breaks; None where nothing does."""
    kept: list[Op] = []
    for op in rest:
        if not (isinstance(op, Send) and op.part in TEXT):
            kept.append(op)
            continue
        if at := place(op.data):
            return [*kept, Send(op.data[:at], op.part)]
        kept.append(op)
    return None
