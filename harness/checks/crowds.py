"""What many callers do to a provider at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ...fakes.journal import Exchange
from ..history import Call, History
from . import STALL, NothingToJudge, Violation, check, precise
from .attempts import at_each_provider, at_one_provider, ids
from .samples import SURE, chance_of_as_many, quantile, share_of_samples
from .spacing import waits

CALLERS = 10
"""The fewest callers that say something about a crowd."""
SPREAD = 0.25
BIN = 0.1
SHARE = 1 / 3
TOO_CLOSE = 1.05
"""Up to this factor over the limit a count is too close to it to tell: the moment of recovery is not sharp."""


@check
@precise(0.02)
def spreads_out(attempts: list[Exchange]) -> Iterator[Violation]:
    """Callers that are refused at the same moment wait for different times.

    From the tenth to the ninetieth percentile they differ by a quarter of the median at least.
    """
    found = _first_waits(attempts)
    low, middle, high = (quantile(found, share) for share in (0.1, 0.5, 0.9))
    missed = SPREAD * middle - (high - low)
    if missed <= 0:
        return
    saw = f"first waits from {low:.3f} to {high:.3f} s around {middle:.3f} s"
    if share_of_samples(found, _too_narrow) < SURE:
        raise NothingToJudge(f"{saw}, but they scatter too much to be sure")
    yield Violation(saw, f"a spread of at least {SPREAD * middle:.3f} s", ids(attempts), missed)


@check
@precise(0.02)
def does_not_bunch(attempts: list[Exchange]) -> Iterator[Violation]:
    """Of callers that are refused at the same moment no more than a third come back within the same 100 ms."""
    found = _first_waits(attempts)
    after, count = _fullest_bin(found)
    saw = f"{count} of {len(found)} came back within 100 ms, {after:.2f} s after they were refused"
    yield from _too_many(saw, count, len(found), attempts)


@check
def does_not_gather(attempts: list[Exchange], *, history: History) -> Iterator[Violation]:
    """Callers that are refused at different moments do not come back at the same one, such as the next full second."""
    found = _first_waits(attempts)
    _on_a_machine_that_runs(history)
    at, count = _fullest_bin([group[1].start_seconds for group in at_one_provider(attempts) if len(group) > 1])
    saw = f"{count} of {len(found)} came back within 100 ms, at {at:.2f} s"
    yield from _too_many(saw, count, len(found), attempts)


@check
@precise(0.5)
def recovers_without_a_herd(attempts: list[Exchange], *, history: History, rate: float) -> Iterator[Violation]:
    """In the first second after an outage no provider sees more than three times the attempts of steady traffic."""
    recovery = max((e.at for e in history.events if e.what == "weather" and not e.details.get("rules")), default=None)
    _on_a_machine_that_runs(history)
    if recovery is None or not any(exchange.faults for exchange in attempts):
        raise NothingToJudge("there was no outage to recover from")
    limit = 3 * rate
    herds = at_each_provider(exchange for exchange in attempts if 0 <= exchange.started - recovery < 1e9)
    herd = max(herds, key=len, default=[])
    if len(herd) <= limit:
        return
    saw = f"{len(herd)} attempts in the first second of recovery"
    if len(herd) <= TOO_CLOSE * limit:
        raise NothingToJudge(f"{saw}: too close to {limit:g} to be sure")
    yield Violation(saw, f"at most {limit:g}: three times {rate:g} a second", ids(herd))


@check
def not_starved(calls: list[Call], *, history: History, fair: list[str], times: float = 3.0) -> Iterator[Violation]:
    """Calls that hang do not hold up the others, whose p95 stays under three times that of fair weather.

    `fair` names the calls of fair weather. A healthy call that ends with an error, or never, was held up for ever.
    """
    before = [call.took for call in history.calls if call.id in fair and call.done]
    healthy = [call for call in calls if not any(exchange.faults for exchange in history.attempts([call]))]
    if len(before) < len(fair) or None in before:
        raise NothingToJudge("not every call of fair weather was answered")
    if len(healthy) < CALLERS:
        raise NothingToJudge(f"only {len(healthy)} calls were healthy")
    usual = quantile([took for took in before if took is not None], 0.95)
    slow = sorted(healthy, key=_served)
    late = slow[round(0.95 * (len(slow) - 1))]
    if _served(late) <= times * usual:
        return
    took = f"{_served(late):.2f} s" if late.done else "no answer"
    saw = f"{took} at the 95th percentile of {len(healthy)} healthy calls"
    promised = f"at most {times * usual:.2f} s, {times:g} times {usual:.2f} s"
    yield Violation(saw, promised, (late.id,), _served(late) - times * usual)


def _on_a_machine_that_runs(history: History) -> None:
    """Whoever waits while nothing runs comes back when it runs again, and everybody else with him."""
    if history.heading.noise > STALL:
        raise NothingToJudge(f"wake-ups were up to {history.heading.noise:.2f} s late: the machine itself makes herds")


def _first_waits(attempts: list[Exchange]) -> list[float]:
    found = [waits(group)[0] for group in at_one_provider(attempts) if len(group) > 1]
    if len(found) < CALLERS:
        raise NothingToJudge(f"only {len(found)} callers tried again")
    return found


def _fullest_bin(moments: list[float]) -> tuple[float, int]:
    """Where the fullest 100 ms begin, and how many moments are in it."""
    start = min(moments)
    number, count = Counter(int((moment - start) / BIN) for moment in moments).most_common(1)[0]
    return start + number * BIN, count


def _too_narrow(found: list[float]) -> bool:
    return quantile(found, 0.9) - quantile(found, 0.1) < SPREAD * quantile(found, 0.5)


def _served(call: Call) -> float:
    return call.took if call.done and call.took is not None else float("inf")


def _too_many(saw: str, count: int, callers: int, attempts: list[Exchange]) -> Iterator[Violation]:
    """The violation, where it is sure that more than a third come together."""
    if count <= SHARE * callers:
        return
    if chance_of_as_many(count, callers, SHARE) > 1 - SURE:
        raise NothingToJudge(f"{saw}: too few callers to be sure")
    yield Violation(saw, "no more than a third of them", ids(attempts))
