from __future__ import annotations

from typing import Any

import pytest
from histories import ANSWER, call, exchange, history

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.patience import leaves_with_the_caller, told_of_the_stall
from brownout.harness.history import Call

STALLED = {"faults": ("stall",), "last_byte": round(2e9), "finished": None, "ended": ""}


class TestToldOfTheStall:
    def judged(self, seen: Call, idle: float | None = 20.0) -> list[str]:
        """What is found of one call whose stream stalled after two seconds."""
        stalled = exchange("x1", 0.0, **STALLED)
        found = told_of_the_stall([seen], history=history(seen, stalled), idle=idle, deadline=60.0)
        return [violation.saw for violation in found]

    @pytest.mark.parametrize(("ends", "idle"), [(22.2, 20.0), (60.1, None), (5.0, 20.0)])
    def test_an_error_in_time_keeps_the_promise(self, ends: float, idle: float | None) -> None:
        """
        The idle timeout counts from the last byte, the deadline from the call; a timer may be a quarter second late.
        """
        assert [] == self.judged(call(ends=ends, error="timeout", partial=True), idle)

    def test_a_late_error_is_a_violation(self) -> None:
        """
        An error after 28 s of silence is too late for an idle timeout of 20 s.
        """
        assert ["an error after 28.00 s"] == self.judged(call(ends=30.0, error="timeout"))

    def test_silence_is_a_violation(self) -> None:
        """
        A caller who is never told waits for ever.
        """
        assert ["neither end nor error"] == self.judged(call(ends=None))

    def test_a_normal_end_tells_nothing(self) -> None:
        """
        Part of an answer with a normal end is passed off as whole.
        """
        assert ["20 characters and a normal end"] == self.judged(call(ends=5.0, text=ANSWER[:20]))

    def test_a_whole_answer_is_better_than_an_error(self) -> None:
        """
        Who got the answer elsewhere need not be told of anything.
        """
        assert [] == self.judged(call(ends=50.0))

    def test_no_stall_is_nothing_to_judge(self) -> None:
        """
        Where no stream stalled nobody is to be told.
        """
        seen = call()

        with pytest.raises(NothingToJudge):
            list(told_of_the_stall([seen], history=history(seen, exchange("x1")), idle=None, deadline=60.0))


def under_way(**fields: Any) -> Exchange:
    """An exchange that began at 0 and is not over."""
    return exchange("x1", 0.0, **{"finished": None, "ended": "", **fields})


class TestLeavesWithTheCaller:
    def judged(self, *exchanges: Exchange) -> list[str]:
        """What is found of a caller who left after one second."""
        left = call(ends=None, cancelled=round(1e9))
        found = leaves_with_the_caller([left], history=history(left, *exchanges), within=1.0)
        return [violation.saw for violation in found]

    def test_a_connection_that_is_closed_keeps_the_promise(self) -> None:
        """
        Half a second after the caller has left the provider is left too.
        """
        closed = round(1.5e9)

        assert [] == self.judged(under_way(client_closed=closed, finished=closed))

    def test_a_connection_that_is_closed_late_is_a_violation(self) -> None:
        """
        Two seconds of tokens are paid for by nobody's wish.
        """
        closed = round(3e9)

        assert ["closed 2.00 s after the caller had left"] == self.judged(
            under_way(client_closed=closed, finished=closed)
        )

    @pytest.mark.parametrize("finished", [None, round(9e9)])
    def test_a_connection_that_stays_open_is_a_violation(self, finished: int | None) -> None:
        """
        An answer that is written to its end for nobody is paid for to its end.
        """
        assert ["the connection to the provider stayed open"] == self.judged(under_way(finished=finished))

    def test_an_attempt_for_nobody_is_a_violation(self) -> None:
        """
        A retry two seconds after the caller has left serves nobody.
        """
        closed = round(1.1e9)

        assert ["an attempt after the caller had left"] == self.judged(
            under_way(client_closed=closed, finished=closed), exchange("x2", 3.0)
        )

    def test_nothing_under_way_is_nothing_to_judge(self) -> None:
        """
        An exchange that was over has nothing to be closed.
        """
        with pytest.raises(NothingToJudge):
            self.judged(exchange("x1", 0.0, ends=0.5))

    def test_a_caller_who_stayed_is_nothing_to_judge(self) -> None:
        """
        Who did not leave leaves nothing open.
        """
        stayed = call()

        with pytest.raises(NothingToJudge):
            list(leaves_with_the_caller([stayed], history=history(stayed, under_way()), within=1.0))
