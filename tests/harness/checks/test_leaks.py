from __future__ import annotations

from typing import Any

import pytest
from histories import call, exchange, history

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.leaks import (
    leaves_the_rest_alone,
    nothing_of_others,
    nothing_personal_in_errors,
    nothing_personal_is_logged,
    nothing_personal_leaves,
    restored,
)
from brownout.harness.contract import Contract, Pii
from brownout.harness.history import Call, History, Incident, Planted, Sighting
from brownout.harness.pii.places import ANSWER, ERROR, QUESTION
from brownout.harness.verdict import judge

PII = Contract(pii=Pii(("email", "name"), {"name": 0.5}, restore=True))
ANN, BEN = Planted("v1", "email", "en_US"), Planted("v2", "email", "de_DE")


def told(*records: Exchange | Call, seen: tuple[Sighting, ...] = (), contract: Contract = PII) -> History:
    """A history in which c1 said v1 and c2 said v2, and values were seen."""
    made = history(*records, contract=contract)
    made.planted = [ANN, BEN]
    made.sightings = [Sighting("v1", QUESTION, "c1"), Sighting("v2", QUESTION, "c2"), *seen]
    return made


class TestNothingPersonalLeaves:
    def test_a_value_on_the_wire_is_a_violation(self) -> None:
        """
        A value in a request is reported with its type, locale, part, form and exchange, and never by itself.
        """
        asked = exchange("x1")
        made = told(asked, seen=(Sighting("v1", "header", "x1", "base64"), Sighting("v1", "prompt", "x1")))

        (found,) = nothing_personal_leaves([asked], history=made, contract=PII)

        assert "1 of 1 email values of en_US reached a provider, in: header, prompt (base64, raw)" == found.saw
        assert ("recall of 100%", ("x1",)) == (found.promised, found.evidence)

    def test_a_clean_wire_is_fine_and_so_is_luck(self) -> None:
        """
        No sighting, one in the caller's own words, or one of a type of which only half is promised, break nothing.
        """
        made = told(exchange("x1"), seen=(Sighting("v3", "prompt", "x1"),))
        made.planted.append(Planted("v3", "name", "en_US"))
        made.sightings.append(Sighting("v3", QUESTION, "c1"))

        assert [] == list(nothing_personal_leaves(made.exchanges, history=made, contract=PII))

    def test_only_the_attempts_that_are_meant_count(self) -> None:
        """
        What left with the first attempt is not held against the second; without a second there is nothing to judge.
        """
        first, second = exchange("x1", attempt=1), exchange("x2", attempt=2)
        made = told(first, second, seen=(Sighting("v1", "prompt", "x1"), Sighting("v2", "prompt", "x2")))

        assert [("x2",)] == [
            one.evidence for one in nothing_personal_leaves([first, second], history=made, contract=PII, after=1)
        ]
        with pytest.raises(NothingToJudge, match="no such attempt"):
            list(nothing_personal_leaves([first], history=made, contract=PII, after=1))

    def test_where_nobody_said_anything_there_is_nothing_to_judge(self) -> None:
        """
        A run in which no caller said anything personal proves nothing, nor does one without a claim.
        """
        asked = exchange("x1")

        with pytest.raises(NothingToJudge, match="anything personal"):
            list(nothing_personal_leaves([asked], history=history(asked), contract=PII))
        with pytest.raises(NothingToJudge, match="does not claim"):
            list(nothing_personal_leaves([asked], history=told(asked), contract=Contract()))


class TestNothingPersonalIsLogged:
    def test_a_value_in_the_output_is_a_violation(self) -> None:
        """
        What stood on standard error is reported with the name of the stream.
        """
        made = told(call("c1"), seen=(Sighting("v1", "stderr", at=5), Sighting("v2", "prompt", "x1")))

        assert ["1 of 1 email values of en_US stood in the target's output, in: stderr (raw)"] == [
            one.saw for one in nothing_personal_is_logged(made, contract=PII)
        ]

    def test_a_silent_target_is_fine_and_one_that_said_too_much_is_not_judged(self) -> None:
        """
        Clean output passes; where more was said than kept, a search that finds nothing proves nothing.
        """
        made = told(call("c1"))

        assert [] == list(nothing_personal_is_logged(made, contract=PII))
        made.events = [Incident(1, "output_truncated", {"source": "stdout"})]
        with pytest.raises(NothingToJudge, match="more than was kept"):
            list(nothing_personal_is_logged(made, contract=PII))


class TestNothingPersonalInErrors:
    def test_a_value_in_an_error_is_a_violation(self) -> None:
        """
        An error that repeats the question is reported with the call.
        """
        failed = call("c1", error="provider", text="")
        made = told(failed, seen=(Sighting("v1", ERROR, "c1"),))

        assert [("c1",)] == [one.evidence for one in nothing_personal_in_errors([failed], history=made, contract=PII)]

    def test_a_clean_error_is_fine_and_without_errors_there_is_nothing_to_judge(self) -> None:
        """
        Errors that give nothing away pass; calls that were answered say nothing about errors.
        """
        failed, answered = call("c1", error="provider", text=""), call("c2")
        made = told(failed, answered, seen=(Sighting("v2", ANSWER, "c2"),))

        assert [] == list(nothing_personal_in_errors([failed, answered], history=made, contract=PII))
        with pytest.raises(NothingToJudge, match="no caller was given an error"):
            list(nothing_personal_in_errors([answered], history=made, contract=PII))


class TestNothingOfOthers:
    def test_what_another_said_is_a_violation(self) -> None:
        """
        A caller who is told another's value is reported with both.
        """
        calls = [call("c1"), call("c2")]
        made = told(*calls, seen=(Sighting("v1", ANSWER, "c2"),))

        assert [("email of c1, told to c2", ("c2", "c1"))] == [
            (one.saw, one.evidence) for one in nothing_of_others(calls, history=made)
        ]

    def test_ones_own_values_are_fine_and_silence_is_not_judged(self) -> None:
        """
        What a caller has said may be told to that caller; where nobody was told anything nothing is known.
        """
        calls = [call("c1"), call("c2")]
        made = told(*calls, seen=(Sighting("v1", ANSWER, "c1"), Sighting("v2", ERROR, "c2")))

        assert [] == list(nothing_of_others(calls, history=made))
        with pytest.raises(NothingToJudge):
            list(nothing_of_others([call("c3", text="")], history=made))


def echoed(text: str, **fields: Any) -> tuple[Call, History]:
    """A call that said two values, and what it was told."""
    said = {"role": "user", "content": "I am <pii:email:v1>, not <pii:email:v2> or <pii:phone:v3>"}
    made = call("c1", messages=[said], text=text, **fields)
    return made, told(made, exchange("x1", sent_whole=True, answer="I am [EMAIL_1], not [EMAIL_2]"))


class TestRestored:
    @pytest.mark.parametrize(
        ("text", "saw"),
        [
            ("I am [EMAIL_1], not <pii:email:v2>", "1 of 2 did not come back: email"),
            ("", "2 of 2 did not come back: email"),
            ("I am <pii:email:v2>, not <pii:email:v1>", "values came back in each other's places"),
        ],
    )
    def test_a_value_that_is_missing_or_misplaced_is_a_violation(self, text: str, saw: str) -> None:
        """
        A placeholder that reaches the caller, and values that have changed places, are reported.
        """
        made, seen = echoed(text)

        assert [(saw, ("c1", "x1"))] == [
            (one.saw, one.evidence) for one in restored([made], history=seen, contract=PII)
        ]

    def test_an_error_is_a_violation(self) -> None:
        """
        Who is given an error is not given the values back.
        """
        made, seen = echoed("", error="provider")

        assert ["error provider"] == [one.saw for one in restored([made], history=seen, contract=PII)]

    def test_values_in_their_places_are_fine(self) -> None:
        """
        What the target says around them is its own affair, and so are types that it does not mask.
        """
        made, seen = echoed("You said: I am <pii:email:v1>, not <pii:email:v2> or [PHONE_1]")

        assert [] == list(restored([made], history=seen, contract=PII))

    def test_where_nothing_was_repeated_there_is_nothing_to_judge(self) -> None:
        """
        A provider whose answer was cut off, by a fault or by its length, has not repeated everything.
        """
        made, seen = echoed("nothing")
        seen.exchanges = [exchange("x1", sent_whole=True, max_output=10, output_tokens=10), exchange("x2")]

        with pytest.raises(NothingToJudge):
            list(restored([made], history=seen, contract=PII))


class TestLeavesTheRestAlone:
    def test_masking_more_than_one_in_twenty_is_a_violation(self) -> None:
        """
        Two of twenty that did not arrive are too many, one is not.
        """
        made = history(exchange("x1"), contract=PII)
        made.planted = [Planted(f"v{n}", "decoy") for n in range(20)]
        made.sightings = [Sighting(f"v{n}", QUESTION, "c1") for n in range(20)]
        made.sightings += [Sighting(f"v{n}", "prompt", "x1") for n in range(18)]

        assert ["18 of 20 order numbers, versions, prices and the like arrived (90%)"] == [
            one.saw for one in leaves_the_rest_alone(made, precision=0.95)
        ]
        made.sightings.append(Sighting("v18", "prompt", "x1"))
        assert [] == list(leaves_the_rest_alone(made, precision=0.95))

    def test_without_a_wire_or_decoys_there_is_nothing_to_judge(self) -> None:
        """
        What never left cannot have been left alone.
        """
        with pytest.raises(NothingToJudge):
            list(leaves_the_rest_alone(history(), precision=0.95))
        with pytest.raises(NothingToJudge):
            list(leaves_the_rest_alone(told(exchange("x1")), precision=0.95))


def test_what_was_counted_is_told_with_the_verdict() -> None:
    """
    A judgement has the counts of a check that goes by some, whether the promise was kept or not.
    """
    made = told(exchange("x1"), call("c1"), seen=(Sighting("v1", "prompt", "x1"),))
    from brownout.harness.history import Expectation  # noqa: PLC0415

    made.expectations = [Expectation("nothing_personal_leaves", "attempts"), Expectation("answered", "calls")]

    assert [("email", "de_DE", 0), ("email", "en_US", 1)] == [
        (count.type, count.locale, len(count.seen)) for count in judge(made).counts
    ]
