from __future__ import annotations

import pytest
from histories import ANSWER, call, chunk, exchange, history

from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.loads import (
    amplifies_little,
    errors_are_rare,
    first_token,
    foul_weather,
    in_fair_weather,
    latency,
    no_part_as_whole,
    rate_limits_are_rare,
)
from brownout.harness.contract import Breaker, Contract, Fallback
from brownout.harness.history import Call, History, Incident

OUTAGE = [
    Incident(round(10e9), "weather", {"rules": [["unavailable"]]}),
    Incident(round(20e9), "weather", {"rules": []}),
]


def calls(count: int, took: float = 1.0, **fields: object) -> list[Call]:
    """So many calls, one a second, each with a canary of its own."""
    return [
        call(f"c{n}", float(n), ends=n + took, canary=f"aaa{n:03}", **fields)  # type: ignore[arg-type]
        for n in range(count)
    ]


class TestLatency:
    def test_slow_answers_are_a_violation_that_names_the_slowest(self) -> None:
        """
        Where a third of the answers is late p95 is missed, and the slowest calls are the proof.
        """
        made = [*calls(40), *(call(f"s{n}", 0.0, ends=5.0 + n / 100) for n in range(20))]

        (found,) = latency(made, history=history(*made), share=0.95, within=3.0)

        assert "s19" == found.evidence[0]
        assert found.margin is not None
        assert found.saw.endswith("for 95% of 60 answers")

    def test_quick_answers_are_none(self) -> None:
        """
        Answers within the time promised break nothing, and errors do not count.
        """
        made = [*calls(40), *(call(f"e{n}", 0.0, ends=50.0, error="other") for n in range(40))]

        assert [] == list(latency(made, history=history(*made), share=0.95, within=3.0))

    @pytest.mark.parametrize(("count", "share"), [(19, 0.5), (99, 0.99)])
    def test_few_answers_say_nothing(self, count: int, share: float) -> None:
        """
        A figure far out needs more answers than one in the middle.
        """
        made = calls(count)

        with pytest.raises(NothingToJudge, match="are needed"):
            list(latency(made, history=history(*made), share=share, within=3.0))

    def test_a_figure_missed_by_chance_is_not_judged(self) -> None:
        """
        Two late answers of thirty may be chance: p95 is over the limit, and nobody can be sure.
        """
        made = [*calls(28), *(call(f"s{n}", 0.0, ends=9.0) for n in range(2))]

        with pytest.raises(NothingToJudge, match="too few to be sure"):
            list(latency(made, history=history(*made), share=0.95, within=3.0))


def test_first_tokens_are_judged_of_streams_alone() -> None:
    """
    Late first tokens of streams are a violation; whole answers have none.
    """
    late = calls(30, took=6.0, stream=True)
    for one in late:
        one.chunks = [chunk(one.start_seconds + 5, "a")]
    made = [*late, *calls(30)]

    (found,) = first_token(made, history=history(*made), share=0.95, within=1.0)

    assert "5.00 s for 95% of 30 first tokens" == found.saw


class TestErrors:
    def test_errors_in_fair_weather_are_a_violation(self) -> None:
        """
        Five of a hundred calls that fail for nothing are more than one in a thousand.
        """
        made = [*calls(95), *(call(f"e{n}", 1.0, ends=2.0, error="other") for n in range(5))]

        (found,) = errors_are_rare(made, history=history(*made), at_most=0.001)

        assert found.saw.startswith("5 of 100 calls in fair weather failed (5.00%: other)")

    def test_one_error_may_be_chance(self) -> None:
        """
        One of two hundred is over one in a thousand, and too little to be sure.
        """
        made = [*calls(199), call("e1", 1.0, ends=None)]

        with pytest.raises(NothingToJudge, match="too few to be sure"):
            list(errors_are_rare(made, history=history(*made), at_most=0.001))

    def test_errors_of_foul_weather_do_not_count(self) -> None:
        """
        What fails while a provider is down, or soon after, is no error of fair weather.
        """
        made = [*calls(5), call("e1", 12.0, ends=13.0, error="other"), call("e2", 25.0, ends=26.0, error="other")]
        told = history(*made)
        told.events = OUTAGE

        assert [] == list(errors_are_rare(made, history=told, at_most=0.001))

    def test_no_call_says_nothing(self) -> None:
        """
        Without a call in fair weather there is nothing to judge.
        """
        with pytest.raises(NothingToJudge):
            list(errors_are_rare([], history=history(), at_most=0.001))


class TestRateLimits:
    def test_refusals_of_the_providers_own_are_counted(self) -> None:
        """
        A tenth of the requests over a limit is a violation; a 429 that the weather made is not one of them.
        """
        made = [exchange(f"x{n}", trouble="rate_limited") for n in range(10)]
        made += [exchange(f"y{n}", trouble="rate_limited", faults=("rate_limited",)) for n in range(10)]
        made += [exchange(f"z{n}") for n in range(80)]

        (found,) = rate_limits_are_rare(history(*made), at_most=0.01)

        assert "10 of 100 requests were over a limit (10.00%)" == found.saw
        assert "x0" == found.evidence[0]

    def test_no_refusal_is_none(self) -> None:
        """
        Requests that are let through break nothing; without any there is nothing to judge.
        """
        assert [] == list(rate_limits_are_rare(history(exchange("x1")), at_most=0.01))
        with pytest.raises(NothingToJudge):
            list(rate_limits_are_rare(history(), at_most=0.01))


class TestAmplification:
    @pytest.mark.parametrize(("each", "found"), [(1, 0), (3, 1)])
    def test_requests_are_counted_for_each_call(self, each: int, found: int) -> None:
        """
        Three requests for each call are more than one and a half; one is not.
        """
        made = calls(30)
        tried = [exchange(f"x{n}-{k}", canary=f"aaa{n:03}") for n in range(30) for k in range(each)]

        assert found == len(list(amplifies_little(history(*made, *tried), at_most=1.5)))

    def test_few_calls_say_nothing(self) -> None:
        """
        A handful of calls is no load.
        """
        with pytest.raises(NothingToJudge):
            list(amplifies_little(history(*calls(3)), at_most=1.5))


class TestWholeAnswers:
    @pytest.mark.parametrize(
        ("text", "fields"),
        [
            (ANSWER, {}),
            (ANSWER[:20], {"error": "provider"}),
            (ANSWER[:20], {"finish": "incomplete"}),
            ("We are sorry.", {"degraded": True}),
            ("We are sorry.", {}),
        ],
    )
    def test_whoever_is_told_or_has_all_of_it_is_not_deceived(self, text: str, fields: dict[str, str]) -> None:
        """
        A whole answer, an error, an ending that says so, and the target's own words are all honest.
        """
        made = call(text=text, **fields)

        assert [] == list(no_part_as_whole([made], history=history(made, exchange("x1"))))

    @pytest.mark.parametrize(("text", "saw"), [(ANSWER[:20], "20 characters"), ("", "an empty text")])
    def test_a_part_passed_off_as_whole_is_a_violation(self, text: str, saw: str) -> None:
        """
        The beginning of an answer with a normal end is a violation, and so is nothing at all.
        """
        made = call(text=text)

        (found,) = no_part_as_whole([made], history=history(made, exchange("x1")))

        assert found.saw.startswith(saw)
        assert ("c1", "x1") == found.evidence

    def test_an_empty_answer_without_any_request_is_the_targets_own(self) -> None:
        """
        A target that asked nobody has passed off nothing.
        """
        made = call(text="")

        assert [] == list(no_part_as_whole([made], history=history(made)))


class TestFairWeather:
    def test_it_is_before_the_first_foul_weather_and_long_after_the_last(self) -> None:
        """
        Calls that end before an outage are in fair weather, and those that begin after the promised return.
        """
        contract = Contract(fallback=Fallback(return_within=30.0), breaker=Breaker())
        made = [call("c1", 1.0, ends=2.0), call("c2", 9.0, ends=11.0), call("c3", 40.0, ends=41.0), call("c4", 51.0)]
        told = history(*made, contract=contract)
        told.events = OUTAGE

        assert ["c1", "c4"] == [one.id for one in in_fair_weather(made, told)]

    def test_weather_that_never_ends_is_foul_to_the_end(self) -> None:
        """
        Other events are no weather, and a spell that was not ended lasts.
        """
        told: History = history()
        told.events = [Incident(0, "users"), OUTAGE[0], OUTAGE[0]]

        assert [(10.0, float("inf"))] == foul_weather(told)
