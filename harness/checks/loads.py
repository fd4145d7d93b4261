"""What holds of a whole load run, and of every answer in it.

Figures of fair weather are taken from calls that ended before the first foul weather, or began so long after it that
whatever it broke is whole again; what a caller was given in between is judged by the invariants alone. A share that a
few calls may miss by chance is missed when that is sure, and too little to judge when it is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...fakes.answer import WORD
from ...fakes.journal import Exchange
from ..history import Call, History
from . import NothingToJudge, Violation, check
from .attempts import ids
from .samples import SURE, chance_of_as_many, quantile
from .streams import UNFINISHED, is_whole

FEW = 20
"""The fewest calls that say something about the middle of all; for shares further out there have to be more."""
SHOWN = 5
"""So many calls are pointed at."""


@check
def latency(calls: list[Call], *, history: History, share: float, within: float) -> Iterator[Violation]:
    """In fair weather this share of all answers is there, whole, within the time promised; errors do not count."""
    answered = [call for call in in_fair_weather(calls, history) if call.done]
    yield from _slow(answered, [call.took or 0.0 for call in answered], share, within, "answers")


@check
def first_token(calls: list[Call], *, history: History, share: float, within: float) -> Iterator[Violation]:
    """In fair weather this share of all streamed answers has its first token within the time promised."""
    streamed = [call for call in in_fair_weather(calls, history) if call.stream and call.done and call.chunks]
    waits = [(call.chunks[0].at - call.started) / 1e9 for call in streamed]
    yield from _slow(streamed, waits, share, within, "first tokens")


@check
def errors_are_rare(calls: list[Call], *, history: History, at_most: float) -> Iterator[Violation]:
    """In fair weather no more than this part of all calls ends with an error, or not at all."""
    fair = [call for call in in_fair_weather(calls, history) if call.cancelled is None]
    failed = [call for call in fair if not call.done]
    if not fair:
        raise NothingToJudge("no call was made in fair weather")
    kinds = ", ".join(sorted({call.error or "no end" for call in failed}))
    saw = f"{len(failed)} of {len(fair)} calls in fair weather failed ({len(failed) / len(fair):.2%}: {kinds})"
    yield from _too_many(saw, len(failed), len(fair), at_most, [call.id for call in failed])


@check
def rate_limits_are_rare(history: History, *, at_most: float) -> Iterator[Violation]:
    """The providers' own limits, not the weather's, turn away no more than this part of all requests."""
    made = history.exchanges
    if not made:
        raise NothingToJudge("no request was made")
    refused = [x for x in made if (x.trouble or "").startswith("rate_limited") and not x.faults]
    saw = f"{len(refused)} of {len(made)} requests were over a limit ({len(refused) / len(made):.2%})"
    yield from _too_many(saw, len(refused), len(made), at_most, [x.id for x in refused])


@check
def amplifies_little(history: History, *, at_most: float) -> Iterator[Violation]:
    """Over the whole run, foul weather included, there are no more requests for each call than this."""
    known = {call.canary for call in history.calls}
    made = [x for x in history.exchanges if x.canary in known]
    if len(known) < FEW:
        raise NothingToJudge(f"only {len(known)} calls were made")
    if len(made) > at_most * len(known):
        saw = f"{len(made)} requests for {len(known)} calls, {len(made) / len(known):.2f} for each"
        yield Violation(saw, f"at most {at_most:g} for each", _most_tried(made))


@check
def no_part_as_whole(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """What a caller is given as an answer is the whole of one: no part of it, and nobody else's words.

    An answer that says it is degraded, or has none of the providers' words, is the target's own.
    """
    for call in calls:
        if not call.done or call.degraded or call.finish in UNFINISHED or call.repeated or is_whole(call, history):
            continue
        attempts = history.attempts([call])
        if call.text and not WORD.search(call.text):
            continue
        if not call.text and not attempts:
            continue
        saw = f"{len(call.text)} characters as an answer" if call.text else "an empty text as an answer"
        yield Violation(saw, "the whole answer of one request, or an error", (call.id, *ids(attempts)))


def in_fair_weather(calls: Sequence[Call], history: History) -> list[Call]:
    """The calls that met nothing but fair weather, neither while they lasted nor shortly before."""
    foul = foul_weather(history)
    recovery = history.contract.return_within

    def fair(call: Call) -> bool:
        end = max(at for at in (call.ended, call.given_up, call.cancelled, call.started) if at is not None) / 1e9
        return all(end < since or call.start_seconds > until + recovery for since, until in foul)

    return [call for call in calls if fair(call)]


def foul_weather(history: History) -> list[tuple[float, float]]:
    """From when to when, in seconds, there was weather that was not fair."""
    spells: list[tuple[float, float]] = []
    since: float | None = None
    for event in history.events:
        if event.what != "weather":
            continue
        if event.details.get("rules") and since is None:
            since = event.at / 1e9
        elif not event.details.get("rules") and since is not None:
            spells.append((since, event.at / 1e9))
            since = None
    return spells if since is None else [*spells, (since, float("inf"))]


def _slow(calls: list[Call], waits: list[float], share: float, within: float, what: str) -> Iterator[Violation]:
    enough = max(FEW, round(1 / (1 - share)))
    if len(waits) < enough:
        raise NothingToJudge(f"only {len(waits)} {what} in fair weather; {enough} are needed")
    figure = quantile(waits, share)
    if figure <= within:
        return
    late = sum(wait > within for wait in waits)
    saw = f"{figure:.2f} s for {share:.0%} of {len(waits)} {what}"
    if chance_of_as_many(late, len(waits), 1 - share) > 1 - SURE:
        raise NothingToJudge(f"{saw}: too few to be sure that it is over {within:g} s")
    slowest = sorted(zip(waits, calls, strict=True), key=lambda pair: -pair[0])[:SHOWN]
    yield Violation(saw, f"within {within:g} s", tuple(call.id for _, call in slowest), figure - within)


def _too_many(saw: str, count: int, of: int, at_most: float, evidence: list[str]) -> Iterator[Violation]:
    if count <= at_most * of:
        return
    if chance_of_as_many(count, of, at_most) > 1 - SURE:
        raise NothingToJudge(f"{saw}: too few to be sure that it is over {at_most:.2%}")
    yield Violation(saw, f"at most {at_most:.2%}", tuple(evidence[:SHOWN]))


def _most_tried(made: list[Exchange]) -> tuple[str, ...]:
    counted: dict[str | None, list[Exchange]] = {}
    for exchange in made:
        counted.setdefault(exchange.canary, []).append(exchange)
    most: list[Exchange] = max(counted.values(), key=len)
    return ids(most)
