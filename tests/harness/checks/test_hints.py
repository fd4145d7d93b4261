from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from histories import call, exchange, history

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.hints import comes_back_within, due_after, leaves_alone, waits_for_retry_after

REFUSED = {"status": 429, "answer": None, "faults": ("rate_limited",)}


def refusal(name: str, at: float, hint: str | None = None, **fields: object) -> Exchange:
    """A 429 with a `Retry-After`."""
    headers = () if hint is None else (("retry-after", hint),)
    return exchange(name, at, **{**REFUSED, "headers": headers, **fields})


def dated(at: float, *, server: float = 0.0, ahead: float = 12.0) -> Exchange:
    """A 429 at `at` whose `Retry-After` is a date, from a server whose clock is `server` seconds ahead."""
    now = datetime.fromtimestamp(1_795_000_000.0 + at + server, UTC).replace(microsecond=0)
    until = format_datetime(now + timedelta(seconds=ahead), usegmt=True)
    return refusal("x1", at, headers=(("date", format_datetime(now, usegmt=True)), ("retry-after", until)))


class TestWaitsForRetryAfter:
    def test_an_early_retry_is_a_violation(self) -> None:
        """
        A retry half a second after a ten-second Retry-After is reported with both attempts and what was missed.
        """
        early = [refusal("x1", 0.0, "10"), exchange("x2", 0.5)]

        (found,) = waits_for_retry_after(early, history=history(*early))

        assert ("x1", "x2") == found.evidence
        assert found.margin == pytest.approx(9.45)

    def test_a_retry_in_time_keeps_the_promise(self) -> None:
        """
        A timer may be 50 ms early.
        """
        kept = [refusal("x1", 0.0, "10"), exchange("x2", 9.96)]

        assert [] == list(waits_for_retry_after(kept, history=history(*kept)))

    def test_each_wait_obeys_the_reply_that_it_follows(self) -> None:
        """
        Who waits five seconds after each refusal obeys the first hint and not the second.
        """
        kept = [refusal("x1", 0.0, "5"), refusal("x2", 5.0, "12"), exchange("x3", 10.0)]

        found = list(waits_for_retry_after(kept, history=history(*kept)))

        assert [("x2", "x3")] == [violation.evidence for violation in found]

    @pytest.mark.parametrize("other", [{"fake": "secondary"}, {"key": "another"}, {"canary": "zzzzzz"}])
    def test_a_hint_binds_its_provider_its_key_and_its_call(self, other: dict[str, str]) -> None:
        """
        Another provider, another key and another call may be served at once; the caller has its answer.
        """
        answered = call()
        elsewhere = [refusal("x1", 0.0, "10"), exchange("x2", 0.1)]
        for name, value in other.items():
            setattr(elsewhere[1], name, value)

        assert [] == list(waits_for_retry_after(elsewhere, history=history(answered, *elsewhere)))

    def test_a_request_that_was_under_way_obeys_nothing(self) -> None:
        """
        A second request that left before the refusal did could not know of it.
        """
        hedged = [refusal("x1", 0.0, "10", first_byte=round(1e9)), exchange("x2", 0.5), exchange("x3", 12.0)]

        assert [] == list(waits_for_retry_after(hedged, history=history(*hedged)))

    def test_silence_obeys_nothing(self) -> None:
        """
        Where nobody came back and nobody was answered there is nothing to judge, unless silence was the promise.
        """
        silent = [refusal("x1", 0.0, "10")]
        failed = call(error="rate_limited")

        with pytest.raises(NothingToJudge):
            list(waits_for_retry_after(silent, history=history(failed, *silent)))
        assert [] == list(waits_for_retry_after(silent, history=history(failed, *silent), followed=False))

    def test_no_hint_is_nothing_to_judge(self) -> None:
        """
        Refusals that say nothing bind nobody.
        """
        bare = [refusal("x1", 0.0), exchange("x2", 0.5)]

        with pytest.raises(NothingToJudge):
            list(waits_for_retry_after(bare, history=history(*bare)))


class TestDueAfter:
    @pytest.mark.parametrize("hint", ["0", "-5", "banana", "1e309", "", "nan", "Wed, 21 Oct 2015 07:28:00 GMT"])
    def test_what_makes_no_sense_is_no_hint(self, hint: str) -> None:
        """
        A hint that names no moment to come binds nobody.
        """
        refused = refusal("x1", 3.0, hint)

        assert due_after(refused, history(refused)) is None

    def test_of_two_hints_the_sooner_counts(self) -> None:
        """
        A client may believe either of two hints that disagree.
        """
        refused = refusal("x1", 1.0, headers=(("retry-after", "2"), ("retry-after-ms", "500")))

        assert due_after(refused, history(refused)) == pytest.approx(1.5)

    @pytest.mark.parametrize("fraction", [0.0, 0.2, 0.99])
    def test_a_right_clock_says_the_very_second(self, fraction: float) -> None:
        """
        A date twelve seconds from the second that has begun is due when that second begins, not twelve seconds later.
        """
        refused = dated(fraction)

        assert due_after(refused, history(refused)) == pytest.approx(12.0, abs=1e-6)

    @pytest.mark.parametrize("server", [-300.0, 300.0, -0.5, 17.3])
    def test_a_wrong_clock_gets_the_benefit_of_a_second(self, server: float) -> None:
        """
        What is due by a clock that is wrong is never later than it is by that clock, and less than a second sooner.
        """
        refused = dated(0.3, server=server)
        shown = (1_795_000_000.3 + server) // 1 + 12

        due = due_after(refused, history(refused))

        assert due is not None
        assert 0 <= shown - (1_795_000_000.0 + server) - due <= 1.05


class TestLeavesAlone:
    def test_an_early_retry_is_a_violation(self) -> None:
        """
        A provider that asked for three seconds in its own way is left alone for three seconds.
        """
        early = [refusal("x1", 0.0), exchange("x2", 1.0)]

        assert ["retried after 1.00 s"] == [
            violation.saw for violation in leaves_alone(early, history=history(*early), seconds=3.0)
        ]

    def test_a_retry_in_time_keeps_the_promise(self) -> None:
        """
        After three seconds it may be asked again.
        """
        later = [refusal("x1", 0.0), exchange("x2", 3.0)]

        assert [] == list(leaves_alone(later, history=history(*later), seconds=3.0))

    def test_an_answer_from_elsewhere_keeps_the_promise(self) -> None:
        """
        Whoever asks another provider instead leaves the one that said no alone.
        """
        refused = refusal("x1", 0.0)

        assert [] == list(leaves_alone([refused], history=history(refused, call()), seconds=3.0))

    def test_silence_is_nothing_to_judge(self) -> None:
        """
        A single attempt says nothing.
        """
        with pytest.raises(NothingToJudge):
            list(leaves_alone([refusal("x1", 0.0)], history=history(), seconds=3.0))


class TestComesBackWithin:
    def test_a_late_retry_is_a_violation(self) -> None:
        """
        Who was asked for one second and comes back after five is reported with the three seconds missed.
        """
        (found,) = comes_back_within([refusal("x1", 0.0, "1"), exchange("x2", 5.0)], seconds=2.0)

        assert found.margin == pytest.approx(3.0)

    def test_another_provider_is_as_good(self) -> None:
        """
        The next attempt may go elsewhere.
        """
        kept = [refusal("x1", 0.0, "1"), exchange("x2", 1.2)]
        kept[1].fake = "secondary"

        assert [] == list(comes_back_within(kept, seconds=2.0))

    def test_silence_is_nothing_to_judge(self) -> None:
        """
        Who never comes back is neither late nor in time.
        """
        with pytest.raises(NothingToJudge):
            list(comes_back_within([refusal("x1", 0.0, "1")], seconds=2.0))
