from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.figures import dollars, microdollars


class TestMicrodollars:
    @given(st.integers(0, 10**12))
    def test_what_is_written_is_what_was_held(self, amount: int) -> None:
        """
        Any whole number of micro-dollars survives being written in dollars and read again.
        """
        assert amount == microdollars(dollars(amount))

    def test_a_tenth_of_a_dollar_is_exact(self) -> None:
        """
        Amounts that binary fractions cannot hold are exact: 0.1 and "$0.30" and 1.
        """
        assert [microdollars(0.1), microdollars("$0.30"), microdollars(1)] == [100_000, 300_000, 1_000_000]

    @pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "much", True, None, 1e-7, [1]])
    def test_what_is_no_amount_is_refused(self, wrong: object) -> None:
        """
        A negative, endless, too fine or unreadable amount is refused with what would have been right.
        """
        with pytest.raises(ValueError, match=r"dollars|negative"):
            microdollars(wrong)
