"""Histories built by hand, for tests of checks and verdicts; times are in seconds."""

from __future__ import annotations

from typing import Any

from brownout.fakes.journal import Exchange, Piece
from brownout.harness.contract import Contract
from brownout.harness.history import Call, Chunk, Heading, History

CANARY = "k7q2x9"
ANSWER = " ".join(f"{CANARY}-{number}" for number in range(1, 9))


def nanoseconds(seconds: float | None) -> int | None:
    """A time as a history writes it."""
    return None if seconds is None else round(seconds * 1e9)


def exchange(name: str, at: float = 0.0, *, ends: float | None = None, **fields: Any) -> Exchange:
    """An exchange of the call with the usual canary that began at `at` and was over at `ends`, at once by default."""
    over = nanoseconds(at if ends is None else ends)
    known = {
        "canary": CANARY,
        "status": 200,
        "answer": ANSWER,
        "ended": "complete",
        "last_byte": over,
        "finished": over,
    }
    start = round(at * 1e9)
    return Exchange(name, "primary", "openai", 1, start, start, **{"request_complete": start, **known, **fields})


def piece(at: float, part: str = "delta") -> Piece:
    """A piece of an answer that left at `at`."""
    return Piece(round(at * 1e9), round(at * 1e9), 10, part)


def call(name: str = "c1", at: float = 0.0, *, ends: float | None = 1.0, **fields: Any) -> Call:
    """A call with the usual canary that got the whole answer, unless it is said otherwise; None never ends."""
    known: dict[str, Any] = {"text": ANSWER, "finish": "stop", "ends": 0 if ends is None else 1}
    return Call(name, fields.pop("canary", CANARY), round(at * 1e9), ended=nanoseconds(ends), **{**known, **fields})


def chunk(at: float, text: str) -> Chunk:
    """A piece of text that reached the caller at `at`."""
    return Chunk(round(at * 1e9), text)


def history(*records: Exchange | Call, contract: Contract | None = None, noise: float = 0.0) -> History:
    """A history of these exchanges and calls."""
    heading = Heading("test.row", "", "must", "A promise.", "test", contract or Contract(), 0, 1_795_000_000.0)
    heading.noise = noise
    return History(
        heading,
        exchanges=[record for record in records if isinstance(record, Exchange)],
        calls=[record for record in records if isinstance(record, Call)],
    )
