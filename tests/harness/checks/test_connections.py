from __future__ import annotations

import pytest
from histories import call, exchange, history

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.connections import lets_streams_end, releases, reuses, tells_nothing
from brownout.harness.history import Incident


def on(connection: int, **fields: object) -> Exchange:
    """An exchange over a connection."""
    made = exchange(f"x{connection}", float(connection), **fields)
    made.connection = connection
    return made


class TestReuses:
    def test_a_connection_for_each_request_is_a_violation(self) -> None:
        """
        More connections than allowed are counted, at each provider by itself.
        """
        assert 1 == len(list(reuses([on(1), on(2), on(3)], at_most=2)))

    def test_shared_connections_keep_the_promise(self) -> None:
        """
        Many requests over a few connections are as it should be.
        """
        assert [] == list(reuses([on(1), on(1), on(2), on(2)], at_most=2))


class TestLetsStreamsEnd:
    def test_leaving_what_is_answered_is_a_violation(self) -> None:
        """
        A stream that the client left on a connection with a GOAWAY is pointed at; what GOAWAY turned away is not.
        """
        left = exchange("x1", 0.0, ends=0.6, ended="client_left")
        refused = exchange("x2", 0.5, ended="refused", faults=("goaway",))

        found = list(lets_streams_end([left, refused]))

        assert [("left after 0.60 s, while it was being answered", ("x1",))] == [(v.saw, v.evidence) for v in found]

    def test_reading_to_the_end_keeps_the_promise(self) -> None:
        """
        What is complete on that connection, and what is left on another, is nobody's fault.
        """
        other = on(2, ended="client_left")
        refused = exchange("x2", 0.5, ended="refused", faults=("goaway",))

        assert [] == list(lets_streams_end([exchange("x1"), refused, other]))

    def test_without_anything_in_flight_there_is_nothing_to_judge(self) -> None:
        """
        No GOAWAY, or nobody but those that it turned away.
        """
        for attempts in ([exchange("x1")], [exchange("x1", ended="refused", faults=("goaway",))]):
            with pytest.raises(NothingToJudge, match="nothing was in flight"):
                list(lets_streams_end(attempts))


class TestReleases:
    def test_what_is_still_open_is_a_violation(self) -> None:
        """
        Connections that calls which are over have left open are counted and pointed at.
        """
        made = history(call(), *(on(number) for number in (1, 2, 3)))
        made.events = [Incident(0, "connections", {"open": {"primary": [1, 2, 3]}})]

        found = list(releases(made.calls, history=made, at_most=2))

        assert [("x1", "x2", "x3")] == [violation.evidence for violation in found]

    def test_a_call_that_is_not_over_may_hold_its_connection(self) -> None:
        """
        Only what belongs to calls that are over counts, and what is closed does not.
        """
        calls = call(), call("c2", canary="other1", ends=None), call("c3", canary="other2")
        made = history(*calls, on(1), on(2, canary="other1"), on(3))
        made.events = [Incident(0, "connections", {"open": {"primary": [1, 2]}})]

        assert [] == list(releases(made.calls, history=made, at_most=1))

    def test_without_a_count_or_an_end_there_is_nothing_to_judge(self) -> None:
        """
        Nobody counted, or no call came to its end.
        """
        made = history(call(ends=None), on(1))
        with pytest.raises(NothingToJudge, match="nobody counted"):
            list(releases(made.calls, history=made, at_most=1))
        made.events = [Incident(0, "connections", {"open": {"primary": [1]}})]
        with pytest.raises(NothingToJudge, match="no call"):
            list(releases(made.calls, history=made, at_most=1))

    def test_a_few_calls_cannot_show_that_nothing_leaks(self) -> None:
        """
        As many connections as there were calls may be kept, so that nothing is proved by them.
        """
        made = history(call(), on(1))
        made.events = [Incident(0, "connections", {"open": {"primary": []}})]

        with pytest.raises(NothingToJudge, match="only 1 calls"):
            list(releases(made.calls, history=made, at_most=1))


class TestTellsNothing:
    @pytest.mark.parametrize(
        "message", ["cannot connect to http://127.0.0.1:80/v1", "Traceback (most recent call last)"]
    )
    def test_an_error_that_shows_the_inside_is_a_violation(self, message: str) -> None:
        """
        An address or a stack trace is no caller's business, and a target that died has told nothing.
        """
        found = list(tells_nothing([call(error="provider", message=message), call("c2", error="died", message="gone")]))

        assert [("c1",), ("c2",)] == [violation.evidence for violation in found]

    def test_a_plain_error_or_an_answer_keeps_the_promise(self) -> None:
        """
        Words alone are fine.
        """
        assert [] == list(tells_nothing([call(error="provider", message="The model is not available."), call("c2")]))
