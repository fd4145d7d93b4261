from __future__ import annotations

import pytest
from histories import call, exchange, history

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.retries import (
    asked_once,
    bounded,
    prompt_is_sent_once,
    same_request,
    survives_the_hint,
    tried_again,
    tried_once,
    within_retry_budget,
)


def attempts(count: int, **fields: object) -> list[Exchange]:
    """So many attempts, a second apart."""
    return [exchange(f"x{number}", float(number), **fields) for number in range(1, count + 1)]


def at(exchanges: list[Exchange], fake: str) -> list[Exchange]:
    """The same exchanges at another provider."""
    for one in exchanges:
        one.fake = fake
    return exchanges


class TestBounded:
    def test_one_attempt_too_many_is_a_violation(self) -> None:
        """
        Five attempts where four are promised are all pointed at.
        """
        (found,) = bounded(attempts(5), at_most=4)

        assert ("x1", "x2", "x3", "x4", "x5") == found.evidence

    def test_each_call_and_each_provider_has_its_own_count(self) -> None:
        """
        Four attempts at each of two providers, for each of two calls, are four.
        """
        everywhere = attempts(4) + at(attempts(4), "secondary") + attempts(4, canary="zzzzzz")

        assert [] == list(bounded(everywhere, at_most=4))


class TestTriedOnce:
    def test_a_second_attempt_is_a_violation(self) -> None:
        """
        A request that was refused for good is not sent again.
        """
        assert ["2 attempts"] == [violation.saw for violation in tried_once(attempts(2))]

    def test_another_key_or_provider_may_be_tried(self) -> None:
        """
        What one key is refused for another may be allowed.
        """
        others = [*attempts(1, key="a"), *attempts(1, key="b"), *at(attempts(1), "secondary")]

        assert [] == list(tried_once(others))


class TestPromptIsSentOnce:
    def test_the_same_prompt_again_is_a_violation(self) -> None:
        """
        A prompt that was declined is declined again.
        """
        (found,) = prompt_is_sent_once(attempts(2, texts=("Hello",)))

        assert ("x1", "x2") == found.evidence

    def test_another_prompt_may_be_sent(self) -> None:
        """
        What was declined may be said in other words.
        """
        said = [*attempts(1, texts=("Hello",)), *attempts(1, texts=("Good day",))]

        assert [] == list(prompt_is_sent_once(said))


class TestAskedOnce:
    def test_a_second_attempt_anywhere_is_a_violation(self) -> None:
        """
        A slow answer that is asked for elsewhere too is paid for twice.
        """
        assert 1 == len(list(asked_once([*attempts(1), *at(attempts(1), "secondary")])))

    def test_one_attempt_keeps_the_promise(self) -> None:
        """
        One is one, for each call.
        """
        assert [] == list(asked_once([*attempts(1), *attempts(1, canary="zzzzzz")]))


class TestTriedAgain:
    def test_a_single_attempt_is_a_violation(self) -> None:
        """
        Who was told to try again and did not is reported.
        """
        assert ["a single attempt"] == [violation.saw for violation in tried_again(attempts(1))]

    def test_a_second_attempt_keeps_the_promise(self) -> None:
        """
        Two are enough.
        """
        assert [] == list(tried_again(attempts(2)))


class TestSameRequest:
    def test_another_body_is_a_violation(self) -> None:
        """
        A field that changes from one attempt to the next is named.
        """
        first, second = attempts(2, request_body='{"model": "m", "seed": 1}')
        second.request_body = '{"model": "m", "seed": 2}'

        (found,) = same_request([first, second])

        assert "another body: 'seed' differs" == found.saw

    def test_the_order_of_fields_does_not_matter(self) -> None:
        """
        The same JSON is the same body.
        """
        first, second = attempts(2, request_body='{"model": "m", "seed": 1}')
        second.request_body = '{"seed":1,"model":"m"}'

        assert [] == list(same_request([first, second]))

    @pytest.mark.parametrize("later", [(("idempotency-key", "b"),), ()])
    def test_another_idempotency_key_is_a_violation(self, later: tuple[tuple[str, str], ...]) -> None:
        """
        A key that changes or is dropped makes the second attempt another request.
        """
        first, second = attempts(2, request_headers=(("idempotency-key", "a"),))
        second.request_headers = later

        assert ["another idempotency key"] == [violation.saw for violation in same_request([first, second])]

    def test_a_single_attempt_is_nothing_to_judge(self) -> None:
        """
        One attempt at each of two providers compares with nothing.
        """
        with pytest.raises(NothingToJudge):
            list(same_request([*attempts(1), *at(attempts(1), "secondary")]))


class TestWithinRetryBudget:
    def test_three_attempts_for_each_request_are_a_violation(self) -> None:
        """
        Thirty attempts for ten requests are more than two for each.
        """
        calls = [call(f"c{number}", error="provider") for number in range(10)]

        (found,) = within_retry_budget(attempts(30), history=history(*calls), ratio=2.0)

        assert "30 attempts for 10 requests, 3.00 for each" == found.saw

    def test_two_keep_the_promise(self) -> None:
        """
        Twenty attempts for ten requests are within the budget.
        """
        calls = [call(f"c{number}", error="provider") for number in range(10)]

        assert [] == list(within_retry_budget(attempts(20), history=history(*calls), ratio=2.0))

    def test_each_provider_of_a_chain_has_its_own_count(self) -> None:
        """
        Twenty attempts at each of two providers press neither of them harder than twenty at one.
        """
        calls = [call(f"c{number}", error="provider") for number in range(10)]
        everywhere = attempts(20) + at(attempts(20), "secondary")

        assert [] == list(within_retry_budget(everywhere, history=history(*calls), ratio=2.0))

    def test_no_request_is_nothing_to_judge(self) -> None:
        """
        Attempts for nobody have no ratio.
        """
        with pytest.raises(NothingToJudge):
            list(within_retry_budget(attempts(1), history=history(), ratio=2.0))


class TestSurvivesTheHint:
    def test_an_error_of_no_kind_is_a_violation_where_the_same_refusal_has_one(self) -> None:
        """
        A `ValueError` in place of "rate limited" is a crash that the hint has caused.
        """
        crashed = call("c1", error="other", message="could not convert string to float: 'banana'")
        usual = call("c2", error="rate_limited", canary="zzzzzz")
        seen = history(crashed, usual, exchange("x1", canary="zzzzzz"))

        (found,) = survives_the_hint([crashed], history=seen, control=["c2"])

        assert ("c1", "c2") == found.evidence

    def test_a_target_that_knows_no_kinds_has_not_crashed(self) -> None:
        """
        Where every refusal is an error of no kind nothing follows from it.
        """
        one, other = call("c1", error="other"), call("c2", error="other", canary="zzzzzz")
        seen = history(one, other, exchange("x1", canary="zzzzzz"))

        assert [] == list(survives_the_hint([one], history=seen, control=["c2"]))

    def test_a_target_that_died_is_a_violation(self) -> None:
        """
        A process that ended in the middle of the call has not survived.
        """
        died = call(error="died")

        assert 1 == len(list(survives_the_hint([died], history=history(died), control=[])))
