from __future__ import annotations

import pytest
from histories import ANSWER, call, chunk, exchange, history, piece

from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.streams import (
    ended_once,
    finish_tells,
    first_token_is_not_held,
    text_is_a_beginning,
    told_of_the_break,
    told_promptly,
    tool_calls_are_whole,
)
from brownout.harness.history import Incident

HALF = ANSWER[:20]


class TestToldOfTheBreak:
    @pytest.mark.parametrize("finish", ["stop", "length", None])
    def test_half_an_answer_with_a_normal_end_is_a_violation(self, finish: str | None) -> None:
        """
        Part of an answer that ends like a whole one is reported with the call and its exchange.
        """
        cut = call(text=HALF, finish=finish)

        found = list(told_of_the_break([cut], history=history(cut, exchange("x1", ended="closed"))))

        assert [("c1", "x1")] == [violation.evidence for violation in found]

    @pytest.mark.parametrize("fields", [{"error": "provider", "partial": True}, {"finish": "incomplete"}])
    def test_an_error_or_an_incomplete_finish_tells(self, fields: dict[str, object]) -> None:
        """
        A caller that is given an error, or a finish that says so, is told.
        """
        cut = call(text=HALF, **fields)

        assert [] == list(told_of_the_break([cut], history=history(cut, exchange("x1"))))

    def test_a_whole_answer_of_another_attempt_needs_no_telling(self) -> None:
        """
        A target that held the text back and tried again has a whole answer to give.
        """
        whole = call()

        assert [] == list(told_of_the_break([whole], history=history(whole, exchange("x1"), exchange("x2", 0.5))))

    def test_a_call_that_never_ends_is_a_violation(self) -> None:
        """
        Silence tells nobody anything.
        """
        hung = call(ends=None, text=HALF, finish=None)

        found = list(told_of_the_break([hung], history=history(hung, exchange("x1"))))

        assert ["neither end nor error"] == [violation.saw for violation in found]


class TestTextIsABeginning:
    @pytest.mark.parametrize("text", [ANSWER, HALF, ""])
    def test_a_beginning_of_the_answer_is_fine(self, text: str) -> None:
        """
        The whole answer, its beginning and nothing at all have no word out of place.
        """
        given = call(text=text)

        assert [] == list(text_is_a_beginning([given], history=history(given, exchange("x1"))))

    @pytest.mark.parametrize(
        "text",
        [HALF + ANSWER, ANSWER.replace(" k7q2x9-3", ""), ANSWER.replace("k7q2x9-2", "zzzzzz-2"), HALF + HALF],
        ids=["restarted", "lost", "foreign", "repeated"],
    )
    def test_a_word_out_of_place_is_a_violation(self, text: str) -> None:
        """
        A lost, repeated, spliced or foreign word is reported.
        """
        given = call(text=text)

        found = list(text_is_a_beginning([given], history=history(given, exchange("x1"), exchange("x2", 0.5))))

        assert [("c1", "x1", "x2")] == [violation.evidence for violation in found]


class TestEndedOnce:
    def test_two_ends_are_a_violation(self) -> None:
        """
        A call that ends twice is reported; one that ends once, or never, is not.
        """
        calls = [call("c1"), call("c2", ends=2.0), call("c3", ends=None)]
        calls[1].ends = 2

        assert [("c2",)] == [violation.evidence for violation in ended_once(calls, history=history(*calls))]

    def test_a_second_end_that_reached_nobody_counts(self) -> None:
        """
        What a program said of a call that it had ended is noted, and is an end; that of another scenario is not.
        """
        told = history(call("c1"), call("c2"))
        told.events = [
            Incident(1, "answered_twice", {"call": "c1.2", "request": "c1", "event": "Done"}),
            Incident(2, "answered_twice", {"call": "c2", "event": "Done"}),
        ]

        assert [("2 ends", ("c1",))] == [(v.saw, v.evidence) for v in ended_once(told.calls, history=told)]


class TestToldPromptly:
    def test_the_end_long_after_the_last_byte_is_a_violation(self) -> None:
        """
        An end three seconds after the last byte is late by one where two are allowed.
        """
        late = call(ends=5.0)

        found = list(told_promptly([late], history=history(late, exchange("x1", ends=2.0)), within=2.0))

        assert [1.0] == [violation.margin for violation in found]

    def test_the_end_soon_after_the_last_byte_is_fine(self) -> None:
        """
        An end half a second after the last byte is in time, and a call without any byte is not judged.
        """
        prompt, silent = call(ends=2.5), call("c2", canary="aaaaaa", ends=9.0)

        seen = history(prompt, silent, exchange("x1", ends=2.0))

        assert [] == list(told_promptly([prompt, silent], history=seen, within=2.0))


class TestFirstTokenIsNotHeld:
    def test_text_held_back_is_a_violation(self) -> None:
        """
        A first piece that arrives seven seconds after it was sent is reported with its margin.
        """
        held = call(ends=8.0, chunks=[chunk(8.0, ANSWER)])
        sent = exchange("x1", pieces=[piece(0.0, "opening"), piece(1.0), piece(7.5)])

        found = list(first_token_is_not_held([held], history=history(held, sent), within=0.25))

        assert [6.75] == [violation.margin for violation in found]

    def test_text_that_comes_only_with_the_end_is_a_violation(self) -> None:
        """
        A streamed call that has no chunk before its end was buffered.
        """
        held = call(ends=8.0)

        seen = history(held, exchange("x1", pieces=[piece(1.0)]))

        assert ["no text before the end"] == [v.saw for v in first_token_is_not_held([held], history=seen, within=0.25)]

    def test_text_that_comes_at_once_is_fine(self) -> None:
        """
        A first piece that arrives a tenth of a second after it was sent keeps the promise.
        """
        prompt = call(ends=8.0, chunks=[chunk(0.2, ""), chunk(1.1, "k7q2x9-1")])

        seen = history(prompt, exchange("x1", pieces=[piece(1.0)]))

        assert [] == list(first_token_is_not_held([prompt], history=seen, within=0.25))

    def test_without_a_piece_of_text_there_is_nothing_to_judge(self) -> None:
        """
        An exchange that sent no text says nothing about buffering.
        """
        silent = call()

        with pytest.raises(NothingToJudge):
            list(first_token_is_not_held([silent], history=history(silent, exchange("x1")), within=0.25))


class TestFinishTells:
    def test_a_normal_end_is_a_violation(self) -> None:
        """
        `stop` does not tell of a text that was cut by its length; `length` and a fitting error do.
        """
        calls = [call("c1"), call("c2", finish="length"), call("c3", error="context"), call("c4", error="provider")]

        found = list(finish_tells(calls, finishes=["length"], errors=["context"]))

        assert [("c1",), ("c4",)] == [violation.evidence for violation in found]


class TestToolCallsAreWhole:
    def test_half_the_arguments_are_a_violation(self) -> None:
        """
        A tool call with half its JSON, or with other arguments, is reported; the whole one is not.
        """
        calls = [
            call("c1", tool_calls=[{"name": "pay", "arguments": {"to": "a", "amount": 1}}]),
            call("c2", tool_calls=[{"function": {"name": "pay", "arguments": '{"to": "a", "amount": 1}'}}]),
            call("c3", tool_calls=[{"name": "pay", "arguments": '{"to": "a"'}]),
            call("c4", tool_calls=[{"name": "pay", "arguments": {"to": "a"}}]),
            call("c5"),
        ]

        found = list(tool_calls_are_whole(calls, name="pay", arguments={"to": "a", "amount": 1}))

        assert [("c3",), ("c4",)] == [violation.evidence for violation in found]
