from __future__ import annotations

import pytest
from histories import call, exchange, history

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.fitting import (
    SLACK,
    bounds_its_output,
    fits_the_window,
    leaves_room,
    sent_smaller,
    told_it_does_not_fit,
)

WINDOWS = {"small": 1000}


def sent(name: str, at: float, tokens: int, most: int | None = 100, model: str = "small") -> Exchange:
    """A prompt of so many tokens, for an answer of at most so many."""
    return exchange(name, at, input_tokens=tokens, max_output=most, model=model)


class TestSentSmaller:
    def test_the_same_again_is_a_violation(self) -> None:
        """
        What did not fit does not fit the second time.
        """
        (found,) = sent_smaller([sent("x1", 0.0, 900), sent("x2", 1.0, 900)])

        assert ("1000 tokens after 1000 did not fit", ("x1", "x2")) == (found.saw, found.evidence)

    def test_less_of_either_keeps_the_promise(self) -> None:
        """
        A shorter prompt is another, and so is one that asks for a shorter answer.
        """
        assert [] == list(sent_smaller([sent("x1", 0.0, 900), sent("x2", 1.0, 800), sent("x3", 2.0, 800, 50)]))

    def test_another_provider_may_have_a_larger_window(self) -> None:
        """
        Each provider is judged by itself.
        """
        other = sent("x2", 1.0, 900)
        other.fake = "secondary"

        assert [] == list(sent_smaller([sent("x1", 0.0, 900), other]))


class TestToldItDoesNotFit:
    @pytest.mark.parametrize("kind", ["rate_limited", "timeout", "provider", "budget", "died", "cut"])
    def test_try_again_is_a_violation(self, kind: str) -> None:
        """
        It will not fit another time either.
        """
        told = call(text="", error=kind, message="try again later")

        assert [f"an error of the kind {kind}: 'try again later'"] == [
            violation.saw for violation in told_it_does_not_fit([told], history=history(told))
        ]

    def test_a_text_nobody_answered_is_a_violation(self) -> None:
        """
        The provider's complaint is no answer.
        """
        told = call(text="too long")

        assert ["'too long' as an answer"] == [
            violation.saw for violation in told_it_does_not_fit([told], history=history(told))
        ]

    def test_the_truth_or_an_answer_keeps_the_promise(self) -> None:
        """
        That it does not fit is the truth, and the answer to a shorter prompt is an answer.
        """
        told = history(call("c1", text="", error="context"), call("c2"), exchange("x1"))

        assert [] == list(told_it_does_not_fit(told.calls, history=told))


class TestFitsTheWindow:
    def test_a_prompt_over_the_window_is_a_violation(self) -> None:
        """
        More tokens than the window, and than the difference of two ways of counting, are too many.
        """
        (found,) = fits_the_window([sent("x1", 0.0, 1000 + SLACK + 1)], windows=WINDOWS)

        assert ("x1",) == found.evidence

    def test_one_that_fits_keeps_the_promise(self) -> None:
        """
        Up to the window; and of a model that is not known nobody knows.
        """
        fitting = [sent("x1", 0.0, 1000 + SLACK), sent("x2", 0.0, 9999, model="unheard of")]

        assert [] == list(fits_the_window(fitting, windows=WINDOWS))


class TestLeavesRoom:
    def test_prompt_and_answer_over_the_window_are_a_violation(self) -> None:
        """
        A prompt that fits and an answer that fits need not fit together.
        """
        (found,) = leaves_room([sent("x1", 0.0, 900, 300)], windows=WINDOWS)

        assert "900 tokens of prompt and 300 of answer for small" == found.saw

    def test_room_for_both_keeps_the_promise(self) -> None:
        """
        A shorter answer fits; a request that was never sent, too.
        """
        assert [] == list(leaves_room([sent("x1", 0.0, 900, 100)], windows=WINDOWS))
        assert [] == list(leaves_room([], windows=WINDOWS))

    def test_no_bound_is_nothing_to_judge(self) -> None:
        """
        How much room an answer needs that nobody bounds cannot be told.
        """
        with pytest.raises(NothingToJudge):
            list(leaves_room([sent("x1", 0.0, 900, None)], windows=WINDOWS))


class TestBoundsItsOutput:
    def test_no_bound_is_a_violation(self) -> None:
        """
        Only the request that bounds nothing is reported.
        """
        assert [("x2",)] == [
            violation.evidence for violation in bounds_its_output([sent("x1", 0.0, 10), sent("x2", 1.0, 10, None)])
        ]
