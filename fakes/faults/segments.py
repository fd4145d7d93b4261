"""The same bytes in other TCP segments.

Each piece leaves in a write of its own, which the kernel sends at once and as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..figures import Count, Seconds
from ..script import LAST, Op, Send, Wait
from . import at_least, fault
from .pieces import after_head, sliced, wide_characters

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script


@fault
@dataclass(frozen=True, slots=True)
class SplitBytes:
    """Send the body in pieces of `piece_bytes` bytes, each in a segment of its own, `pause` seconds apart.

    In a chunked body each piece is a chunk too. With a pause no client's kernel can join them again.
    """

    piece_bytes: Count = 1
    pause: Seconds = 0.0

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(1, self, "piece_bytes")
        at_least(0, self, "pause")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The same bytes in more pieces."""
        for op in script:
            if isinstance(op, Send):
                yield from _apart([Send(piece, op.part) for piece in sliced(op.data, self.piece_bytes)], self.pause)
            else:
                yield op


@fault
@dataclass(frozen=True, slots=True)
class SplitCharacters:
    """End a segment within every character that takes more than one byte, and go on `pause` seconds later.

    An answer in ASCII has no such character, and passes unchanged.
    """

    pause: Seconds = 0.0

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The same bytes, cut where it hurts."""
        for op in script:
            if isinstance(op, Send):
                yield from _apart([Send(piece, op.part) for piece in _cut_in_characters(op.data)], self.pause)
            else:
                yield op


@fault
@dataclass(frozen=True, slots=True)
class JoinedFrames:
    """Send the whole body, head included, in one write, when the last of it is ready, as a buffering proxy does."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """Every wait, the head, one piece, and the end."""
        ops = list(script)
        start = after_head(ops)
        if not start or sum(isinstance(op, Send) for op in ops) < 2:
            return ops
        seconds = sum(op.seconds for op in ops if isinstance(op, Wait))
        body = b"".join(op.data for op in ops if isinstance(op, Send))
        return [Wait(seconds), *ops[start - 1 : start], Send(body), *(op for op in ops if isinstance(op, LAST))]


def _apart(pieces: list[Send], pause: float) -> Iterator[Op]:
    for number, piece in enumerate(pieces):
        if number and pause:
            yield Wait(pause)
        yield piece


def _cut_in_characters(data: bytes) -> Iterator[bytes]:
    start = 0
    for at in wide_characters(data):
        yield data[start : at + 1]
        start = at + 1
    yield data[start:]
