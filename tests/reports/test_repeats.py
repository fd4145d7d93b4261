from __future__ import annotations

from brownout.reports.repeats import merged
from brownout.reports.results import CaseResult, Gate, Results, RowResult, TargetResult, VerdictName


def run(first: VerdictName, second: VerdictName, *more: CaseResult) -> Results:
    """A run with one row of two cases."""
    cases = [CaseResult("a", first, "seen a" if first == "fail" else ""), CaseResult("b", second), *more]
    row = RowResult("retry.recovers", "must", "A promise.", "fail" if "fail" in (first, second) else "pass", "", cases)
    failed = [row.id] if row.verdict == "fail" else []
    return Results("0", 0, "", 1.5, 2.0, TargetResult("t"), "claimed", Gate(not failed, "must", failed), [row])


class TestMerged:
    def test_the_worst_verdict_of_a_case_counts(self) -> None:
        """
        A case that fails in one of three runs fails, and says how often; the others stay as they were.
        """
        found = merged([run("pass", "pass"), run("fail", "pass"), run("pass", "pass")])

        assert ("fail", ["retry.recovers"], False) == (found.results[0].verdict, found.gate.failed, found.gate.holds)
        assert [("fail", "in 1 of 3 runs: seen a"), ("pass", "")] == [
            (c.verdict, c.reason) for c in found.results[0].cases
        ]
        assert (4.5, 6.0) == (found.wall_seconds, found.target_seconds)

    def test_what_always_happens_is_told_once(self) -> None:
        """
        A case with the same verdict in every run keeps its reason, and a gate that held every time holds.
        """
        assert "seen a" == merged([run("fail", "pass"), run("fail", "pass")]).results[0].reason
        assert merged([run("pass", "pass"), run("pass", "pass")]).gate.holds

    def test_one_run_stays_as_it_is(self) -> None:
        """
        Merging a single run changes nothing.
        """
        alone = run("pass", "fail")

        assert alone is merged([alone])

    def test_a_case_that_was_run_only_once_is_kept(self) -> None:
        """
        A case that only one of the runs had, because the other was interrupted, is in the merged run.
        """
        found = merged([run("pass", "pass", CaseResult("c", "inconclusive")), run("pass", "pass")])

        assert ["a", "b", "c"] == [case.case for case in found.results[0].cases]
        assert "inconclusive" == found.results[0].verdict
