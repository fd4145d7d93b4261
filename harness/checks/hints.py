"""What a provider says about when to come back, and whether it is obeyed.

A hint binds the provider and the key that gave it. `Retry-After` is a number of seconds or a date, `retry-after-ms` a
number of milliseconds; where both are there and disagree, a client may believe either, so the sooner one counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise

from ...fakes.journal import Exchange
from ...fakes.script import header
from ..history import History
from . import NothingToJudge, Violation, check, precise
from .attempts import of_one_call, with_one_key

GRACE = 0.05
"""Seconds by which a retry may be early: timers are rounded to milliseconds, and clocks tick apart."""


@check
@precise(0.25)
def waits_for_retry_after(attempts: list[Exchange], *, history: History, followed: bool = True) -> Iterator[Violation]:
    """No retry leaves before the moment that the reply it follows has named, for that provider and key.

    Unless `followed` is false, somebody has to come back, or to be answered elsewhere: silence alone obeys nothing.
    """
    hints, found, obeyed = 0, 0, 0
    for group in with_one_key(attempts):
        for place, exchange in enumerate(group):
            due = due_after(exchange, history)
            if due is None:
                continue
            hints += 1
            after = next((later for later in group[place + 1 :] if later.start_seconds > replied(exchange)), None)
            if after is None:
                obeyed += _answered(exchange, history)
            elif after.start_seconds < due - GRACE:
                found += 1
                waited, asked = after.start_seconds - replied(exchange), due - replied(exchange)
                saw, promised = f"retried after {waited:.2f} s", f"was asked to wait {asked:.4g} s"
                yield Violation(saw, promised, (exchange.id, after.id), due - GRACE - after.start_seconds)
            else:
                obeyed += 1
    if not hints:
        raise NothingToJudge("no reply said when to come back")
    if followed and not found and not obeyed:
        raise NothingToJudge("nobody came back, sooner or later")


@check
@precise(0.1)
def leaves_alone(attempts: list[Exchange], *, history: History, seconds: float) -> Iterator[Violation]:
    """After a reply that says so in the provider's own way, no retry leaves before so many seconds have passed."""
    judged = False
    for group in with_one_key(attempts):
        # Whoever is answered elsewhere has left the provider alone.
        judged = judged or (bool(group[-1].faults) and _answered(group[-1], history))
        for earlier, later in pairwise(group):
            if not earlier.faults or later.start_seconds <= replied(earlier):
                continue
            judged = True
            waited = later.start_seconds - replied(earlier)
            if waited < seconds - GRACE:
                saw, promised = f"retried after {waited:.2f} s", f"was asked to wait {seconds:g} s"
                yield Violation(saw, promised, (earlier.id, later.id), seconds - GRACE - waited)
    if not judged:
        raise NothingToJudge("nobody came back, sooner or later")


@check
def comes_back_within(attempts: list[Exchange], *, seconds: float) -> Iterator[Violation]:
    """The next attempt of a call leaves at most so many seconds after the reply that asked for a wait."""
    pairs = [group[:2] for group in of_one_call(attempts) if len(group) > 1]
    if not pairs:
        raise NothingToJudge("nobody came back, sooner or later")
    for first, second in pairs:
        waited = second.start_seconds - replied(first)
        if waited > seconds:
            saw, promised = f"retried after {waited:.2f} s", f"within {seconds:g} s"
            yield Violation(saw, promised, (first.id, second.id), waited - seconds)


def replied(exchange: Exchange) -> float:
    """When the reply began to reach the client, in seconds: from there on its hint is known."""
    return exchange.end_seconds if exchange.first_byte is None else exchange.first_byte / 1e9


def due_after(exchange: Exchange, history: History) -> float | None:
    """The moment, in seconds since the scenario began, that a reply has named; None where it made no sense."""
    waits = [
        _number(header(exchange.headers, "retry-after-ms"), 1e-3),
        _number(header(exchange.headers, "retry-after"), 1.0),
    ]
    moments = [replied(exchange) + wait for wait in waits if wait is not None]
    moments += [moment for moment in [_date(exchange, history)] if moment is not None]
    return min(moments, default=None)


def _number(text: str | None, unit: float) -> float | None:
    try:
        number = float(text or "") * unit
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _date(exchange: Exchange, history: History) -> float | None:
    """When the server's clock shows the date that it has named.

    `Date` is the server's clock cut to the second. A clock that is right has just begun the second that it shows; of
    one that is wrong nobody knows how far into its second it is, so the client has the benefit of up to one.
    """
    until = _parsed(header(exchange.headers, "retry-after"))
    if until is None:
        return None
    asked = exchange.started if exchange.request_complete is None else exchange.request_complete
    now = history.heading.started + asked / 1e9
    shown = _parsed(header(exchange.headers, "date"))
    ahead = 0.0 if shown is None else shown - now
    if not -1 - GRACE <= ahead <= GRACE:
        until -= ahead + 1
    moment = until - history.heading.started
    return moment if moment > replied(exchange) else None


def _parsed(date: str | None) -> float | None:
    try:
        parsed: datetime = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return parsed.timestamp()


def _answered(exchange: Exchange, history: History) -> bool:
    return any(call.done for call in history.calls_of(exchange.canary))
