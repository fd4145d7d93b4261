"""When an answer may be given again.

Calls that ask the same question have the same canary, so the exchanges of one are among those of the other; what a call
has made itself began after it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...fakes.journal import Exchange
from ..history import Call, History
from . import NothingToJudge, Violation, check
from .attempts import ids
from .streams import is_whole


@check
def from_the_cache(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """A question that was answered before is answered again without asking the provider."""
    for call in calls:
        made = asked_by(call, history)
        if made:
            yield Violation(f"{len(made)} exchanges for a question that was answered before", "none", ids(made))


@check
def asks_again(calls: list[Call], *, history: History, control: list[str]) -> Iterator[Violation]:
    """A question that has no good answer yet is asked again, and answered as any other question is.

    `control` names calls with a question of their own, made just before: where they are not answered either, or not
    by the same provider, it is not the cache's doing.
    """
    fair = [call for call in history.calls if call.id in control and is_whole(call, history)]
    if not fair:
        raise NothingToJudge("a question that nobody had asked is not answered either")
    served = {exchange.fake for call in fair for exchange in asked_by(call, history)}
    for call in calls:
        made = asked_by(call, history)
        told = f"error {call.error}: {call.message[:120]}" if call.error else repr(call.text[:80])
        if not made:
            yield Violation(f"{told} without asking again", "a fresh answer", (call.id, *control))
        elif call.text not in [exchange.answer for exchange in made] and {x.fake for x in made} & served:
            yield Violation(f"{told} after asking again", "the fresh answer", (call.id, *ids(made)))


@check
def not_mistaken(calls: list[Call], *, history: History, what: str) -> Iterator[Violation]:
    """A question that differs from one that was answered is another question: the provider is asked."""
    for call in calls:
        if not asked_by(call, history) and call.done:
            yield Violation(f"the answer to a question with another {what}", "an answer of its own", (call.id,))


@check
def expired(calls: list[Call], *, history: History, ttl: float) -> Iterator[Violation]:
    """When an answer has been kept for as long as it is good, the provider is asked again."""
    for call in calls:
        earlier = [x for x in history.attempts([call]) if x.started < call.started]
        if not asked_by(call, history) and call.done and earlier:
            age = call.start_seconds - earlier[-1].end_seconds
            yield Violation(f"an answer of {age:.1f} s ago", f"good for {ttl:g} s", (call.id, earlier[-1].id))


def asked_by(call: Call, history: History) -> list[Exchange]:
    """The exchanges that a call has made itself, and not an earlier one with the same question."""
    until = call.ended if call.ended is not None else call.given_up
    found = history.attempts([call])
    return [x for x in found if x.started >= call.started and (until is None or x.started <= until)]
