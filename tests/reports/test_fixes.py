from __future__ import annotations

import pytest

from brownout.reports.fixes import anchor, fixes, groups, leading
from brownout.reports.results import (
    CaseResult,
    Gate,
    LevelName,
    Results,
    RowResult,
    TargetResult,
    VerdictName,
    ViolationResult,
)


def row(
    id_: str,
    *outcomes: str,
    level: LevelName = "must",
    check: str = "promised",
    verdict: VerdictName = "fail",
    evidence: str = "c1",
    tries: int = 4,
) -> RowResult:
    """A row whose cases all fail, each with an outcome."""
    violations = [ViolationResult(check, "seen", "so", [evidence])]
    cases = [
        CaseResult(str(number), verdict, "seen; promised: so", violations, outcome=outcome, attempts={"primary": tries})
        for number, outcome in enumerate(outcomes)
    ]
    return RowResult(id_, level, "A promise.", verdict, "seen", cases)


def run(*rows: RowResult) -> Results:
    """A run of these rows."""
    failed = [row.id for row in rows if row.verdict == "fail" and row.level == "must"]
    gate = Gate(not failed, "must", failed)
    return Results("0", 0, "", 1.0, 1.0, TargetResult("t"), "claimed", gate, list(rows))


def order(*rows: RowResult) -> list[str]:
    """The ids in the order in which they should be fixed."""
    return [fix.row.id for fix in fixes(run(*rows))]


def test_what_hurts_people_most_stands_first() -> None:
    """
    A target that does not work comes before leaks, these before wrong answers, hangs, needless errors and pressure.
    """
    rows = [
        row("retry.after-seconds", "answered"),
        row("retry.recovers", "clean_error", check="answered"),
        row("timeout.slow-drip", "hung"),
        row("stream.cut-fin", "truncated"),
        row("degrade.clean-error", "dirty_error", check="gives_nothing_away"),
        row("control.answers", "clean_error"),
    ]

    assert [r.id for r in reversed(rows)] == order(*rows)


def test_an_error_that_is_an_empty_answer_lets_nothing_out() -> None:
    """
    A row about what errors give away is a leak where one gave something away, and not where there was none.
    """
    (fix,) = fixes(run(row("degrade.clean-error", "empty", check="no_garbage")))

    assert "wrong" == fix.consequence


def test_an_outcome_counts_only_where_a_call_is_the_proof() -> None:
    """
    A row that fails by its attempts alone is not said to hurt callers, whatever else they experienced.
    """
    (fix,) = fixes(run(row("retry.not-on-quota-exhausted", "hung", evidence="x1")))

    assert "load" == fix.consequence


def test_who_does_not_try_again_presses_nobody() -> None:
    """
    A retry row that fails with a single attempt costs callers an answer, and the provider nothing.
    """
    (fix,) = fixes(run(row("retry.obeys-x-should-retry", "clean_error", evidence="x1", tries=1)))

    assert "refused" == fix.consequence


def test_more_broken_cases_stand_first() -> None:
    """
    Of two rows that cost the same, the one with more failing cases comes first.
    """
    assert ["b.many", "a.few"] == order(row("a.few", "hung"), row("b.many", "hung", "hung"))


def test_what_the_gate_does_not_ask_for_stands_last() -> None:
    """
    A failed `should` row comes after every failed `must` row, however bad it is, and in a group of its own.
    """
    rows = [row("stream.framing", "garbled", level="should"), row("stream.x", "garbled")]

    assert ["stream.x", "stream.framing"] == order(*rows)
    assert [True, False] == [gated for _, gated, _ in groups(fixes(run(*rows)))]


def test_only_what_failed_is_to_be_fixed() -> None:
    """
    What passed, and what could not be judged, is not in the list.
    """
    assert [] == order(row("a.b", "answered", verdict="pass"), row("a.c", "", verdict="inconclusive"))


def test_the_worst_case_tells_the_row() -> None:
    """
    A row is told by the case that hurts most, not by the first one.
    """
    (fix,) = fixes(run(row("a.b", "clean_error", "truncated")))

    assert ("1", 2, 2) == (fix.case.case, fix.broken, fix.judged)
    assert ("seen", "so") == (fix.seen, fix.promised)


def test_a_row_that_is_not_claimed_is_told_by_its_reason() -> None:
    """
    A failure without any evidence, such as a claim that is missing, is told by its reason.
    """
    missing = RowResult("breaker.opens", "must", "T.", "fail", "", [CaseResult("", "fail", "not claimed")])

    (fix,) = fixes(run(missing))

    assert ("not claimed", "") == (fix.seen, fix.promised)


def test_the_violation_that_decided_is_the_one_told() -> None:
    """
    The violation named in the reason is shown, even where others, too close to call, stand before it.
    """
    violations = [ViolationResult("a", "0.01 s early", "x"), ViolationResult("b", "7 attempts", "at most 4")]
    case = CaseResult("", "fail", "7 attempts; promised: at most 4", violations)

    assert violations[1] == leading(case)


@pytest.mark.parametrize(("one", "other"), [(("a.b", "c d"), ("a.b", "c-d")), (("a", "b.c"), ("a.b", "c!"))])
def test_two_cases_never_share_a_place(one: tuple[str, str], other: tuple[str, str]) -> None:
    """
    Cases whose names differ only in what an address cannot carry still have places of their own.
    """
    assert anchor(*one) != anchor(*other)
