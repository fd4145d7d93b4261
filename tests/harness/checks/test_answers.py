from __future__ import annotations

import pytest
from histories import ANSWER, call, exchange, history

from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.answers import answered, ended, reached_the_wire

WRONG = "9-3 k7q2x9-4 k7q2x9-6 k7q2x9-6 k7q2x9-7 "


class TestAnswered:
    def test_the_whole_of_any_answer_keeps_the_promise(self) -> None:
        """
        Of several attempts the caller may have the answer of one.
        """
        made = history(call(), exchange("x1", answer=""), exchange("x2"))

        assert [] == list(answered(made.calls, history=made))

    def test_an_error_or_nothing_is_a_violation(self) -> None:
        """
        It is told in the caller's words.
        """
        told = call(error="provider", message="The model is not available.")
        made = history(told, call("c2", ends=None), exchange("x1"))

        found = list(answered(made.calls, history=made))

        assert ["error provider: The model is not available.", "no answer"] == [violation.saw for violation in found]

    @pytest.mark.parametrize(
        ("text", "saw"),
        [
            ("", "''"),
            ("something else", "'something else'"),
            (ANSWER[:35], "35 of the answer's 71 characters, up to '-2 k7q2x9-3 k7q2x9-4'"),
            (
                ANSWER.replace("-5", "-6"),
                f"{WRONG!r} where the answer has {WRONG.replace('6', '5', 1)!r}",
            ),
        ],
    )
    def test_another_text_is_a_violation(self, text: str, saw: str) -> None:
        """
        A beginning is told as one, and a text that leaves the answer where it does.
        """
        made = history(call(text=text), exchange("x1", answer=None), exchange("x2"), exchange("x3", answer="another"))

        (found,) = answered(made.calls, history=made)
        assert (saw, ("c1", "x1", "x2", "x3")) == (found.saw, found.evidence)


class TestEnded:
    def test_an_end_in_time_keeps_the_promise(self) -> None:
        """
        A caller who has left waits for nothing.
        """
        assert [] == list(ended([call(ends=2.0), call("c2", ends=None, cancelled=1)], within=2.0))

    def test_a_late_end_and_none_are_violations(self) -> None:
        """
        Late is later than a timer can be.
        """
        found = list(ended([call(ends=2.3), call("c2", ends=None)], within=2.0))

        assert ["an answer after 2.30 s", "neither answer nor error"] == [violation.saw for violation in found]


class TestReachedTheWire:
    def test_a_call_that_nobody_saw_is_a_violation(self) -> None:
        """
        Each call is looked for by its own canary.
        """
        made = history(call(), call("c2", canary="other1"), exchange("x1"))

        assert [("c2",)] == [violation.evidence for violation in reached_the_wire(made.calls, history=made)]

    def test_without_a_call_there_is_nothing_to_judge(self) -> None:
        """
        Nobody asked.
        """
        with pytest.raises(NothingToJudge, match="no call"):
            list(reached_the_wire([], history=history()))
