from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from histories import call, exchange, history

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.crowds import (
    does_not_bunch,
    does_not_gather,
    not_starved,
    recovers_without_a_herd,
    spreads_out,
)
from brownout.harness.history import Call, History, Incident

FAULTY = {"faults": ("unavailable",)}


def returning(*waits: float, apart: float = 0.05) -> list[Exchange]:
    """Callers that are refused one after the other and come back after these waits."""
    made: list[Exchange] = []
    for number, wait in enumerate(waits):
        at, canary = number * apart, f"c{number:05}"
        made += [
            exchange(f"x{number}.1", at, canary=canary, **FAULTY),
            exchange(f"x{number}.2", at + wait, canary=canary),
        ]
    return made


def thirty(wait: Callable[[Random], float], seed: int = 0) -> list[Exchange]:
    """Thirty callers."""
    random = Random(seed)
    return returning(*(wait(random) for _ in range(30)))


class TestSpreadsOut:
    def test_equal_waits_are_a_violation(self) -> None:
        """
        Thirty callers that wait one second each have no spread.
        """
        (found,) = spreads_out(returning(*[1.0] * 30))

        assert found.margin == pytest.approx(0.25)

    @pytest.mark.parametrize("seed", range(10))
    def test_a_second_of_jitter_keeps_the_promise(self, seed: int) -> None:
        """
        Between one second and two there is room for thirty.
        """
        assert [] == list(spreads_out(thirty(lambda random: 1 + random.random(), seed)))

    @pytest.mark.parametrize("seed", range(30))
    def test_a_spread_at_the_limit_is_never_sure(self, seed: int) -> None:
        """
        Waits that spread over little more than a quarter of their median may pass or be doubted, and are not accused.
        """
        try:
            found = list(spreads_out(thirty(lambda random: 1 + 0.4 * random.random(), seed)))
        except NothingToJudge:
            found = []

        assert [] == found

    def test_few_callers_are_nothing_to_judge(self) -> None:
        """
        Nine callers are no crowd.
        """
        with pytest.raises(NothingToJudge):
            list(spreads_out(returning(*[1.0] * 9)))


class TestDoesNotBunch:
    @pytest.mark.parametrize("seed", range(10))
    def test_a_narrow_jitter_is_a_violation(self, seed: int) -> None:
        """
        The official client waits between 375 and 500 ms: four in five come back within the same 100 ms.
        """
        found = list(does_not_bunch(thirty(lambda random: 0.5 * (1 - 0.25 * random.random()), seed)))

        assert 1 == len(found)

    @pytest.mark.parametrize("seed", range(20))
    def test_a_second_of_jitter_keeps_the_promise(self, seed: int) -> None:
        """
        Ten times 100 ms hold thirty callers.
        """
        assert [] == list(does_not_bunch(thirty(lambda random: 1 + random.random(), seed)))

    def test_waiting_for_the_next_full_second_is_a_violation(self) -> None:
        """
        Callers that were refused at different moments and come back at the same one wait for different times.
        """
        attempts = returning(*(10.0 - number * 0.05 for number in range(30)))

        (found,) = does_not_gather(attempts, history=history(*attempts))

        assert "30 of 30" in found.saw

    def test_a_machine_that_stood_still_is_nothing_to_judge(self) -> None:
        """
        Whoever waits while nothing runs comes back at the moment at which it runs again.
        """
        attempts = returning(*(10.0 - number * 0.05 for number in range(30)))

        with pytest.raises(NothingToJudge, match=r"1\.20 s late"):
            list(does_not_gather(attempts, history=history(*attempts, noise=1.2)))

    def test_few_callers_over_the_limit_are_nothing_to_judge(self) -> None:
        """
        Eleven of thirty are more than a third, and may be by chance.
        """
        waits = [1.0] * 11 + [2.0 + number / 5 for number in range(19)]

        with pytest.raises(NothingToJudge, match="11 of 30"):
            list(does_not_bunch(returning(*waits, apart=0.2)))


def outage(attempts: list[Exchange], recovery: float) -> History:
    """A history in which the weather turned fair at `recovery`."""
    seen = history(*attempts)
    seen.events = [
        Incident(0, "weather", {"rules": [["unavailable"]]}),
        Incident(round(recovery * 1e9), "weather", {"rules": []}),
    ]
    return seen


class TestRecoversWithoutAHerd:
    def test_everybody_at_once_is_a_violation(self) -> None:
        """
        Forty attempts in the first second are four times ten.
        """
        herd = [exchange("x0", 5.0, **FAULTY), *(exchange(f"x{n}", 20.0 + n / 50) for n in range(1, 41))]

        (found,) = recovers_without_a_herd(herd, history=outage(herd, 20.0), rate=10.0)

        assert "40 attempts in the first second of recovery" == found.saw

    def test_what_comes_later_or_before_is_no_herd(self) -> None:
        """
        Only the first second after the outage counts.
        """
        steady = [exchange(f"x{n}", n / 20, **(FAULTY if n < 400 else {})) for n in range(600)]

        assert [] == list(recovers_without_a_herd(steady, history=outage(steady, 20.0), rate=10.0))

    def test_each_provider_of_a_chain_has_its_own_count(self) -> None:
        """
        Twenty attempts at each of two providers run neither of them over.
        """
        herd = [exchange("x0", 5.0, **FAULTY), *(exchange(f"x{n}", 20.0 + n / 50) for n in range(1, 41))]
        for one in herd[1:21]:
            one.fake = "secondary"

        assert [] == list(recovers_without_a_herd(herd, history=outage(herd, 20.0), rate=10.0))

    def test_a_count_just_over_the_limit_is_nothing_to_judge(self) -> None:
        """
        Thirty-one or thirty: the moment of recovery is not as sharp as that.
        """
        herd = [exchange("x0", 5.0, **FAULTY), *(exchange(f"x{n}", 20.0 + n / 50) for n in range(1, 32))]

        with pytest.raises(NothingToJudge):
            list(recovers_without_a_herd(herd, history=outage(herd, 20.0), rate=10.0))

    def test_no_outage_is_nothing_to_judge(self) -> None:
        """
        Who met no fault has nothing to recover from.
        """
        fair = [exchange("x1", 20.1)]

        with pytest.raises(NothingToJudge):
            list(recovers_without_a_herd(fair, history=outage(fair, 20.0), rate=10.0))


def storm(healthy: float | None, *, hanging: int = 10) -> History:
    """Thirty calls of fair weather that take a second, and as many in a storm, of which a third hangs."""
    records: list[Call | Exchange] = [call(f"f{number}", canary=f"f{number:05}") for number in range(30)]
    for number in range(30):
        canary, hangs = f"s{number:05}", number < hanging
        ends = None if hangs or healthy is None else 50.0 + healthy
        records.append(call(f"s{number}", 50.0, ends=ends, canary=canary))
        if hangs:
            records.append(exchange(f"x{number}", 50.0, canary=canary, faults=("hang_before_headers",)))
    return history(*records)


class TestNotStarved:
    FAIR = tuple(f"f{number}" for number in range(30))

    def test_calls_that_wait_for_the_hanging_ones_are_a_violation(self) -> None:
        """
        Healthy calls that take four seconds where one is usual are held up.
        """
        seen = storm(4.0)

        (found,) = not_starved(seen.calls[30:], history=seen, fair=list(self.FAIR))

        assert found.margin == pytest.approx(1.0)

    def test_calls_that_never_end_are_a_violation(self) -> None:
        """
        A call that waits in a queue for ever never reached the wire, and was healthy.
        """
        seen = storm(None)

        (found,) = not_starved(seen.calls[30:], history=seen, fair=list(self.FAIR))

        assert found.saw.startswith("no answer")

    def test_calls_that_take_as_long_as_ever_keep_the_promise(self) -> None:
        """
        The calls that hang are nobody's measure.
        """
        seen = storm(1.2)

        assert [] == list(not_starved(seen.calls[30:], history=seen, fair=list(self.FAIR)))

    def test_too_few_healthy_calls_are_nothing_to_judge(self) -> None:
        """
        Where nearly all hang there is nobody to starve.
        """
        seen = storm(1.0, hanging=25)

        with pytest.raises(NothingToJudge):
            list(not_starved(seen.calls[30:], history=seen, fair=list(self.FAIR)))

    def test_fair_weather_that_is_not_fair_is_nothing_to_judge(self) -> None:
        """
        Without a usual time there is no three times it.
        """
        seen = storm(1.0)
        seen.calls[3].error = "provider"

        with pytest.raises(NothingToJudge):
            list(not_starved(seen.calls[30:], history=seen, fair=list(self.FAIR)))
