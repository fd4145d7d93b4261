"""How a target treats its connections to a provider."""

from __future__ import annotations

from collections.abc import Iterator

from ...fakes.journal import Exchange
from ..history import Call, History
from ..outcome import DIRTY
from . import NothingToJudge, Violation, check
from .attempts import at_each_provider, ids


@check
def reuses(attempts: list[Exchange], *, at_most: int) -> Iterator[Violation]:
    """Calls that follow one another share a few connections."""
    for group in at_each_provider(attempts):
        used = {exchange.connection for exchange in group}
        if len(used) > at_most:
            saw = f"{len(used)} connections for {len(group)} requests, one after the other"
            yield Violation(saw, f"at most {at_most}", ids(group))


@check
def releases(calls: list[Call], *, history: History, at_most: int) -> Iterator[Violation]:
    """What faulty calls have used is closed or used again: few connections are open when they are long over."""
    counts = [event.details["open"] for event in history.events if event.what == "connections"]
    if not counts:
        raise NothingToJudge("nobody counted the connections")
    over = {call.canary for call in calls if call.ended is not None}
    if not over:
        raise NothingToJudge("no call came to its end")
    held = False
    for fake, numbers in counts[-1].items():
        used = [x for x in history.exchanges if x.fake == fake and x.connection in numbers]
        busy = {x.connection for x in used if x.canary not in over}
        left = {x.connection: x for x in used if x.connection not in busy}
        if len(left) > at_most:
            held = True
            saw = f"{len(left)} open connections to {fake} when {len(over)} calls were long over"
            yield Violation(saw, f"at most {at_most}", ids(left.values()))
    if not held and len(over) <= at_most:
        raise NothingToJudge(f"only {len(over)} calls came to their end, which may keep as many connections")


@check
def lets_streams_end(attempts: list[Exchange]) -> Iterator[Violation]:
    """What is in flight when a provider sends GOAWAY, and is still being answered, is read to its end."""
    gone = {(x.fake, x.connection) for x in attempts if "goaway" in x.faults}
    in_flight = [x for x in attempts if (x.fake, x.connection) in gone and "goaway" not in x.faults]
    if not in_flight:
        raise NothingToJudge("nothing was in flight on a connection that had a GOAWAY")
    for exchange in in_flight:
        if exchange.ended == "client_left":
            took = exchange.end_seconds - exchange.start_seconds
            yield Violation(f"left after {took:.2f} s, while it was being answered", "read to its end", (exchange.id,))


@check
def tells_nothing(calls: list[Call]) -> Iterator[Violation]:
    """A caller who is given an error is shown no stack trace, address or key."""
    for call in calls:
        if call.error == "died":
            yield Violation(f"the target died: {call.message}", "an error", (call.id,))
        elif call.error is not None and (shown := DIRTY.search(call.message)):
            yield Violation(f"an error that shows {shown[0]!r}", "an error and nothing else", (call.id,))
