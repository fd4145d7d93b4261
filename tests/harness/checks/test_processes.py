from __future__ import annotations

import pytest
from histories import call, exchange, history

from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.processes import comes_to_rest, memory_grows_little
from brownout.harness.history import History, Incident

LIMIT = 32 * 1024 * 1024


def measured(what: str, name: str, *values: float, ended: str = "client_left", sent: int = 75 * 1024 * 1024) -> History:
    """A history in which something was measured several times, and so many bytes left the provider."""
    seen = history(exchange("x1", ended=ended, bytes_out=sent))
    seen.events = [Incident(number, what, {name: value}) for number, value in enumerate(values)]
    return seen


class TestComesToRest:
    def test_a_target_that_spins_is_a_violation(self) -> None:
        """
        The last measurement counts: what was busy and is at rest is fine, what is busy still is not.
        """
        assert 1 == len(list(comes_to_rest(measured("cpu", "share", 0.1, 0.97), share=0.2)))
        assert [] == list(comes_to_rest(measured("cpu", "share", 0.97, 0.1), share=0.2))

    def test_without_a_measurement_there_is_nothing_to_judge(self) -> None:
        """
        A target that the harness has not started has no processes to look at.
        """
        with pytest.raises(NothingToJudge):
            list(comes_to_rest(history(), share=0.2))


class TestMemoryGrowsLittle:
    def test_a_target_that_keeps_the_stream_is_a_violation(self) -> None:
        """
        What is kept most of the time counts; a moment in which a piece is taken apart does not.
        """
        grown = measured("vitals", "rss_bytes", 50e6, 70e6, 90e6, 91e6)
        peak = measured("vitals", "rss_bytes", 50e6, 70e6, 95e6, 70e6)

        saw = "38 MiB more, of a stream read 75 MiB ahead of the caller"
        assert [saw] == [violation.saw for violation in memory_grows_little(grown, at_most_bytes=LIMIT)]
        assert [] == list(memory_grows_little(peak, at_most_bytes=LIMIT))

    def test_a_target_that_keeps_little_is_fine(self) -> None:
        """
        A few megabytes are what reading takes.
        """
        assert [] == list(memory_grows_little(measured("vitals", "rss_bytes", 50e6, 53e6), at_most_bytes=LIMIT))

    def test_who_reads_no_faster_than_the_caller_holds_no_stream(self) -> None:
        """
        Memory that grows while the provider is kept waiting is not the stream's: it has not been sent.
        """
        kept_waiting = measured("vitals", "rss_bytes", 92e6, 149e6, 150e6, 154e6, sent=20 * 1024 * 1024)
        kept_waiting.calls = [call("c1", text="word " * 500_000)]

        assert [] == list(memory_grows_little(kept_waiting, at_most_bytes=LIMIT))

    @pytest.mark.parametrize(
        "seen",
        [
            measured("vitals", "rss_bytes", 50e6),
            measured("vitals", "rss_bytes", 50e6, 51e6, ended="complete", sent=8202),
        ],
        ids=["measured-once", "a-short-stream"],
    )
    def test_without_growth_or_a_stream_there_is_nothing_to_judge(self, seen: History) -> None:
        """
        One measurement shows no growth, and a stream that was whole in no time held nobody up.
        """
        with pytest.raises(NothingToJudge):
            list(memory_grows_little(seen, at_most_bytes=LIMIT))
