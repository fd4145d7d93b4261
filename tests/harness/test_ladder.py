from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.harness.checks import STEADY, Violation, load, precision
from brownout.harness.ladder import LEAPING, RATES, REAL, Pace, Trial, alone, first_pace, next_pace, next_rate, rungs
from brownout.harness.verdict import Judgement, Verdict

PASS = Judgement(Verdict.PASS)
UNKNOWN = Judgement(Verdict.INCONCLUSIVE, "nothing to judge", [], ["nothing to judge"])


def failed(margin: float | None = None) -> Judgement:
    """A broken promise, missed by so much."""
    return Judgement(Verdict.FAIL, "", [Violation("this", "that", (), margin)])


def trial(rate: float, judgement: Judgement, late: float = 0.0, **fields: float) -> Trial:
    """A run, quiet where nothing else is said."""
    return Trial(Pace(rate), judgement, **{"precision": STEADY, "late": late, "lag": 0.0, "worst": late, **fields})


def leapt(judgement: Judgement, late: float = 0.0) -> Trial:
    """A run with leaps, quiet where nothing else is said."""
    return Trial(LEAPING, judgement, STEADY, late, 0.0, late)


class TestFirstPace:
    @pytest.mark.parametrize(("seconds", "rate"), [(1, 5), (75, 5), (76, 20), (300, 20), (3600, 50)])
    def test_it_is_as_low_as_patience_allows(self, seconds: float, rate: float) -> None:
        """
        A row of up to 75 s begins where failures stand, and one of an hour at the highest rate.
        """
        assert Pace(rate) == first_pace(seconds, 50.0)

    def test_it_is_never_above_what_was_asked_for(self) -> None:
        """
        Who asks for rate 2 has rate 2, however long it takes.
        """
        assert Pace(2.0) == first_pace(3600, 2.0)

    def test_it_leaps_where_it_can(self) -> None:
        """
        Where no rate is the highest, time leaps, however long a row takes.
        """
        assert LEAPING == first_pace(3600, None)


class TestNextPace:
    def test_a_pass_stands_and_all_else_is_seen_twice(self) -> None:
        """
        A leap that came too early would accuse a target, and does not come twice.
        """
        assert next_pace([leapt(PASS)], None) is None
        assert next_pace([leapt(Judgement(Verdict.NOT_APPLICABLE))], None) is None
        for judgement in (failed(), failed(30.0), UNKNOWN):
            assert LEAPING == next_pace([leapt(judgement)], None)
            assert next_pace([leapt(judgement), leapt(judgement)], None) is None

    def test_real_time_settles_a_contradiction(self) -> None:
        """
        Two verdicts that noise does not explain are followed by one in real time, which stands.
        """
        assert REAL == next_pace([leapt(failed()), leapt(PASS)], None)
        assert REAL == next_pace([leapt(UNKNOWN), leapt(failed())], None)
        assert next_pace([leapt(failed(1.0)), leapt(PASS)], None) is None
        assert next_pace([leapt(failed(), late=9.0), leapt(PASS)], None) is None
        assert next_pace([leapt(failed()), leapt(PASS), trial(1, failed())], None) is None

    def test_a_rate_goes_down(self) -> None:
        """
        Where time runs faster and does not leap, the next rate is the pace.
        """
        assert Pace(5.0) == next_pace([trial(50, failed())], 50.0)
        assert next_pace([trial(50, PASS)], 50.0) is None


class TestNextRate:
    @pytest.mark.parametrize(
        ("judgement", "rate", "lower"),
        [
            (PASS, 50, None),
            (failed(), 50, 5),
            (failed(), 20, 5),
            (failed(), 5, None),
            (failed(), 1, None),
            (failed(margin=30.0), 5, None),
            (UNKNOWN, 50, 5),
            (UNKNOWN, 5, 1),
            (UNKNOWN, 1, None),
            (Judgement(Verdict.NOT_APPLICABLE), 50, None),
        ],
    )
    def test_nobody_is_accused_at_a_high_rate(self, judgement: Judgement, rate: float, lower: float | None) -> None:
        """
        On a quiet machine a pass stands, a failure is seen again at rate 5, and what is unclear in real time.
        """
        assert lower == next_rate([trial(rate, judgement)], 50.0)

    def test_a_pass_that_noise_may_have_made_is_seen_again(self) -> None:
        """
        A wait that must be right to a tenth of a second is run at the rate that an ordinary machine can bear for that.
        """
        assert 5.0 == next_rate([trial(50, PASS, precision=0.1)], 50.0)
        busy = trial(5, PASS, late=0.2, precision=0.1)
        assert 5.0 == next_rate([busy], 50.0)
        assert 2.0 == next_rate([busy, busy], 50.0)
        assert next_rate([trial(5, PASS, precision=0.1)], 50.0) is None

    def test_a_target_that_cannot_keep_up_is_slowed_down_to_what_it_can(self) -> None:
        """
        Calls that wait 40 s before anything is sent at rate 50 wait less than two at rate 2.
        """
        assert 2.0 == next_rate([trial(50, PASS, lag=40.0)], 50.0)

    def test_a_contradiction_is_settled_in_real_time(self) -> None:
        """
        A failure that is not about time and a pass after it are followed by a third run; noise explains the others.
        """
        high, low = trial(20, failed()), trial(5, PASS)

        assert 1.0 == next_rate([high, low], 50.0)
        assert next_rate([trial(20, failed(margin=3.0)), low], 50.0) is None
        assert next_rate([trial(20, failed(), late=9.0), low], 50.0) is None

    @given(
        st.sampled_from(RATES),
        st.sampled_from([PASS, UNKNOWN, failed(), failed(1.0), failed(100.0)]),
        st.floats(0, 100),
        st.floats(0, 100),
        st.floats(0.01, 5),
    )
    def test_it_goes_down_or_ends(
        self, rate: float, judgement: Judgement, late: float, lag: float, needed: float
    ) -> None:
        """
        Whatever was seen twice, the next rate is a rung below; a failure that stands was seen at rate 5 at most.
        """
        seen = trial(rate, judgement, late, lag=lag, precision=needed)
        lower = next_rate([seen, seen], 50.0)

        assert lower is None or (lower < rate and lower in rungs(50.0))
        if lower is None and judgement.verdict is Verdict.FAIL:
            assert rate <= 5


class TestAlone:
    def test_what_was_missed_by_little_is_seen_again_alone(self) -> None:
        """
        A figure missed by less than two seconds, or by less than four times the noise, may be the machine's.
        """
        assert alone(trial(5, failed(margin=1.9)))
        assert alone(trial(5, failed(margin=7.0), late=2.0))
        assert not alone(trial(5, failed(margin=3.0)))
        assert not alone(trial(5, failed()))

    def test_a_noisy_pass_in_real_time_is(self) -> None:
        """
        Where no lower rate is left, only a machine that does nothing else can tell.
        """
        assert alone(trial(1, PASS, late=0.2, precision=0.1))
        assert not alone(trial(1, PASS, precision=0.1))


class TestPrecision:
    def test_the_finest_check_decides(self) -> None:
        """
        A scenario needs what its most delicate check needs, and every scenario needs a steady clock.
        """
        load()

        assert 0.02 == precision(["answered", "spreads_out", "spaced"])
        assert STEADY == precision(["answered"]) == precision([])
