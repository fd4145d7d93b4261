"""Several runs of the same rows as one: each case has its worst verdict, and says how often it was given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from .results import CaseResult, Results, RowResult, gate_of
from .wording import ORDER


def merged(runs: Sequence[Results]) -> Results:
    """The runs as one; one alone stays as it is."""
    if len(runs) == 1:
        return runs[0]
    first = runs[0]
    rows = [_row([_find(run, row.id) for run in runs]) for row in first.results]
    return replace(
        first,
        wall_seconds=round(sum(run.wall_seconds for run in runs), 3),
        target_seconds=round(sum(run.target_seconds for run in runs), 3),
        gate=gate_of(rows, first.gate.level),
        results=rows,
    )


def _find(run: Results, row: str) -> RowResult:
    return next(found for found in run.results if found.id == row)


def _row(runs: Sequence[RowResult]) -> RowResult:
    names = list(dict.fromkeys(case.case for row in runs for case in row.cases))
    cases = [_case([case for row in runs for case in row.cases if case.case == name]) for name in names]
    verdict = next((verdict for verdict in ORDER if any(case.verdict == verdict for case in cases)), runs[0].verdict)
    reason = next((case.reason for case in cases if case.verdict == verdict and case.reason), runs[0].reason)
    return replace(runs[0], verdict=verdict, reason=reason, cases=cases)


def _case(runs: Sequence[CaseResult]) -> CaseResult:
    worst = min(runs, key=lambda case: ORDER.index(case.verdict))
    times = Counter(case.verdict for case in runs)
    if len(times) == 1:
        return worst
    share = f"in {times[worst.verdict]} of {len(runs)} runs"
    return replace(worst, reason=f"{share}: {worst.reason}" if worst.reason else share)
