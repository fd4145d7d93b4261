"""When a provider that fails is left alone, and how it is tried again.

What can be seen of a breaker is which calls reach the provider's wire. A storm of as many failed calls as promised has
opened it, whether it counts calls or attempts; from then on every exchange is a probe, and a call without one is proof
that it is open. Where each key has a breaker of its own, all this is true of each key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from statistics import median

from ...fakes.journal import Exchange
from ..contract import Breaker, Contract
from ..history import Call, History
from . import NothingToJudge, Violation, check, precise
from .attempts import ids
from .hints import replied
from .streams import is_whole

SOONER = 0.02
"""The part of a cooldown by which a probe may be early."""


@check
@precise(0.25)
def left_alone(
    calls: list[Call], *, history: History, contract: Contract, provider: str, storm: list[str], cooldown: float
) -> Iterator[Violation]:
    """A provider whose breaker is open gets no request before its cooldown is over.

    `storm` names the calls whose failures have opened it.
    """
    failures = _by_breaker(_storm(history, provider, storm), contract)
    due = (1 - SOONER) * cooldown
    certain = {key: failed for key, failed in failures.items() if key is None or _opens(failed, contract)}
    if not certain:
        raise NothingToJudge("no key failed as often as opens its breaker")
    for key, tried in _by_breaker(history.attempts(calls, provider), contract).items():
        if key not in certain:
            continue
        failed = certain[key]
        last = _opened_by(failed)
        for exchange in tried:
            rested = exchange.start_seconds - last.end_seconds
            if rested < due:
                saw = f"a request {rested:.2f} s after the last of {len(failed)} failures"
                yield Violation(saw, f"none for {cooldown:g} s", (last.id, exchange.id), due - rested)


@check
@precise(0.25)
def opens_again(
    calls: list[Call], *, history: History, contract: Contract, provider: str, cooldown: float, probes: int
) -> Iterator[Violation]:
    """After a probe has failed the provider gets no request before another cooldown is over."""
    tried = history.attempts(calls, provider)
    watched = max(call.start_seconds for call in calls)
    due = (1 - SOONER) * cooldown
    if not tried or watched - tried[0].start_seconds < due:
        raise NothingToJudge("the provider was not tried again, or too late to see what followed")
    for group in _by_breaker(tried, contract).values():
        for place, exchange in enumerate(group):
            recent = [one for one in group[:place] if exchange.start_seconds - one.start_seconds < due]
            if len(recent) >= probes:
                rested = exchange.start_seconds - recent[-1].start_seconds
                saw = f"a request {rested:.2f} s after a probe that failed"
                yield Violation(saw, f"none for {cooldown:g} s", (recent[-1].id, exchange.id), due - rested)


@check
@precise(0.25)
def probed_gently(
    calls: list[Call], *, history: History, contract: Contract, provider: str, probes: int
) -> Iterator[Violation]:
    """When a cooldown is over only so many requests try the provider, until one of them is answered."""
    tried = history.attempts(calls, provider)
    if not tried:
        raise NothingToJudge("nobody tried the provider when its cooldown was over")
    for group in _by_breaker(tried, contract).values():
        answered = min(replied(exchange) for exchange in group)
        early = [exchange for exchange in group if exchange.start_seconds < answered]
        if len(early) > probes:
            saw = f"{len(early)} requests of {len(calls)} callers before the first was answered"
            yield Violation(saw, f"at most {probes}", ids(early))


@check
@precise(0.02)
def told_at_once(calls: list[Call], *, history: History, provider: str, within: float) -> Iterator[Violation]:
    """Callers who meet an open breaker are answered at once, by the median.

    What another provider takes to answer instead does not count.
    """
    met = [call for call in calls if not history.attempts([call], provider)]
    if not met:
        raise NothingToJudge("every call reached the provider: its breaker was not open")
    took = median(_own_seconds(call, history) for call in met)
    if took == inf:
        yield Violation("neither answer nor error", f"one within {within:g} s", _ids(met))
    elif took > within:
        yield Violation(f"told after {took:.3f} s", f"within {within:g} s", _ids(met), took - within)


@check
def asked(calls: list[Call], *, history: History, provider: str) -> Iterator[Violation]:
    """Every one of these calls is sent to the provider: its breaker is closed."""
    kept = [call for call in calls if not history.attempts([call], provider)]
    if kept:
        saw = f"{len(kept)} of {len(calls)} calls were not sent to {provider}"
        yield Violation(saw, "all of them: nothing holds its breaker open", _ids(kept))


@check
def stayed_closed(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """Fair calls beside failing ones are all sent to a provider: who has no breaker that opened has shown the rest."""
    kept = sum(not history.attempts([call]) for call in calls)
    if kept:
        raise NothingToJudge(f"{kept} of {len(calls)} fair calls met an open breaker, so that what fails says nothing")
    yield from ()


@check
def unaffected(calls: list[Call], *, history: History, dead: str, well: str) -> Iterator[Violation]:
    """Who is not let through to a dead provider is answered by one that is well."""
    kept = [call for call in calls if not history.attempts([call], dead)]
    if not kept:
        raise NothingToJudge(f"every call reached {dead}: its breaker was not open")
    for call in kept:
        sent = history.attempts([call], well)
        if not sent or not is_whole(call, history):
            saw = f"error {call.error}" if call.error else "no whole answer"
            yield Violation(f"{saw}, and {len(sent)} requests to {well}", f"an answer of {well}", (call.id, *ids(sent)))


@check
def does_not_flap(
    calls: list[Call], *, history: History, provider: str, probes: int, at_most: int
) -> Iterator[Violation]:
    """A breaker does not open and close all the time, when a provider fails now and then."""
    if not history.attempts(calls, provider):
        raise NothingToJudge("no call reached the provider")
    opened, passed, first = 0, inf, None
    for call in sorted(calls, key=lambda one: one.started):
        if history.attempts([call], provider):
            passed += 1
        else:
            # A probe or two between calls that are kept away do not make it closed.
            opened += passed > probes
            first, passed = first or call, 0
    if opened > at_most and first is not None:
        yield Violation(f"it opened {opened} times", f"at most {at_most} times", (first.id,))


def _storm(history: History, provider: str, storm: list[str]) -> list[Exchange]:
    """The exchanges that have opened a breaker, where it is certain that they have."""
    calls = [call for call in history.calls if call.id in storm]
    failed = history.attempts(calls, provider)
    if not failed or not all(exchange.faults for exchange in failed):
        raise NothingToJudge("the provider was not seen to fail")
    endless = sum(call.ended is None for call in calls)
    if endless:
        raise NothingToJudge(f"{endless} of the calls that were to fail had no end")
    return failed


def _by_breaker(exchanges: Sequence[Exchange], contract: Contract) -> dict[str | None, list[Exchange]]:
    """The exchanges at one provider by the breaker that they pass: the only one, whose name is None, or their key's."""
    found: dict[str | None, list[Exchange]] = {}
    for exchange in exchanges:
        own = contract.breaker is not None and contract.breaker.scope == "key"
        found.setdefault(exchange.key if own else None, []).append(exchange)
    return found


def _opens(failed: Sequence[Exchange], contract: Contract) -> bool:
    """Whether as many calls as promised have failed by one key: which key failed them was the target's choice."""
    return len({exchange.canary for exchange in failed}) >= (contract.breaker or Breaker()).opens_after


def _opened_by(failed: list[Exchange]) -> Exchange:
    """The failure that has opened a breaker at the earliest: the first to end after the last was let through."""
    last = max(exchange.start_seconds for exchange in failed)
    return min((one for one in failed if one.end_seconds >= last), key=lambda one: one.end_seconds)


def _own_seconds(call: Call, history: History) -> float:
    """How long a caller waited, without the time that other providers took."""
    if call.took is None:
        return inf
    return call.took - sum(exchange.end_seconds - exchange.start_seconds for exchange in history.attempts([call]))


def _ids(calls: list[Call]) -> tuple[str, ...]:
    return tuple(call.id for call in calls)[:10]
