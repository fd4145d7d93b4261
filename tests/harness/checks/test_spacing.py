from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from histories import exchange

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.spacing import grows_exponentially, spaced

Wait = Callable[[int, Random], float]

GOOD: dict[str, Wait] = {
    "1-2-4 and up to a second more": lambda retry, random: 2.0**retry + random.random(),
    "1-2-4 and up to as much again": lambda retry, random: 2.0**retry * (1 + random.random()),
    "1-2-4 to the millisecond": lambda retry, random: 2.0**retry,
    "the official client's": lambda retry, random: min(0.5 * 2.0**retry, 8) * (1 - 0.25 * random.random()),
    "equal jitter": lambda retry, random: 2.0**retry * (0.5 + random.random() / 2),
    "a first retry at once": lambda retry, random: 0.0 if retry == 0 else 2.0**retry * (1 + random.random() / 10),
    "a cap after the third": lambda retry, random: min(2.0**retry, 4.0) + random.random() / 2,
}
BAD: dict[str, Wait] = {
    "constant": lambda retry, random: 1.0,
    "constant with jitter": lambda retry, random: 1.0 + random.random(),
    "none at all": lambda retry, random: random.random() / 100,
    "linear": lambda retry, random: 1.0 + retry,
    "linear with jitter": lambda retry, random: 1.0 + retry + random.random() / 2,
    "shrinking": lambda retry, random: 4.0 - retry,
    "too slow a growth": lambda retry, random: 1.2**retry,
}


def crowd(wait: Wait, *, retries: int = 3, calls: int = 40, seed: int = 0) -> list[Exchange]:
    """The attempts of many calls that wait as `wait` says."""
    random = Random(seed)
    made: list[Exchange] = []
    for number in range(calls):
        at = 0.0
        for attempt in range(retries + 1):
            made.append(exchange(f"x{number}.{attempt}", at, canary=f"c{number:05}"))
            at += wait(attempt, random)
    return made


class TestGrowsExponentially:
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("wait", GOOD.values(), ids=GOOD.keys())
    def test_exponential_waits_keep_the_promise(self, wait: Wait, seed: int) -> None:
        """
        Whatever jitter lies on top, waits that double are found to.
        """
        assert [] == list(grows_exponentially(crowd(wait, seed=seed, retries=4)))

    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("wait", BAD.values(), ids=BAD.keys())
    def test_other_waits_are_a_violation(self, wait: Wait, seed: int) -> None:
        """
        Constant, linear, shrinking and slowly growing waits are found.
        """
        assert 1 == len(list(grows_exponentially(crowd(wait, seed=seed))))

    @pytest.mark.parametrize("seed", range(20))
    def test_full_jitter_is_never_accused(self, seed: int) -> None:
        """
        Waits drawn from nothing up to 1, 2, 4 seconds scatter so much that a doubt is possible, and no violation.
        """
        try:
            found = list(grows_exponentially(crowd(lambda retry, random: 2.0**retry * random.random(), seed=seed)))
        except NothingToJudge:
            found = []

        assert [] == found

    def test_full_jitter_is_recognised_mostly(self) -> None:
        """
        In most of all runs it passes without a doubt.
        """
        passed = 0
        for seed in range(20):
            try:
                list(grows_exponentially(crowd(lambda retry, random: 2.0**retry * random.random(), seed=seed)))
            except NothingToJudge:
                continue
            passed += 1

        assert passed > 14

    def test_two_waits_are_too_few_for_a_base(self) -> None:
        """
        A client that tries three times waits twice: doubled once is no exponential yet.
        """
        with pytest.raises(NothingToJudge, match="3 waits a call"):
            list(grows_exponentially(crowd(lambda retry, random: 2.0**retry, retries=2)))

    def test_two_equal_waits_are_enough_to_see_that_they_do_not_grow(self) -> None:
        """
        A client that tries three times and waits equally long has broken the promise already.
        """
        (found,) = grows_exponentially(crowd(lambda retry, random: 1.0 + random.random(), retries=2))

        assert "they do not grow" in found.saw

    @pytest.mark.parametrize(("retries", "calls"), [(0, 40), (1, 40), (3, 4)])
    def test_few_waits_or_few_calls_are_nothing_to_judge(self, retries: int, calls: int) -> None:
        """
        Five calls that wait twice are the least.
        """
        with pytest.raises(NothingToJudge):
            list(grows_exponentially(crowd(lambda retry, random: 1.0, retries=retries, calls=calls)))


class TestSpaced:
    def test_attempts_too_close_are_a_violation(self) -> None:
        """
        A retry after 100 ms where 200 ms are the least is reported with what was missed.
        """
        (found,) = spaced([exchange("x1", 0.0), exchange("x2", 0.1)], at_least=0.2)

        assert ("x1", "x2") == found.evidence
        assert found.margin == pytest.approx(0.1)

    def test_attempts_far_apart_keep_the_promise(self) -> None:
        """
        Half a second is not sooner than half a second.
        """
        assert [] == list(spaced([exchange("x1", 0.0), exchange("x2", 0.5)], at_least=0.5))

    def test_the_first_two_alone(self) -> None:
        """
        Where only the first two count, what follows may be closer.
        """
        close = [exchange("x1", 0.0), exchange("x2", 0.6), exchange("x3", 0.7)]

        assert [] == list(spaced(close, at_least=0.5, first=True))
        assert 1 == len(list(spaced(close, at_least=0.5)))

    def test_another_key_may_be_tried_at_once(self) -> None:
        """
        A limit is a key's own.
        """
        assert [] == list(spaced([exchange("x1", 0.0, key="a"), exchange("x2", 0.0, key="b")], at_least=0.5))
