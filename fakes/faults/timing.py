"""What comes late, slowly, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..figures import Count, Period, Seconds
from ..script import Hang, Head, Op, Send, Wait
from . import at_least, fault
from .pieces import TEXT, break_at, has_events, sliced
from .spread import Spread, draw

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script

HEARTBEATS_FOR = 3600.0


@fault
@dataclass(frozen=True, slots=True)
class Latency:
    """Take `first` seconds until the first piece of text, and `between` seconds from each piece to the next.

    Each is a number or a distribution to draw from; None leaves the answer's own pace. The head leaves with the first
    piece, or at once where `early_head` is set. A whole answer has one piece, and so has a refusal. Pauses that faults
    before this one have made in the text are gone: put it before them.
    """

    first: Spread | None = None
    between: Spread | None = None
    early_head: bool = False

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "first", "between")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The script with other waits."""
        ops = list(script)
        if self.first is not None or self.early_head:
            ops = list(self._first(ops, ask))
        return self._between(ops, ask) if self.between is not None else ops

    def _first(self, ops: list[Op], ask: Ask) -> Iterator[Op]:
        """What the first piece waits for stands before the head, or behind it."""
        start = _first_piece(ops)
        own = sum(op.seconds for op in ops[:start] if isinstance(op, Wait))
        wait = Wait(own if self.first is None else draw(self.first, ask.random))
        if not self.early_head:
            yield wait
        for op in ops[:start]:
            if not isinstance(op, Wait):
                yield op
            if isinstance(op, Head) and self.early_head:
                yield wait
        yield from ops[start:]

    def _between(self, ops: list[Op], ask: Ask) -> Iterator[Op]:
        assert self.between is not None
        start = _first_piece(ops)
        yield from ops[: start + 1]
        for op in ops[start + 1 :]:
            if isinstance(op, Send) and op.part in TEXT:
                yield Wait(draw(self.between, ask.random))
            if not isinstance(op, Wait):
                yield op


@fault
@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing more after `chunks` pieces of text, and keep the connection open; a whole answer stops half-way.

    After `seconds` the answer goes on; None is for ever. With `heartbeat` the provider's keep-alive is sent that often
    in the meantime (for an hour, where the stall is for ever): bytes flow and no text does. Only event streams
    and sessions have one.
    """

    chunks: int = 3
    seconds: Seconds | None = None
    heartbeat: Period | None = None

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "chunks", "seconds")
        at_least(0.1, self, "heartbeat")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The script with a pause, or with nothing after it."""
        ops = list(script)
        kept, rest = break_at(ops, self.chunks)
        if not rest:
            return ops
        return [*kept, *self._pause(ask, has_events(ops)), *(rest if self.seconds is not None else [Hang()])]

    def _pause(self, ask: Ask, beating: bool) -> Iterator[Op]:
        left = self.seconds
        if self.heartbeat is not None and beating:
            beats = int((HEARTBEATS_FOR if left is None else left) / self.heartbeat)
            for _ in range(beats):
                yield Wait(self.heartbeat)
                yield ask.dialect.ping(ask)
            left = None if left is None else left - beats * self.heartbeat
        if left is not None:
            yield Wait(left)


@fault
@dataclass(frozen=True, slots=True)
class Drip:
    """Send the body a few bytes at a time, with a pause before each piece.

    A client that sets only a read timeout never notices: every single read succeeds.
    """

    piece_bytes: Count = 16
    pause: Seconds = 0.5

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(1, self, "piece_bytes")
        at_least(0, self, "pause")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The same bytes, slowly."""
        for op in script:
            if not isinstance(op, Send):
                yield op
                continue
            for piece in sliced(op.data, self.piece_bytes):
                yield Wait(self.pause)
                yield Send(piece, op.part)


def _first_piece(ops: list[Op]) -> int:
    """The index of the first piece of text; that of the end where there is none."""
    for index, op in enumerate(ops):
        if isinstance(op, Send) and op.part in TEXT:
            return index
    return len(ops) - 1
