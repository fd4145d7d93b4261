"""Finding one's way in a script: the pieces of the answer's text, and where to break it off.

A streamed answer has a piece for each delta. A whole answer has one body; whoever wants to break it off after so many
pieces breaks it in the middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from .. import frames
from ..script import Head, Op, Send, Wait, header

if TYPE_CHECKING:
    from ..script import Script

TEXT = frozenset({"body", "delta"})
ENDING = frozenset({"finish", "usage", "sentinel"})


def until_head(script: Script) -> Iterator[Op]:
    """The waits before the head."""
    return takewhile(lambda op: isinstance(op, Wait), script)


def after_head(ops: Sequence[Op]) -> int:
    """The index behind the head; 0 where there is none."""
    return next((index + 1 for index, op in enumerate(ops) if isinstance(op, Head)), 0)


def streamed(ops: Sequence[Op]) -> bool:
    """Whether the script streams its answer in pieces of text."""
    return any(isinstance(op, Send) and op.part == "delta" for op in ops)


def is_event_stream(ops: Sequence[Op]) -> bool:
    """Whether the script's body is made of server-sent events, and not compressed."""
    return _is_of(ops, "text/event-stream")


def wide_characters(data: bytes) -> Iterator[int]:
    """Where in the text characters begin that take more than one byte; the lengths and sums of a frame are no text."""
    return (at for start, end in frames.texts(data) for at in range(start, end) if data[at] >= 0xC0)


def has_events(ops: Sequence[Op]) -> bool:
    """Whether the script's body is made of events, that others may be put between."""
    return is_event_stream(ops) or in_session(ops) or _is_of(ops, frames.CONTENT_TYPE)


def in_session(ops: Sequence[Op]) -> bool:
    """Whether the script plays in a WebSocket session."""
    return any(isinstance(op, Head) and header(op.headers, "upgrade") == "websocket" for op in ops)


def break_at(ops: Sequence[Op], chunks: int) -> tuple[list[Op], list[Op]]:
    """The script in two: up to its `chunks`-th piece of text, and the rest.

    A stream with fewer pieces breaks behind its last one, before anything that says it is over. A whole body breaks in
    the middle, or before its first byte where `chunks` is 0. What has neither has no rest.
    """
    if not streamed(ops):
        return _break_body(ops, 0.0 if chunks == 0 else 0.5)
    deltas = [index for index, op in enumerate(ops) if isinstance(op, Send) and op.part == "delta"]
    if chunks < len(deltas):
        at = deltas[chunks]
    else:
        # What is over before the last piece is a part of the answer, such as a text before a tool call.
        after = range(deltas[-1] + 1, len(ops))
        at = next((index for index in after if _ends(ops[index])), len(ops) - 1)
    return list(ops[:at]), list(ops[at:])


def sliced(data: bytes, size: int) -> Iterator[bytes]:
    """The data in pieces of `size` bytes; the last may be shorter."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def _is_of(ops: Sequence[Op], kind: str) -> bool:
    """Whether the script's body is of a type, and not compressed."""
    heads = [op for op in ops if isinstance(op, Head)]
    return any(
        (header(head.headers, "content-type") or "").startswith(kind)
        and header(head.headers, "content-encoding") is None
        for head in heads
    )


def _break_body(ops: Sequence[Op], share: float) -> tuple[list[Op], list[Op]]:
    left = int(sum(len(op.data) for op in ops if isinstance(op, Send)) * share)
    for index, op in enumerate(ops):
        if not isinstance(op, Send):
            continue
        if len(op.data) > left:
            head = [Send(op.data[:left], op.part)] if left else []
            return [*ops[:index], *head], [Send(op.data[left:], op.part), *ops[index + 1 :]]
        left -= len(op.data)
    return list(ops), []


def _ends(op: Op) -> bool:
    return isinstance(op, Send) and op.part in ENDING
