from __future__ import annotations

import pytest
from histories import ANSWER, call, exchange, history

from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.caching import asks_again, expired, from_the_cache, not_mistaken

FIRST, AGAIN = call("c1", 0.0), call("c3", 10.0, ends=11.0)
CONTROL = call("c2", 5.0, ends=6.0, canary="other1", text="other1-1")
EARLIER = exchange("x1", 0.2)
FAIR = exchange("x2", 5.2, canary="other1", answer="other1-1")


class TestFromTheCache:
    def test_asking_again_is_a_violation(self) -> None:
        """
        An exchange that the second call has made is pointed at, and none of the first's.
        """
        made = history(FIRST, AGAIN, EARLIER, exchange("x3", 10.2))

        assert [("x3",)] == [violation.evidence for violation in from_the_cache([AGAIN], history=made)]

    def test_a_hit_keeps_the_promise(self) -> None:
        """
        Without an exchange of its own the call was answered from the cache.
        """
        assert [] == list(from_the_cache([AGAIN], history=history(FIRST, AGAIN, EARLIER)))


class TestAsksAgain:
    def test_what_failed_and_is_given_again_is_a_violation(self) -> None:
        """
        The old error or a part of an answer, without asking again; or something stale after asking.
        """
        error = call("c3", 10.0, ends=11.0, error="provider", message="Sorry.")
        stale = call("c3", 10.0, ends=11.0, text=ANSWER[:20])
        bare, asked = history(error, CONTROL, EARLIER, FAIR), history(stale, CONTROL, FAIR, exchange("x3", 10.2))

        assert [("c3", "c2")] == [v.evidence for v in asks_again([error], history=bare, control=["c2"])]
        assert [("c3", "x3")] == [v.evidence for v in asks_again([stale], history=asked, control=["c2"])]

    def test_a_fresh_answer_keeps_the_promise(self) -> None:
        """
        Asked again and answered.
        """
        made = history(AGAIN, CONTROL, EARLIER, FAIR, exchange("x3", 10.2))

        assert [] == list(asks_again([AGAIN], history=made, control=["c2"]))

    def test_where_no_question_is_answered_there_is_nothing_to_judge(self) -> None:
        """
        A target that has not recovered says nothing about its cache.
        """
        lost = call("c2", 5.0, canary="other1", error="provider")

        with pytest.raises(NothingToJudge):
            list(asks_again([AGAIN], history=history(AGAIN, lost, EARLIER), control=["c2"]))


class TestNotMistaken:
    def test_an_answer_to_another_question_is_a_violation(self) -> None:
        """
        An answer that nobody asked the provider for is that to another question.
        """
        assert 1 == len(list(not_mistaken([AGAIN], history=history(FIRST, AGAIN, EARLIER), what="user")))

    def test_a_question_of_its_own_or_an_error_keeps_the_promise(self) -> None:
        """
        Who asks the provider, or refuses, mistakes nothing.
        """
        refused = call("c3", 10.0, error="invalid")

        assert [] == list(not_mistaken([AGAIN], history=history(AGAIN, exchange("x3", 10.2)), what="user"))
        assert [] == list(not_mistaken([refused], history=history(refused), what="user"))


class TestExpired:
    def test_an_old_answer_is_a_violation(self) -> None:
        """
        Its age stands beside what was promised.
        """
        (found,) = expired([AGAIN], history=history(FIRST, AGAIN, EARLIER), ttl=5.0)

        assert ("an answer of 9.8 s ago", "good for 5 s") == (found.saw, found.promised)

    def test_a_fresh_one_keeps_the_promise(self) -> None:
        """
        Asked again when the time was over.
        """
        assert [] == list(expired([AGAIN], history=history(AGAIN, EARLIER, exchange("x3", 10.2)), ttl=5.0))
