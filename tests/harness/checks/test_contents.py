from __future__ import annotations

from histories import ANSWER, call, exchange, history

from brownout.harness.checks.contents import fits_the_schema, no_garbage, nothing_invented, noticed


class TestNoGarbage:
    def test_a_text_nobody_answered_is_a_violation(self) -> None:
        """
        A web page, or nothing at all, given as an answer is reported.
        """
        page, nothing = call("c1", text="<html>"), call("c2", text="")

        found = list(no_garbage([page, nothing], history=history(page, nothing, exchange("x1"))))

        assert [("c1", "x1"), ("c2", "x1")] == [violation.evidence for violation in found]

    def test_a_target_that_dies_is_a_violation(self) -> None:
        """
        A crash tells nobody anything.
        """
        crashed = call("c1", text="", error="died", message="exit code 1")

        assert ["the target died: exit code 1"] == [
            violation.saw for violation in no_garbage([crashed], history=history(crashed, exchange("x1")))
        ]

    def test_an_error_and_a_retried_answer_are_fine(self) -> None:
        """
        An error tells the caller, and the whole answer of another attempt is an answer.
        """
        failed, answered = call("c1", text="", error="provider"), call("c2")

        assert [] == list(no_garbage([failed, answered], history=history(failed, answered, exchange("x1"))))


class TestNoticed:
    def test_what_the_provider_said_passed_on_unread_is_a_violation(self) -> None:
        """
        The words of an exchange that is beside the question, given as a full answer, are reported.
        """
        unread = call("c1")

        (found,) = noticed([unread], history=history(unread, exchange("x1")))

        assert ("c1",) == found.evidence

    def test_an_error_and_a_mark_and_another_answer_are_fine(self) -> None:
        """
        Whoever is told, or can see that the answer is a lesser one, or gets another, is not misled.
        """
        calls = [call("c1", text="", error="provider"), call("c2"), call("c3", text="I do not know.")]
        calls[1].degraded = True

        assert [] == list(noticed(calls, history=history(*calls, exchange("x1"))))


class TestNothingInvented:
    def test_words_nobody_said_are_a_violation(self) -> None:
        """
        The word "None" for a text that was null, and a call that never ends, are reported.
        """
        invented, hung = call("c1", text="None"), call("c2", ends=None, text="")

        found = list(nothing_invented([invented, hung], history=history(invented, hung, exchange("x1", answer=None))))

        assert [("c1",), ("c2",)] == [violation.evidence for violation in found]

    def test_an_empty_answer_and_an_error_are_fine(self) -> None:
        """
        Nothing was said, and nothing is what the caller gets, or an error, or the answer of another attempt.
        """
        calls = [call("c1", text=""), call("c2", text="", error="provider"), call("c3", text=ANSWER)]

        assert [] == list(nothing_invented(calls, history=history(*calls, exchange("x1"))))


class TestFitsTheSchema:
    def test_what_does_not_fit_is_a_violation(self) -> None:
        """
        Text that is no JSON and JSON of another shape are reported; an answer that fits and an error are not.
        """
        schema = {"type": "object", "required": ["name"]}
        calls = [
            call("c1", text='{"name": 1}'),
            call("c2", text="{"),
            call("c3", text="[]"),
            call("c4", text="", error="provider"),
        ]

        assert [("c2",), ("c3",)] == [violation.evidence for violation in fits_the_schema(calls, schema=schema)]
