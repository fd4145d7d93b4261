"""A promise that nobody looks at does not pass for one that is kept."""

from __future__ import annotations

import pytest

from brownout.harness import scenario, unjudged
from brownout.harness.contract import CLAIMS, Contract, Fallback, Observe, Retry
from brownout.harness.load.rows import ROWS
from brownout.harness.scenario import MUST, Scenario
from brownout.harness.stage import Stage


async def nothing(stage: Stage) -> None:
    """Nothing is promised."""


class TestUnjudged:
    @pytest.mark.parametrize("claim", unjudged.UNJUDGED)
    def test_no_row_asks_for_what_is_said_to_be_judged_by_none(self, claim: str) -> None:
        """
        Every name is a claim that a contract can make, and no row and no gate needs it.
        """
        rows = scenario.load().values()
        needs = {row.case(name).needs for row in rows for name in row.case_names} | {row.needs for row in ROWS}

        assert claim in CLAIMS
        assert not any(need and (need == claim or need.startswith(f"{claim}.")) for need in needs)


class TestNotes:
    def test_what_nobody_judges_is_told(self) -> None:
        """
        Claims that no row judges are named, in one line; those that are judged are not.
        """
        contract = Contract(retry=Retry(max_total=60.0), fallback=Fallback(chain=("a",)), observe=Observe(file="x"))

        expected = "claimed, and judged by no row yet: contract.retry.max_total, contract.observe"
        assert [expected] == unjudged.notes(contract)
        assert [] == unjudged.notes(Contract(retry=Retry()))

    def test_a_row_of_ones_own_judges_what_it_asks_for(self) -> None:
        """
        A claim that one of the user's own rows needs is judged by it.
        """
        row = Scenario("acme.observed", MUST, nothing, needs="observe")

        assert [] == unjudged.notes(Contract(observe=Observe(file="x")), [row])
