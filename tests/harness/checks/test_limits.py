from __future__ import annotations

import pytest
from histories import exchange

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.limits import stays_under_limit


def asked(*statuses: int) -> list[Exchange]:
    """Requests a second apart that ended with these statuses."""
    return [exchange(f"x{number}", float(number), status=status) for number, status in enumerate(statuses)]


class TestStaysUnderLimit:
    def test_who_bounces_off_the_limit_is_told(self) -> None:
        """
        Three refusals in a hundred requests are more than one in a hundred, and all three are named.
        """
        found = list(stays_under_limit(asked(*[429] * 3, *[200] * 97)))

        assert [("3 of 100 requests refused (3%)", ("x0", "x1", "x2"))] == [(x.saw, x.evidence) for x in found]

    @pytest.mark.parametrize("refused", [0, 1])
    def test_next_to_none_is_none(self, refused: int) -> None:
        """
        One refusal, however few the requests, proves nothing.
        """
        assert [] == list(stays_under_limit(asked(*[429] * refused, *[200] * 25)))

    def test_what_came_before_does_not_count(self) -> None:
        """
        A limit that changes is followed after a while: what bounced before that is passed over.
        """
        attempts = asked(*[429] * 10, *[200] * 30)

        assert [] == list(stays_under_limit(attempts, since=10.0))
        assert 1 == len(list(stays_under_limit(attempts, since=7.0)))

    def test_a_few_requests_are_not_judged(self) -> None:
        """
        Of nineteen requests nothing can be said.
        """
        with pytest.raises(NothingToJudge):
            list(stays_under_limit(asked(*[429] * 19)))
