"""How often a target tries again, and with what."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ...fakes.journal import Exchange
from ..history import Call, History
from . import NothingToJudge, Violation, check, precise
from .attempts import at_each_provider, at_one_provider, ids, of_one_call, with_one_key


@check
@precise(1.0)
def bounded(attempts: list[Exchange], *, at_most: int) -> Iterator[Violation]:
    """A call makes no more attempts at a provider than promised."""
    for group in at_one_provider(attempts):
        if len(group) > at_most:
            yield Violation(f"{len(group)} attempts for one call", f"at most {at_most}", ids(group))


@check
@precise(1.0)
def tried_once(attempts: list[Exchange]) -> Iterator[Violation]:
    """A call makes exactly one attempt at a provider with a key."""
    for group in with_one_key(attempts):
        if len(group) > 1:
            yield Violation(f"{len(group)} attempts", "exactly one: trying again cannot help", ids(group))


@check
@precise(1.0)
def prompt_is_sent_once(attempts: list[Exchange]) -> Iterator[Violation]:
    """The same prompt goes to a provider with a key exactly once."""
    for group in with_one_key(attempts):
        for texts in dict.fromkeys(exchange.texts for exchange in group):
            same = [exchange for exchange in group if exchange.texts == texts]
            if len(same) > 1:
                yield Violation(f"the same prompt {len(same)} times", "exactly once", ids(same))


@check
def asked_once(attempts: list[Exchange]) -> Iterator[Violation]:
    """A call makes exactly one attempt in all."""
    for group in of_one_call(attempts):
        if len(group) > 1:
            yield Violation(f"{len(group)} attempts", "exactly one: nothing was wrong with the first", ids(group))


@check
def tried_again(attempts: list[Exchange]) -> Iterator[Violation]:
    """A call whose first attempt failed makes another."""
    for group in of_one_call(attempts):
        if len(group) == 1:
            yield Violation("a single attempt", "another after the first has failed", ids(group))


@check
def same_request(attempts: list[Exchange]) -> Iterator[Violation]:
    """Every attempt of a call at a provider carries the same body, and the same idempotency key where one is sent."""
    judged = False
    for group in at_one_provider(attempts):
        first = group[0]
        for other in group[1:]:
            judged = True
            if _body(other) != _body(first):
                yield Violation(f"another body: {_difference(first, other)}", "the same body", (first.id, other.id))
            if _idempotency(other) != _idempotency(first):
                yield Violation("another idempotency key", "the same one on every attempt", (first.id, other.id))
    if not judged:
        raise NothingToJudge("no call was tried again at the same provider")


@check
def within_retry_budget(attempts: list[Exchange], *, history: History, ratio: float) -> Iterator[Violation]:
    """Over a whole outage each provider sees at most so many attempts for each request of a caller."""
    made = sum(call.ended is not None or call.given_up is not None for call in history.calls)
    if not made:
        raise NothingToJudge("no call was made")
    for group in at_each_provider(attempts):
        if len(group) > ratio * made:
            saw = f"{len(group)} attempts for {made} requests, {len(group) / made:.2f} for each"
            yield Violation(saw, f"at most {ratio:g} for each", ids(group))


@check
def survives_the_hint(calls: list[Call], *, history: History, control: list[str]) -> Iterator[Violation]:
    """A hint that makes no sense breaks nothing: the caller is told what it is told when there is no hint.

    `control` names calls that met the same refusal without the hint.
    """
    for call in calls:
        if call.error in {"died", "cut"}:
            yield Violation("the target ended in the middle of a call", "an answer or an error", (call.id,))
        if call.error != "other":
            continue
        told = [other for other in history.calls if other.id in control and history.attempts([other])]
        for other in told:
            if other.error not in {None, "other"}:
                saw = f"an error of no known kind: {call.message[:120]!r}"
                promised = f"{other.error}, as without the hint: {other.message[:120]!r}"
                yield Violation(saw, promised, (call.id, other.id))


def _body(exchange: Exchange) -> object:
    try:
        return json.loads(exchange.request_body)
    except ValueError:
        return exchange.request_body


def _difference(one: Exchange, other: Exchange) -> str:
    first, second = _body(one), _body(other)
    if isinstance(first, dict) and isinstance(second, dict):
        names = [name for name in {**first, **second} if first.get(name) != second.get(name)]
        return ", ".join(f"{name!r}" for name in names) + " differs"
    return f"{len(one.request_body)} and {len(other.request_body)} bytes"


def _idempotency(exchange: Exchange) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in exchange.request_headers if "idempotency" in name)
