"""What must not leave does not leave, and what is the caller's own comes back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ...fakes.journal import Exchange
from ..contract import Contract, Pii
from ..history import Call, History, Sighting
from ..pii import places
from ..pii.people import DECOY
from ..pii.tally import Count, tally
from . import NothingToJudge, Violation, check, counting

MARK = re.compile(r"<pii:\w+:(v\d+)>")
MOST_PROOF = 8
"""Exchanges and calls that a violation points at."""


def sent(attempts: list[Exchange], *, history: History, after: int = 0) -> list[Count]:
    """What reached a provider; `after` leaves out so many attempts of each call."""
    judged = {exchange.id for exchange in attempts if exchange.attempt > after}
    if not judged:
        raise NothingToJudge("there was no such attempt")
    return _counts(history, [x for x in history.sightings if x.where in judged and x.place in places.WIRE])


def logged(history: History) -> list[Count]:
    """What stood in the target's output."""
    return _counts(history, [x for x in history.sightings if not x.where])


def told(calls: list[Call], *, history: History) -> list[Count]:
    """What stood in errors that callers were given."""
    failed = {call.id for call in calls if call.error is not None}
    if not failed:
        raise NothingToJudge("no caller was given an error")
    return _counts(history, [x for x in history.sightings if x.where in failed and x.place == places.ERROR])


@check
@counting(sent)
def nothing_personal_leaves(
    attempts: list[Exchange], *, history: History, contract: Contract, after: int = 0
) -> Iterator[Violation]:
    """No provider is sent a value of a type that the target masks."""
    yield from _leaks(sent(attempts, history=history, after=after), contract, "reached a provider")


@check
@counting(logged)
def nothing_personal_is_logged(history: History, *, contract: Contract) -> Iterator[Violation]:
    """What the target prints and logs holds no value of a type that it masks."""
    violations = list(_leaks(logged(history), contract, "stood in the target's output"))
    if not violations and any(event.what in {"output_truncated", "line_truncated"} for event in history.events):
        raise NothingToJudge("the target said more than was kept, and nothing was found in what was")
    yield from violations


@check
@counting(told)
def nothing_personal_in_errors(calls: list[Call], *, history: History, contract: Contract) -> Iterator[Violation]:
    """An error that a caller is given holds no value of a type that the target masks."""
    yield from _leaks(told(calls, history=history), contract, "stood in a caller's error")


@check
def nothing_of_others(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """No caller is told a value that another has said."""
    if not any(call.text or call.message for call in calls):
        raise NothingToJudge("no caller was told anything")
    kinds = {one.id: one for one in history.planted}
    own = {(one.where, one.value) for one in history.sightings if one.place == places.QUESTION}
    told: dict[str, dict[str, None]] = {}
    for one in history.sightings:
        if one.place in {places.ANSWER, places.ERROR} and (one.where, one.value) not in own:
            told.setdefault(one.where, {})[one.value] = None
    for call in calls:
        for value in told.get(call.id, ()):
            whose = [where for where, said in own if said == value]
            saw = f"{kinds[value].type} of {', '.join(sorted(whose)[:3]) or 'nobody here'}, told to {call.id}"
            yield Violation(saw, "nobody's values but the caller's own", (call.id, *sorted(whose)[:3]))


@check
def restored(calls: list[Call], *, history: History, contract: Contract) -> Iterator[Violation]:
    """The values that a caller has said, and the provider repeats, come back in the reply, each in its place."""
    claimed = frozenset[str](_claimed(contract).types)
    kinds = {one.id: one.type for one in history.planted if one.type in claimed}
    judged = False
    for call in calls:
        attempts = history.attempts([call])
        said = _marked(str(call.messages[-1]["content"]), kinds)
        if not said or not any(_repeats(exchange) for exchange in attempts):
            continue
        judged = True
        told = _marked(call.text, kinds)
        evidence = (call.id, *(exchange.id for exchange in attempts))
        if lost := [value for value in dict.fromkeys(said) if value not in told]:
            types = ", ".join(dict.fromkeys(kinds[value] for value in lost))
            saw = f"error {call.error}" if call.error else f"{len(lost)} of {len(set(said))} did not come back: {types}"
            yield Violation(saw, "all of the caller's values", evidence)
        elif not any(told[at : at + len(said)] == said for at in range(len(told))):
            yield Violation("values came back in each other's places", "each in its own", evidence)
    if not judged:
        raise NothingToJudge("no provider repeated anything that a caller had said")


@check
def leaves_the_rest_alone(history: History, *, precision: float) -> Iterator[Violation]:
    """What only looks like personal data reaches the provider as it was said."""
    if not history.exchanges:
        raise NothingToJudge("nothing reached a provider")
    arrived = [one for one in history.sightings if one.place in places.WIRE]
    counts = [count for count in tally(history, seen=arrived) if count.type == DECOY]
    planted = sum(len(count.planted) for count in counts)
    if not planted:
        raise NothingToJudge("nobody said anything of the kind")
    kept = sum(len(count.seen) for count in counts)
    if kept / planted < precision:
        share = f"{kept / planted:.0%}"
        yield Violation(f"{kept} of {planted} order numbers, versions, prices and the like arrived ({share})",
                        f"at least {precision:.0%}", tuple(x.id for x in history.exchanges[:MOST_PROOF]))  # fmt: skip


def _claimed(contract: Contract) -> Pii:
    if contract.pii is None:
        raise NothingToJudge("the contract does not claim that anything is masked")
    return contract.pii


def _counts(history: History, seen: Iterable[Sighting]) -> list[Count]:
    counts = [count for count in tally(history, seen=seen) if count.type != DECOY]
    if not counts:
        raise NothingToJudge("no caller said anything personal")
    return counts


def _leaks(counts: Iterable[Count], contract: Contract, where: str) -> Iterator[Violation]:
    """A violation for each type and locale of which more was seen than the contract leaves room for."""
    claimed = _claimed(contract)
    for count in counts:
        promised = claimed.recall_of(count.type)
        if not count.breaks(promised):
            continue
        sightings = [one for several in count.seen.values() for one in several]
        parts, forms = (", ".join(dict.fromkeys(getattr(one, name) for one in sightings)) for name in ("place", "form"))
        found = f"{len(count.seen)} of {len(count.planted)} {count.type} values of {count.locale}"
        proof = dict.fromkeys(one.where for one in sightings if one.where)
        yield Violation(
            f"{found} {where}, in: {parts} ({forms})", f"recall of {promised:.0%}", tuple(proof)[:MOST_PROOF]
        )


def _repeats(exchange: Exchange) -> bool:
    """Whether a provider has repeated the whole of what it was told; numbered words repeat nothing."""
    limit, answer = exchange.max_output, exchange.answer
    repeated = answer and not answer.startswith(f"{exchange.canary}-1")
    return exchange.sent_whole and bool(repeated) and (limit is None or exchange.output_tokens < limit)


def _marked(text: str, kinds: dict[str, str]) -> list[str]:
    """The values that stand in a concealed text, in order."""
    return [name for name in MARK.findall(text) if name in kinds]
