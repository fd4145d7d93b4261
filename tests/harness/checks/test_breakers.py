from __future__ import annotations

from typing import Any

import pytest
from histories import ANSWER, call, exchange, history

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge, Violation
from brownout.harness.checks.breakers import (
    asked,
    does_not_flap,
    left_alone,
    opens_again,
    probed_gently,
    stayed_closed,
    told_at_once,
    unaffected,
)
from brownout.harness.contract import Breaker, Contract
from brownout.harness.history import Call, History

DOWN: dict[str, Any] = {"status": 500, "faults": ("server_error",), "answer": None}
STORM = ["s1", "s2", "s3"]
ONE = Contract(breaker=Breaker(failures=3))
EACH_KEY = Contract(breaker=Breaker(failures=3, scope="key"))


def storm(at: float = 0.0, *, ends: float | None = None) -> list[Exchange | Call]:
    """Three calls that fail at about the same moment."""
    made: list[Exchange | Call] = []
    for number, name in enumerate(STORM):
        start = at + number / 100
        over = start if ends is None else ends
        made.append(exchange(f"x{name}", start, ends=over, canary=name, **DOWN))
        made.append(call(name, start, ends=over + 0.01, canary=name, error="provider", text=""))
    return made


def keyed(one: Exchange | Call, key: str) -> Exchange | Call:
    """The same, by this key."""
    if isinstance(one, Exchange):
        one.key = key
    return one


def kept_away(name: str, at: float, *, took: float = 0.01, **fields: Any) -> Call:
    """A call that makes no request."""
    known: dict[str, Any] = {"error": "provider", "text": ""}
    return call(name, at, ends=at + took, canary=name, **{**known, **fields})


def sent(name: str, at: float, *, ends: float | None = None, fake: str = "primary", **fields: Any) -> list[Any]:
    """A call that makes one request."""
    request = exchange(f"x{name}", at, ends=ends, canary=name, **fields)
    request.fake = fake
    return [request, call(name, at, ends=request.end_seconds + 0.01, canary=name)]


def calls_of(seen: History, *, but: list[str] = STORM) -> list[Call]:
    """Every call but those of the storm."""
    return [one for one in seen.calls if one.id not in but]


class TestLeftAlone:
    def judged(self, *records: Any, contract: Contract = ONE) -> list[Violation]:
        """What is found with a cooldown of three seconds."""
        seen = history(*records)
        return list(
            left_alone(calls_of(seen), history=seen, contract=contract, provider="primary", storm=STORM, cooldown=3.0)
        )

    def test_a_request_after_the_storm_is_a_violation(self) -> None:
        """
        Three calls have failed, and a fourth reaches the provider a second later.
        """
        (found,) = self.judged(*storm(), *sent("c1", 1.02, **DOWN))

        assert ("xs3", "xc1") == found.evidence
        assert found.margin == pytest.approx(1.94)

    def test_calls_that_make_no_request_keep_the_promise(self) -> None:
        """
        While it is open nothing is sent, and when the cooldown is over somebody may try.
        """
        assert [] == self.judged(*storm(), kept_away("c1", 1.0), kept_away("c2", 2.0), *sent("c3", 3.0, **DOWN))

    def test_what_reaches_another_provider_is_no_request_to_this_one(self) -> None:
        """
        A chain answers while the breaker is open.
        """
        assert [] == self.judged(*storm(), *sent("c1", 1.0, fake="secondary"))

    def test_silence_opens_it_when_it_is_over(self) -> None:
        """
        Requests that were given up after thirty seconds have opened it then, and not when they began.
        """
        (found,) = self.judged(*storm(ends=30.0), *sent("c1", 30.5, **DOWN))

        assert "a request 0.50 s after the last of 3 failures" == found.saw

    def test_what_was_under_way_when_it_opened_does_not_count(self) -> None:
        """
        A request that fails long after the others have opened the breaker does not make it open later.
        """
        late = exchange("xs4", 0.005, ends=20.0, canary="s1", **DOWN)

        assert [] == self.judged(*storm(), late, *sent("c1", 20.1, **DOWN))

    @pytest.mark.parametrize(
        ("records", "why"),
        [
            ([kept_away("s1", 0.0)], "not seen to fail"),
            (sent("s1", 0.0), "not seen to fail"),
            ([exchange("x1", canary="s1", **DOWN), call("s1", ends=None, canary="s1")], "1 of the calls"),
        ],
    )
    def test_no_storm_is_nothing_to_judge(self, records: list[Any], why: str) -> None:
        """
        Who has not failed as often as promised has no breaker to open.
        """
        with pytest.raises(NothingToJudge, match=why):
            self.judged(*records, *sent("c1", 1.0))

    def test_another_key_has_a_breaker_of_its_own(self) -> None:
        """
        By one key three calls have failed, by the other none: that one may be used, and the first may not.
        """
        dead, well = ({**DOWN, "key": key} for key in ("a", "b"))
        failed = [keyed(one, "a") for one in storm()]

        assert [] == self.judged(*failed, *sent("c1", 1.0, **well), contract=EACH_KEY)
        assert 1 == len(self.judged(*failed, *sent("c1", 1.0, **dead), contract=EACH_KEY))
        assert 1 == len(self.judged(*failed, *sent("c1", 1.0, **well)))

    def test_failures_spread_over_keys_need_not_have_opened_any(self) -> None:
        """
        Three calls by two keys: neither has failed three times.
        """
        failed = [keyed(one, "b" if one.canary == "s3" else "a") for one in storm()]

        with pytest.raises(NothingToJudge, match="no key failed as often"):
            self.judged(*failed, *sent("c1", 1.0, **DOWN), contract=EACH_KEY)


class TestOpensAgain:
    def judged(self, *records: Any, probes: int = 1, contract: Contract = ONE) -> list[Violation]:
        """What is found with a cooldown of three seconds."""
        seen = history(*records)
        return list(
            opens_again(
                calls_of(seen), history=seen, contract=contract, provider="primary", cooldown=3.0, probes=probes
            )
        )

    def test_a_request_after_a_failed_probe_is_a_violation(self) -> None:
        """
        The probe fails, and the next caller is let through half a second later.
        """
        (found,) = self.judged(
            *storm(), *sent("c1", 3.1, **DOWN), *sent("c2", 3.6, **DOWN), kept_away("c3", 6.0), kept_away("c4", 6.3)
        )

        assert ("xc1", "xc2") == found.evidence

    def test_another_cooldown_keeps_the_promise(self) -> None:
        """
        One probe every cooldown is what was promised.
        """
        assert [] == self.judged(*storm(), *sent("c1", 3.1, **DOWN), kept_away("c2", 4.0), *sent("c3", 6.2, **DOWN))

    def test_as_many_probes_as_promised_keep_it(self) -> None:
        """
        Two may try at a time where two are promised, and no third.
        """
        both = [*storm(), *sent("c1", 3.1, **DOWN), *sent("c2", 3.1, **DOWN)]

        assert [] == self.judged(*both, kept_away("c3", 6.2), probes=2)
        assert 1 == len(self.judged(*both, *sent("c4", 4.0, **DOWN), kept_away("c3", 6.2), probes=2))

    def test_each_key_has_probes_of_its_own(self) -> None:
        """
        Half a second after one key's probe has failed comes the other's.
        """
        probe, other = sent("c1", 3.1, key="a", **DOWN), sent("c2", 3.6, key="b", **DOWN)
        again = sent("c2", 3.6, key="a", **DOWN)

        assert [] == self.judged(*storm(), *probe, *other, kept_away("c3", 6.3), contract=EACH_KEY)
        assert 1 == len(self.judged(*storm(), *probe, *again, kept_away("c3", 6.3), contract=EACH_KEY))

    @pytest.mark.parametrize("records", [[kept_away("c1", 4.0)], [kept_away("c1", 4.0), *sent("c2", 5.0, **DOWN)]])
    def test_no_probe_or_a_late_one_is_nothing_to_judge(self, records: list[Any]) -> None:
        """
        Who does not try, or so late that nobody sees what follows, has shown nothing.
        """
        with pytest.raises(NothingToJudge):
            self.judged(*storm(), *records)


class TestProbedGently:
    def judged(self, *records: Any, probes: int = 1, contract: Contract = ONE) -> list[Violation]:
        """What is found."""
        seen = history(*records)
        return list(probed_gently(calls_of(seen), history=seen, contract=contract, provider="primary", probes=probes))

    def test_two_probes_at_once_are_a_violation(self) -> None:
        """
        A second request leaves while the first is not answered yet.
        """
        (found,) = self.judged(*sent("c1", 4.0, ends=5.0), *sent("c2", 4.1, ends=5.1), kept_away("c3", 4.1))

        assert "2 requests of 3 callers before the first was answered" == found.saw

    def test_each_key_has_a_probe_of_its_own(self) -> None:
        """
        Two requests at once by two keys are one probe of each.
        """
        first, other = sent("c1", 4.0, ends=5.0, key="a"), sent("c2", 4.1, ends=5.1, key="b")

        assert [] == self.judged(*first, *other, contract=EACH_KEY)
        assert 1 == len(self.judged(*first, *other))

    def test_one_probe_and_then_everybody_keep_the_promise(self) -> None:
        """
        What comes after the answer of the probe comes through a closed breaker.
        """
        assert [] == self.judged(*sent("c1", 4.0, ends=5.0), kept_away("c2", 4.1), *sent("c3", 5.1, ends=6.0))

    def test_nobody_who_tries_is_nothing_to_judge(self) -> None:
        """
        A breaker that is still open has let no probe through, one or many.
        """
        with pytest.raises(NothingToJudge):
            self.judged(kept_away("c1", 4.0))


class TestToldAtOnce:
    def judged(self, *records: Any) -> list[Violation]:
        """What is found."""
        seen = history(*records)
        return list(told_at_once(calls_of(seen), history=seen, provider="primary", within=0.1))

    def test_callers_who_wait_are_a_violation(self) -> None:
        """
        Half a second for nothing.
        """
        (found,) = self.judged(*(kept_away(f"c{n}", n, took=0.5) for n in range(3)))

        assert found.margin == pytest.approx(0.4)

    def test_callers_who_are_told_never_are_a_violation(self) -> None:
        """
        Neither answer nor error is worse than waiting.
        """
        (found,) = self.judged(call("c1", ends=None, canary="c1"))

        assert "neither answer nor error" == found.saw

    def test_the_median_decides(self) -> None:
        """
        One slow call of three is a pause of the machine's.
        """
        assert [] == self.judged(kept_away("c1", 1.0), kept_away("c2", 2.0, took=0.7), kept_away("c3", 3.0))

    def test_the_time_of_another_provider_is_its_own(self) -> None:
        """
        A chain that answers after two seconds has lost nothing to the open breaker.
        """
        assert [] == self.judged(*sent("c1", 1.0, ends=3.0, fake="secondary"))

    def test_an_open_breaker_that_nobody_met_is_nothing_to_judge(self) -> None:
        """
        Every call reached the provider.
        """
        with pytest.raises(NothingToJudge):
            self.judged(*sent("c1", 1.0))


class TestAsked:
    def test_a_call_that_is_kept_away_is_a_violation(self) -> None:
        """
        One of two did not reach the provider, though another answered it.
        """
        seen = history(*sent("c1", 0.0), *sent("c2", 1.0, fake="secondary"))

        (found,) = asked(seen.calls, history=seen, provider="primary")

        assert ("c2",) == found.evidence

    def test_calls_that_all_reach_it_keep_the_promise(self) -> None:
        """
        Whatever comes of them.
        """
        seen = history(*sent("c1", 0.0, **DOWN), *sent("c2", 1.0))

        assert [] == list(asked(seen.calls, history=seen, provider="primary"))


class TestStayedClosed:
    def test_calls_that_are_all_sent_keep_the_promise(self) -> None:
        """
        Nothing stood between them and the provider.
        """
        seen = history(*sent("c1", 0.0), *sent("c2", 1.0))

        assert [] == list(stayed_closed(seen.calls, history=seen))

    def test_a_call_that_is_kept_away_leaves_nothing_to_judge(self) -> None:
        """
        The breaker has opened, and nobody knows for what else calls failed.
        """
        seen = history(*sent("c1", 0.0), kept_away("c2", 1.0))

        with pytest.raises(NothingToJudge, match="1 of 2 fair calls"):
            list(stayed_closed(seen.calls, history=seen))


class TestUnaffected:
    def judged(self, *records: Any) -> list[Violation]:
        """What is found."""
        seen = history(*records)
        return list(unaffected(calls_of(seen), history=seen, dead="primary", well="secondary"))

    def test_a_caller_who_is_kept_away_from_both_is_a_violation(self) -> None:
        """
        The breaker of the dead provider has closed the way to the other.
        """
        (found,) = self.judged(kept_away("c1", 1.0))

        assert "error provider, and 0 requests to secondary" == found.saw

    def test_half_an_answer_of_the_other_is_a_violation(self) -> None:
        """
        To be sent there is not yet to be answered.
        """
        (request, broken) = sent("c1", 1.0, fake="secondary")
        broken.text = ANSWER[:10]

        (found,) = self.judged(request, broken)

        assert "no whole answer, and 1 requests to secondary" == found.saw

    def test_an_answer_of_the_other_keeps_the_promise(self) -> None:
        """
        The dead provider is left alone and the other one answers.
        """
        assert [] == self.judged(*sent("c1", 1.0, fake="secondary"))

    def test_a_breaker_that_is_not_open_is_nothing_to_judge(self) -> None:
        """
        A call that still reaches the dead provider says nothing of its breaker.
        """
        with pytest.raises(NothingToJudge):
            self.judged(*sent("c1", 1.0, **DOWN))


class TestDoesNotFlap:
    def judged(self, pattern: str, *, probes: int = 1) -> list[Violation]:
        """What is found of calls that reach the provider (+) or do not (-), where it may open once."""
        made: list[Any] = []
        for number, mark in enumerate(pattern):
            name = f"c{number:03}"
            made += sent(name, number / 10) if mark == "+" else [kept_away(name, number / 10)]
        seen = history(*made)
        return list(does_not_flap(seen.calls, history=seen, provider="primary", probes=probes, at_most=1))

    def test_opening_twice_is_a_violation(self) -> None:
        """
        It opens, closes, and opens again.
        """
        (found,) = self.judged("++++----++++----")

        assert "it opened 2 times" == found.saw

    def test_opening_once_and_probing_keep_the_promise(self) -> None:
        """
        A probe between two cooldowns is no closing.
        """
        assert [] == self.judged("++++----+---++++")

    def test_never_opening_keeps_the_promise(self) -> None:
        """
        A breaker that bears it all is as good.
        """
        assert [] == self.judged("+" * 20)

    def test_two_probes_that_fail_are_no_closing(self) -> None:
        """
        Where two may try, two have to fail.
        """
        assert [] == self.judged("+++---++---", probes=2)
        assert 1 == len(self.judged("+++---++---", probes=1))

    def test_no_request_at_all_is_nothing_to_judge(self) -> None:
        """
        A provider that nobody asks tells nothing of a breaker.
        """
        with pytest.raises(NothingToJudge):
            self.judged("----")
