"""How long a target lets a caller wait, and a provider work for nobody."""

from __future__ import annotations

from collections.abc import Iterator

from ...fakes.journal import Exchange
from ..history import Call, History
from . import NothingToJudge, Violation, check
from .answers import LATE
from .attempts import ids
from .streams import is_told, is_whole


@check
def told_of_the_stall(
    calls: list[Call], *, history: History, idle: float | None, deadline: float
) -> Iterator[Violation]:
    """A caller whose stream has stalled is told before the idle timeout, or the deadline where none is promised."""
    for call in calls:
        stalled = [exchange for exchange in history.attempts([call]) if exchange.faults and exchange.last_byte]
        if not stalled:
            raise NothingToJudge("no stream stalled")
        if is_whole(call, history):
            continue
        since = call.started if idle is None else stalled[0].last_byte or 0
        limit = deadline if idle is None else idle
        promised = f"an error within {limit:g} s of {'the call' if idle is None else 'the last byte'}"
        evidence = (call.id, *ids(stalled))
        if call.ended is None:
            yield Violation("neither end nor error", promised, evidence)
        elif not is_told(call):
            yield Violation(f"{len(call.text)} characters and a normal end", promised, evidence)
        elif (late := (call.ended - since) / 1e9 - limit) > LATE:
            yield Violation(f"an error after {late + limit:.2f} s", promised, evidence, late - LATE)


@check
def leaves_with_the_caller(calls: list[Call], *, history: History, within: float) -> Iterator[Violation]:
    """When a caller leaves, the connection to the provider is closed within a second, so that no more is paid for."""
    judged = False
    for call in calls:
        left = call.cancelled
        if left is None:
            continue
        for exchange in history.attempts([call]):
            if exchange.started > left + within * 1e9:
                judged = True
                yield Violation("an attempt after the caller had left", "none", (call.id, exchange.id))
            elif exchange.finished is None or exchange.finished >= left:
                judged = True
                yield from _closed(call, exchange, left, within)
    if not judged:
        raise NothingToJudge("nothing was under way when the caller left")


def _closed(call: Call, exchange: Exchange, left: int, within: float) -> Iterator[Violation]:
    promised, evidence = f"closed within {within:g} s of the caller's leaving", (call.id, exchange.id)
    closed = exchange.client_closed
    if closed is None and (exchange.finished is None or exchange.finished - left > within * 1e9):
        yield Violation("the connection to the provider stayed open", promised, evidence)
    elif closed is not None and (late := (closed - left) / 1e9 - within) > 0:
        yield Violation(f"closed {late + within:.2f} s after the caller had left", promised, evidence, late)
