from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.duration import UNITS, seconds, signed, written


class TestSeconds:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("250ms", 0.25),
            ("2s", 2.0),
            ("1m30s", 90.0),
            ("24h", 86400.0),
            ("1.5h", 5400.0),
            ("30", 30.0),
            (0.5, 0.5),
            (7, 7.0),
            ("10us", 1e-5),
            ("1d1ms", 86400.001),
        ],
    )
    def test_durations_as_people_write_them(self, text: object, expected: float) -> None:
        """
        Units after numbers, the greatest first, or a bare number of seconds.
        """
        assert expected == pytest.approx(seconds(text))

    @pytest.mark.parametrize(
        "text", ["", "s", "-1s", "1 s", "30s1m", "1s1s", "1x", "1e3", -1, float("nan"), float("inf"), True, None, [1]]
    )
    def test_anything_else_is_told_what_would_be_right(self, text: object) -> None:
        """
        What is no duration is refused with its own words.
        """
        with pytest.raises(ValueError, match="is no duration: "):
            seconds(text)

    @pytest.mark.parametrize(
        ("text", "expected"), [("-5m", -300.0), (-1.5, -1.5), ("30s", 30.0), (0, 0.0), ("-0s", 0.0)]
    )
    def test_an_offset_may_be_negative(self, text: object, expected: float) -> None:
        """
        A minus before it, and otherwise a duration.
        """
        assert expected == signed(text)

    @pytest.mark.parametrize("text", ["--1s", "-", "- 1s", float("-inf"), float("nan"), True, None])
    def test_what_is_no_offset_is_told(self, text: object) -> None:
        """
        In the words for a duration.
        """
        with pytest.raises(ValueError, match="is no duration: "):
            signed(text)

    @given(st.dictionaries(st.sampled_from(list(UNITS)), st.integers(0, 999), min_size=1))
    def test_units_add_up(self, amounts: dict[str, int]) -> None:
        """
        A duration is the sum of its parts, the greatest unit first.
        """
        text = "".join(f"{amounts[unit]}{unit}" for unit in UNITS if unit in amounts)

        assert sum(amount * UNITS[unit] for unit, amount in amounts.items()) == pytest.approx(seconds(text))

    @given(st.text())
    def test_any_text_is_a_duration_or_told(self, text: str) -> None:
        """
        A text is a duration, which is never negative, or is refused with what would have been right.
        """
        try:
            duration = seconds(text)
        except ValueError as error:
            told = str(error)
        else:
            told = "is no duration: write" if duration >= 0 else "negative"

        assert "is no duration: write" in told

    @given(st.integers(0, 10**9))
    def test_what_is_written_is_read_again(self, milliseconds: int) -> None:
        """
        Any number of milliseconds survives being written and read, to six digits.
        """
        assert milliseconds / 1000 == pytest.approx(seconds(written(milliseconds / 1000)), rel=1e-5)

    @pytest.mark.parametrize(
        ("duration", "expected"),
        [(0.0, "0s"), (0.25, "250ms"), (1.5, "1.5s"), (90.0, "1m30s"), (86400.0, "24h"), (3661.5, "1h1m1.5s")],
    )
    def test_durations_are_written_as_one_reads_them(self, duration: float, expected: str) -> None:
        """
        The units that suit the duration, and no zeros.
        """
        assert expected == written(duration)
