from __future__ import annotations

import tomllib
from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.reports.baseline import Baseline, Known, compare, render, told, updated, with_gate
from brownout.reports.results import CaseResult, Gate, LevelName, Results, RowResult, TargetResult, VerdictName

TODAY = date(2026, 11, 21)
LATER = date(2027, 1, 31)


def row(name: str, level: LevelName = "must", /, **cases: VerdictName) -> RowResult:
    """A row with these cases; the verdict is the worst."""
    verdict = next((v for v in ("fail", "inconclusive", "pass") if v in cases.values()), "not_applicable")
    found = [CaseResult("" if case == "plain" else case, v, f"{case} was seen") for case, v in cases.items()]
    return RowResult(name, level, "A promise.", verdict, "seen", found)  # type: ignore[arg-type]  # one of the four


def results(*rows: RowResult) -> Results:
    """A run in which these rows were judged."""
    failed = [r.id for r in rows if r.verdict == "fail" and r.level == "must"]
    doubtful = [r.id for r in rows if r.verdict == "inconclusive" and r.level == "must"]
    gate = Gate(not failed and not doubtful, "must", failed, doubtful)
    return Results("0", 0, "", 1.0, 1.0, TargetResult("t"), "claimed", gate, list(rows))


def known(name: str, case: str | None = None, expires: date = LATER) -> Known:
    """An entry of a baseline."""
    return Known(name, "known for long", "jane", expires, case)


class TestCompare:
    def test_what_is_known_does_not_break_the_gate(self) -> None:
        """
        A failure that is known of is taken out of the gate, and one that is not stays in it.
        """
        run = results(row("retry.jitter", plain="fail"), row("retry.bounded", plain="fail"))

        compared = compare(run, Baseline((known("retry.jitter"),)), TODAY)

        assert (False, ["retry.bounded"]) == (compared.gate.holds, compared.gate.failed)
        assert ("retry.jitter",) == compared.known
        assert compare(run, Baseline((known("retry.jitter"), known("retry.bounded"))), TODAY).gate.holds

    def test_a_case_excuses_itself_alone(self) -> None:
        """
        An entry about one case does not excuse another case of the same row.
        """
        run = results(row("retry.recovers", a="fail", b="fail", c="pass"))

        assert not compare(run, Baseline((known("retry.recovers", "a"),)), TODAY).known
        assert compare(run, Baseline((known("retry.recovers", "a"), known("retry.recovers", "b"))), TODAY).gate.holds

    def test_the_gate_says_until_when_a_row_is_known(self) -> None:
        """
        A row is known until the first of its failing cases is excused no more; one below the gate is not listed.
        """
        run = results(row("retry.recovers", a="fail", b="fail", c="pass"), row("retry.jitter", "should", plain="fail"))
        soon = date(2026, 12, 1)
        entries = (
            known("retry.recovers", "a"),
            known("retry.recovers", "b", soon),
            known("retry.recovers", "c", TODAY),
            known("retry.jitter"),
        )

        assert {"retry.recovers": "2026-12-01"} == compare(run, Baseline(entries), TODAY).gate.known

    def test_an_entry_ends_on_its_day(self) -> None:
        """
        On the day on which it expires an entry excuses nothing any more, and is told.
        """
        run, entry = results(row("retry.jitter", plain="fail")), known("retry.jitter", expires=TODAY)

        compared = compare(run, Baseline((entry,)), TODAY)

        assert not compared.gate.holds
        assert (entry,) == compared.expired
        assert ["expired  retry.jitter was excused until 2026-11-21 (jane: known for long)"] == list(told(compared))

    def test_what_is_fixed_and_what_was_not_judged_are_told(self) -> None:
        """
        An entry whose case passes is fixed; one whose row was not run, or has no such case, was not seen.
        """
        run = results(row("retry.jitter", plain="pass"), row("retry.recovers", a="pass"))
        entries = (known("retry.jitter"), known("retry.recovers", "gone"), known("stream.whole"))

        compared = compare(run, Baseline(entries), TODAY)

        assert (entries[0],) == compared.fixed
        assert entries[1:] == compared.unseen
        assert compared.gate.holds

    def test_doubt_is_never_excused(self) -> None:
        """
        What could not be judged keeps the gate from holding, baseline or not.
        """
        run = results(row("retry.jitter", plain="inconclusive"))

        compared = compare(run, Baseline((known("retry.jitter"),)), TODAY)

        assert ["retry.jitter"] == compared.gate.inconclusive
        assert not with_gate(run, compared).gate.holds


class TestUpdated:
    def test_new_failures_of_the_gate_are_added_and_fixed_ones_go(self) -> None:
        """
        An update knows every failing case of the gate, keeps what people wrote, and drops what passes.
        """
        run = results(
            row("retry.recovers", a="fail", b="pass"),
            row("retry.jitter", plain="fail"),
            row("retry.bounded", plain="pass"),
            row("retry.budget", "should", plain="fail"),
        )
        kept = known("retry.jitter")

        new = updated(run, Baseline((kept, known("retry.bounded"))), TODAY, "me")

        assert (kept, Known("retry.recovers", "a was seen", "me", date(2027, 2, 19), "a")) == new.known
        assert compare(run, new, TODAY).gate.holds

    @given(st.lists(st.builds(known, st.text(min_size=1), st.none() | st.text())))
    def test_what_is_written_can_be_read(self, entries: list[Known]) -> None:
        """
        A baseline survives being written as TOML, whatever its texts hold.
        """
        baseline = Baseline(tuple(entries))

        assert baseline == msgspec.convert(tomllib.loads(render(baseline)), Baseline)

    def test_an_entry_needs_a_reason_an_owner_and_a_day(self) -> None:
        """
        A baseline with an entry that nobody answers for is none.
        """
        with pytest.raises(msgspec.ValidationError, match=r"reason|owner|expires"):
            msgspec.convert({"known": [{"row": "retry.jitter"}]}, Baseline)
