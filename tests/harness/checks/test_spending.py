from __future__ import annotations

from typing import Any

import pytest
from histories import call, exchange, history

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.spending import (
    accounts_truly,
    refused_unsent,
    within_cap,
    within_own_cap,
    worst_case_fits,
)
from brownout.harness.contract import Contract, Spend
from brownout.harness.history import Call, History

CAPPED = Contract(spend=Spend(cap=1000))
PRICES = {"primary": [1.0, 10.0, 100.0]}


def paid(name: str, microdollars: int, at: float = 0.0, **fields: Any) -> Exchange:
    """An exchange that was billed."""
    return exchange(name, at, microdollars=microdollars, **fields)


def bought(*costs: int, refused: int = 1, **spend: Any) -> History:
    """Calls that cost so much one after the other, then calls that stayed off the wire; the cap is 1,000."""
    records: list[Exchange | Call] = []
    for number, cost in enumerate(costs):
        canary = f"paid{number:02d}"
        records += [call(f"c{number}", number, canary=canary), paid(f"x{number}", cost, number, canary=canary)]
    for number in range(refused):
        late = len(costs) + number
        records.append(call(f"c{late}", late, canary=f"none{late:02d}", error="budget", text="", finish=None))
    return history(*records, contract=Contract(spend=Spend(cap=1000, **spend)))


def found(written: History, **params: Any) -> list[tuple[str, tuple[str, ...]]]:
    """What `within_cap` sees."""
    return [(x.saw, x.evidence) for x in within_cap(written, contract=written.contract, **params)]


class TestWithinCap:
    def test_money_beyond_the_cap_is_told_with_what_cost_it(self) -> None:
        """
        Of four calls of 300 the fourth breaks a cap of 1,000 micro-dollars.
        """
        assert [("$0.001200 billed for 5 calls", ("x3",))] == found(bought(300, 300, 300, 300))

    def test_what_is_billed_elsewhere_proves_nothing(self) -> None:
        """
        A cap that was kept without a single bill of the provider in question is nothing to judge.
        """
        with pytest.raises(NothingToJudge, match="nothing was billed at secondary"):
            found(bought(300, 300), billed_at="secondary")

        assert [] == found(bought(300, 300), billed_at="primary")

    def test_little_that_is_billed_proves_nothing(self) -> None:
        """
        Where less was billed than the row set out to spend, something else than the cap kept the calls away.
        """
        with pytest.raises(NothingToJudge, match="something else than the cap"):
            found(bought(300, refused=0), tried=0.5)

        assert [] == found(bought(300, 300), tried=0.5)
        assert [] == found(bought(300), tried=0.5)

    def test_a_cap_that_is_kept(self) -> None:
        """
        Three calls of 300 and a refusal keep it, and so does what rounding adds.
        """
        assert [] == found(bought(300, 300, 300))
        assert [] == found(bought(334, 334, 334))

    @pytest.mark.parametrize(
        ("spend", "params", "broken"),
        [
            ({}, {"at_once": True}, False),
            ({"post_paid": True}, {}, False),
            ({"overshoot": 100}, {}, True),
            ({"overshoot": 200}, {}, False),
            ({}, {"estimated": 0.1}, True),
            ({}, {"estimated": 0.2}, False),
            ({}, {"at_once": True, "usual": ["c0"]}, True),
            ({"post_paid": True}, {"usual": ["c0"]}, False),
        ],
    )
    def test_it_may_be_missed_by_what_is_promised(
        self, spend: dict[str, Any], params: dict[str, Any], broken: bool
    ) -> None:
        """
        One call more is forgiven where callers came at once or pay afterwards, and an overshoot where it is promised.
        """
        assert broken == bool(found(bought(50, 383, 383, 384, **spend), **params))

    def test_what_nobody_calls_for_is_billed_too(self) -> None:
        """
        An exchange that carries no call's canary is paid from the same cap.
        """
        written = bought(300, 300, 300)
        written.exchanges.append(paid("x9", 200, 9.0, canary=None))

        assert [("x9",)] == [evidence for _, evidence in found(written)]

    @pytest.mark.parametrize(
        ("written", "why"),
        [
            (history(call(), contract=Contract()), "no cap is promised"),
            (bought(300, refused=0), "none was refused"),
            (bought(refused=3), "no call was answered"),
        ],
    )
    def test_a_cap_that_was_not_come_near_is_not_judged(self, written: History, why: str) -> None:
        """
        Without a cap, without a refusal, and without an answer nothing can be said.
        """
        with pytest.raises(NothingToJudge, match=why):
            found(written)

    @pytest.mark.parametrize(
        ("period", "timezone", "started", "judged"),
        [
            ("day", "UTC", 1_795_305_599.0, False),
            ("day", "Asia/Kolkata", 1_795_305_599.0, True),
            ("day", "Europe/Berlin", 1_795_302_000.0 - 1, False),
            ("month", "UTC", 1_795_305_599.0, True),
            ("month", "UTC", 1_796_083_199.0, False),
            ("run", "UTC", 1_796_083_199.0, True),
        ],
    )
    def test_a_period_that_ends_in_the_middle_is_not_judged(
        self, period: str, timezone: str, started: float, judged: bool
    ) -> None:
        """
        What is spent before midnight, where the target counts, does not count behind it.
        """
        written = bought(300, 300, 300, 300, period=period, timezone=timezone)
        written.heading.started, written.heading.seconds = started, 10.0

        if judged:
            assert found(written)
        else:
            with pytest.raises(NothingToJudge, match="a new period"):
                found(written)


class TestWithinOwnCap:
    def test_one_users_money_is_counted_by_itself(self) -> None:
        """
        What two users spend together is no matter; what one spends beyond the own cap is.
        """
        written = bought(300, 300, 300, per_user=500)
        for number, spoken in enumerate(written.calls):
            spoken.user = "odd" if number % 2 else "even"

        def saw(user: str) -> list[str]:
            return [x.saw for x in within_own_cap(written, contract=written.contract, user=user)]

        assert ["$0.000600 billed for 2 calls"] == saw("even")
        assert [] == saw("odd")

    def test_without_one_nothing_is_judged(self) -> None:
        """
        A cap for everybody says nothing of one user.
        """
        with pytest.raises(NothingToJudge):
            list(within_own_cap(bought(300), contract=Contract(spend=Spend(cap=1)), user="odd"))


class TestRefusedUnsent:
    @pytest.mark.parametrize(
        ("told", "saw"),
        [
            ({"error": "budget"}, None),
            ({"error": "other", "message": "Your monthly spending limit is reached."}, None),
            ({"degraded": True, "text": "Please try tomorrow."}, None),
            ({"error": "provider", "message": "not available"}, "error provider: 'not available'"),
            ({"ends": None}, "neither answer nor error"),
            ({"error": "budget", "ends": 3.5}, "told after 3.50 s"),
        ],
    )
    def test_the_caller_is_told_why_and_at_once(self, told: dict[str, Any], saw: str | None) -> None:
        """
        An error that speaks of money, or a fallback, is as promised; another error, silence and slowness are not.
        """
        one = call("c1", **told)

        assert ([] if saw is None else [saw]) == [
            x.saw for x in refused_unsent([one], history=history(one), contract=CAPPED)
        ]

    def test_nothing_is_sent(self) -> None:
        """
        A request after the cap was reached is told, whatever the caller got.
        """
        second = [call("c2", 2.0, canary="again1"), paid("x2", 5, at=2.0, canary="again1")]
        seen = history(call("c1"), paid("x1", 1000), *second)
        last = seen.calls[-1]

        assert [("c2", "x2")] == [x.evidence for x in refused_unsent([last], history=seen, contract=CAPPED)]

    def test_a_cap_that_was_not_reached_refuses_nobody(self) -> None:
        """
        A request while most of the cap is left, and before anybody was refused, proves nothing.
        """
        one = call("c1")
        seen = history(one, paid("x1", 5))

        with pytest.raises(NothingToJudge, match="not reached"):
            list(refused_unsent([one], history=seen, contract=CAPPED))


class TestAccountsTruly:
    @pytest.mark.parametrize(
        ("cost", "saw"),
        [
            (0.001, None),
            (0.00101, None),
            (0.00102, "$0.001020 is told"),
            (0.00098, "$0.000980 is told"),
            (None, "no cost is told"),
        ],
    )
    def test_one_per_cent_is_near_enough(self, cost: float | None, saw: str | None) -> None:
        """
        A cost of 1,000 micro-dollars may be told as 990 to 1,010.
        """
        one = call("c1", cost=cost)
        written = history(one, paid("x1", 600), paid("x2", 400))

        assert ([] if saw is None else [saw]) == [x.saw for x in accounts_truly([one], history=written)]

    def test_what_cost_nothing_is_not_judged(self) -> None:
        """
        A call that failed, or was not billed, says nothing.
        """
        with pytest.raises(NothingToJudge):
            list(accounts_truly([call("c1", error="timeout"), call("c2")], history=history()))


class TestWorstCaseFits:
    @pytest.mark.parametrize(
        ("bound", "saw"),
        [(9, None), (11, "a request that may cost $0.000115"), (None, "a request that may cost $0.001005")],
    )
    def test_the_longest_answer_is_paid_beforehand(self, bound: int | None, saw: str | None) -> None:
        """
        With 100 micro-dollars left a bound of 9 tokens fits, one of 11 does not, and no bound is the model's own.
        """
        one = call("c1", 5.0)
        asked = paid("x2", 20, 5.0, max_output=bound, input_tokens=5)
        written = history(one, paid("x1", 900, canary="before"), asked, contract=Contract(spend=Spend(cap=1000)))
        seen = worst_case_fits([one], history=written, contract=written.contract, prices=PRICES)

        assert ([] if saw is None else [saw]) == [x.saw for x in seen]

    def test_without_a_cap_nothing_is_judged(self) -> None:
        """
        Nothing is too much where nothing is promised.
        """
        with pytest.raises(NothingToJudge):
            list(worst_case_fits([], history=history(), contract=Contract(), prices=PRICES))
