"""What goes wrong between the events of a streamed answer.

An answer that is not streamed has none: it passes these faults unchanged, and they have not bitten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..ask import Trouble
from ..figures import Count
from ..script import End, Op, Send
from . import at_least, fault
from .pieces import break_at, streamed

if TYPE_CHECKING:
    from ..ask import Ask
    from ..script import Script


@fault
@dataclass(frozen=True, slots=True)
class MidstreamError:
    """Send the provider's error for a trouble of any `kind` as an event after `chunks` pieces of text, and end there.

    The HTTP message ends properly; nothing of what the answer still owes follows. Only a streamed answer has a middle.
    """

    chunks: int = 3
    kind: str = "server_error"

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "chunks")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The stream up to the error."""
        ops = list(script)
        if not streamed(ops):
            return ops
        kept, _ = break_at(ops, self.chunks)
        sent = sum(isinstance(op, Send) and op.part != "comment" for op in kept)
        return [*kept, ask.dialect.midstream_error(ask, Trouble(self.kind), sent), End()]


@fault
@dataclass(frozen=True, slots=True)
class GarbageEvent:
    """Send an event that nobody can parse in place of the piece of text after the first `chunks`.

    The stream goes on and ends properly: who skips the event has lost a piece. Only a streamed answer has events.
    """

    chunks: int = 3

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "chunks")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The stream with garbage in it."""
        return _at_pieces(script, self.chunks, 1, lambda _: [ask.dialect.garbage(ask)])


@fault
@dataclass(frozen=True, slots=True)
class DroppedEvents:
    """Lose `count` pieces of text after the first `chunks`. Only a streamed answer can lose some."""

    chunks: int = 3
    count: Count = 1

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "chunks")
        at_least(1, self, "count")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The stream without them."""
        return _at_pieces(script, self.chunks, self.count, lambda _: [])


@fault
@dataclass(frozen=True, slots=True)
class DuplicatedEvents:
    """Send `count` pieces of text twice, after the first `chunks`. Only a streamed answer has pieces."""

    chunks: int = 3
    count: Count = 1

    def __post_init__(self) -> None:
        """Refuse what could never be meant."""
        at_least(0, self, "chunks")
        at_least(1, self, "count")

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The stream with repetitions."""
        return _at_pieces(script, self.chunks, self.count, lambda op: [op, op])


@fault
@dataclass(frozen=True, slots=True)
class NoSentinel:
    """End a stream properly, finish reason included, without its sentinel (`[DONE]`). Not every dialect has one."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The stream without its sentinel."""
        return _without(script, "sentinel")


@fault
@dataclass(frozen=True, slots=True)
class NoFinish:
    """Send the whole text of a stream and its sentinel, and never say that it is over, or why."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The stream without its finish."""
        ops = list(script)
        return _without(ops, "finish") if streamed(ops) else ops


@fault
@dataclass(frozen=True, slots=True)
class NoUsage:
    """End a stream without the tokens that it took, though they were asked for, as many compatible providers do."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The stream without its account."""
        return _without(script, "usage")


def _without(script: Script, part: str) -> Iterator[Op]:
    return (op for op in script if not (isinstance(op, Send) and op.part == part))


def _at_pieces(script: Script, chunks: int, count: int, change: Callable[[Send], Sequence[Op]]) -> Iterator[Op]:
    """The script with a change to `count` pieces of a stream's text, after the first `chunks`."""
    seen = 0
    for op in script:
        if isinstance(op, Send) and op.part == "delta":
            seen += 1
            if chunks < seen <= chunks + count:
                yield from change(op)
                continue
        yield op
