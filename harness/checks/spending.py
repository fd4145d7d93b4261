"""What the providers billed, and what was promised of it.

The meter is the fakes' own: what each exchange was billed, in integer micro-dollars. A target may round each to a
micro-dollar of its own, and is judged by nothing finer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ...fakes.fake import Price
from ...fakes.figures import dollars
from ...fakes.journal import Exchange
from ...fakes.meter import microdollars
from ..contract import Contract, Spend
from ..history import Call, History
from . import NothingToJudge, Violation, check
from .attempts import ids

AT_ONCE = 1.0
"""Seconds within which a refusal that asks nobody is given."""
ABOUT_MONEY = re.compile(r"budget|spend|spent|cost|credit|quota|\bcap\b|limit", re.IGNORECASE)
SHOWN = 12
"""So many exchanges are named as proof."""


@check
def within_cap(
    history: History,
    *,
    contract: Contract,
    at_once: bool = False,
    usual: list[str] | None = None,
    estimated: float = 0.0,
    billed_at: str | None = None,
    tried: float = 0.0,
) -> Iterator[Violation]:
    """What is billed in one period stays under the cap.

    It may be missed by the overshoot that is promised; else by one call where the target is paid afterwards or several
    callers came `at_once`: the dearest, or the dearest of the `usual` ones. Where nobody can know what was billed it
    may be missed by the share of the cap that is `estimated`. Where it is about what `billed_at` one provider was
    billed, that has to be something; and nothing is proved where less than a share of the cap was `tried` and nobody
    was told of money.
    """
    spend = contract.spend
    if spend is None or spend.cap is None:
        raise NothingToJudge("no cap is promised")
    if billed_at is not None and not any(x.microdollars for x in history.exchanges if x.fake == billed_at):
        raise NothingToJudge(f"nothing was billed at {billed_at}")
    billed = sum(exchange.microdollars for exchange in history.exchanges)
    if billed < tried * spend.cap and not any(about_money(call) for call in history.calls):
        raise NothingToJudge(f"{_money(billed)} of {_money(spend.cap)} was billed: something else than the cap held it")
    yield from _capped(history, history.exchanges, history.calls, spend.cap, spend, at_once, usual, estimated)


@check
def within_own_cap(history: History, *, contract: Contract, user: str) -> Iterator[Violation]:
    """What is billed in one user's name in one period stays under that user's cap."""
    spend = contract.spend
    if spend is None or spend.per_user is None:
        raise NothingToJudge("no cap of a user's own is promised")
    calls = [call for call in history.calls if call.user == user]
    yield from _capped(history, history.attempts(calls), calls, spend.per_user, spend, False, None, 0.0)


def about_money(call: Call) -> bool:
    """Whether a caller was told that the budget is spent."""
    return call.error == "budget" or (call.error is not None and ABOUT_MONEY.search(call.message) is not None)


@check
def refused_unsent(calls: list[Call], *, history: History, contract: Contract) -> Iterator[Violation]:
    """When the cap is reached a call makes no wire request, and its caller is at once told why, or given a fallback."""
    spend = contract.spend
    if spend is not None and spend.cap is not None and _is_far_off(spend.cap, calls, history):
        raise NothingToJudge("the cap was not reached")
    for call in calls:
        sent = history.attempts([call])
        if sent:
            yield Violation("a wire request after the cap was reached", "none", (call.id, *ids(sent)))
        elif call.ended is None:
            yield Violation("neither answer nor error", "an error that speaks of the budget", (call.id,))
        elif call.error is not None and not about_money(call):
            saw = f"error {call.error}: {call.message[:200]!r}"
            yield Violation(saw, "an error that speaks of the budget", (call.id,))
        elif (late := (call.took or 0.0) - AT_ONCE) > 0:
            saw = f"told after {late + AT_ONCE:.2f} s"
            yield Violation(saw, f"within {AT_ONCE:g} s: nobody has to be asked", (call.id,), late)


@check
def accounts_truly(calls: list[Call], *, history: History, within: float = 0.01) -> Iterator[Violation]:
    """What the target says a call cost is what was billed, within one per cent."""
    judged = False
    for call in calls:
        attempts = history.attempts([call])
        billed = sum(exchange.microdollars for exchange in attempts)
        if not (call.done and billed):
            continue
        judged = True
        if call.cost is None:
            yield Violation("no cost is told", f"{_money(billed)}", (call.id, *ids(attempts)))
        elif abs(call.cost * 1e6 - billed) > max(len(attempts), within * billed):
            saw = f"{_money(round(call.cost * 1e6))} is told"
            yield Violation(saw, f"{_money(billed)}, within {within:.0%}", (call.id, *ids(attempts)))
    if not judged:
        raise NothingToJudge("no call was answered and billed")


@check
def worst_case_fits(
    calls: list[Call], *, history: History, contract: Contract, prices: dict[str, list[float]]
) -> Iterator[Violation]:
    """No request is sent whose longest answer would cost more than what is left of the cap.

    `prices` has for each fake the dollars per million tokens of input and of output, and the longest answer of its
    model in tokens.
    """
    spend = contract.spend
    if spend is None or spend.cap is None:
        raise NothingToJudge("no cap is promised")
    for exchange in history.attempts(calls):
        per_input, per_output, longest = prices[exchange.fake]
        bound = round(longest) if exchange.max_output is None else exchange.max_output
        worst = microdollars(Price(per_input, per_output), exchange.input_tokens, bound)
        before = [x for x in history.exchanges if (x.finished or 0) <= exchange.started and x is not exchange]
        left = spend.cap - sum(x.microdollars for x in before)
        if worst > left + len(before):
            saw = f"a request that may cost {_money(worst)}"
            yield Violation(saw, f"none that may cost more than the {_money(left)} that are left", (exchange.id,))


def _capped(
    history: History,
    exchanges: Sequence[Exchange],
    calls: Sequence[Call],
    cap: int,
    spend: Spend,
    at_once: bool,
    usual: list[str] | None,
    estimated: float,
) -> Iterator[Violation]:
    if not _one_period(history, spend):
        raise NothingToJudge("a new period began in the middle of it")
    billed = sorted((x for x in exchanges if x.microdollars), key=lambda x: x.finished or x.started)
    spent = sum(x.microdollars for x in billed)
    if spend.overshoot is not None:
        excess = spend.overshoot
    elif spend.post_paid or at_once:
        counted = [call for call in calls if usual is None or spend.post_paid or call.id in usual]
        excess = max((sum(x.microdollars for x in history.attempts([call])) for call in counted), default=0)
    else:
        excess = 0
    allowed = cap + excess + round(estimated * cap)
    if spent > allowed + len(billed):
        promised = f"at most {_money(cap)}" + (f" and {_money(allowed - cap)} more" if allowed > cap else "")
        saw = f"{_money(spent)} billed for {len(calls)} calls"
        yield Violation(saw, promised, _crossing(billed, allowed))
        return
    unsent = [call for call in calls if not history.attempts([call])]
    sent = {id(call) for call in calls} - {id(call) for call in unsent}
    if not any(call.done for call in calls if id(call) in sent):
        raise NothingToJudge("no call was answered before the cap was reached")
    if not unsent and spent < cap:
        raise NothingToJudge(
            f"{len(calls)} calls took {_money(spent)} of the {_money(cap)}, and none was refused: "
            "a lower cap in the target file is reached sooner"
        )


def _is_far_off(cap: int, calls: Sequence[Call], history: History) -> bool:
    """Whether the cap was not reached before these calls, and nobody thought so: every call was sent."""
    begun = min((call.started for call in calls), default=0)
    spent = sum(x.microdollars for x in history.exchanges if x.started < begun)
    return spent < cap and all(history.attempts([call]) for call in history.calls)


def _crossing(billed: Sequence[Exchange], allowed: int) -> tuple[str, ...]:
    """The exchanges that lie beyond what was allowed."""
    total, beyond = 0, []
    for exchange in billed:
        total += exchange.microdollars
        if total > allowed:
            beyond.append(exchange)
    return ids(beyond[:SHOWN])


def _one_period(history: History, spend: Spend) -> bool:
    """Whether the history lies in one day or month of those that count."""
    zone = UTC if spend.timezone == "UTC" else ZoneInfo(spend.timezone)
    begin = datetime.fromtimestamp(history.heading.started, zone)
    # By the clock on the wall, hence through UTC: a day may have 23 hours.
    end = (begin.astimezone(UTC) + timedelta(seconds=history.heading.seconds)).astimezone(zone)
    match spend.period:
        case "day":
            return begin.date() == end.date()
        case "month":
            return (begin.year, begin.month) == (end.year, end.month)
        case _:
            return True


def _money(amount: int) -> str:
    return f"${dollars(amount):.6f}"
