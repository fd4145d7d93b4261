"""What to fix first: the failed rows, those that cost the most at the top.

A row stands before another when it breaks the gate and the other does not, then by what its failure does to
people (`CONSEQUENCES`, worst first), then by how many of its cases fail, then in the order of the catalogue.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from itertools import groupby

from .results import CaseResult, Results, RowResult, ViolationResult
from .wording import family

CONSEQUENCES = {
    "broken": "nothing works",
    "leak": "secrets or private data get out",
    "wrong": "callers are given wrong or partial answers",
    "hang": "callers wait in vain",
    "money": "money is lost",
    "refused": "callers get errors they need not get",
    "load": "providers are pressed harder than they allow",
    "other": "a promise is not kept",
}

_UNDER_LOAD = {
    "load.whole-answers": "wrong",
    "load.deadline": "hang",
    "load.key-not-logged": "leak",
    "load.key-not-returned": "leak",
    "load.key-not-in-url": "leak",
    "load.pii-not-sent": "leak",
    "load.pii-not-logged": "leak",
    "load.pii-not-returned": "leak",
    "load.pii-no-crosstalk": "leak",
    "load.pii-restored": "wrong",
    "load.spend": "money",
    "load.errors": "refused",
    "load.rate-limited": "load",
    "load.amplification": "load",
    "load.bounded": "load",
    "load.retry-after": "load",
}
_OF_ROW = {
    **_UNDER_LOAD,
    "control.answers": "broken",
    "timeout.cancel-propagates": "money",
}
_OF_FAMILY = {
    "pii": "leak",
    "keys": "leak",
    "tls": "leak",
    "access": "leak",
    "residency": "leak",
    "spend": "money",
}
_OF_OUTCOME = {"truncated": "wrong", "empty": "wrong", "garbled": "wrong", "hung": "hang"}
_OF_CHECK = {"gives_nothing_away": "leak", "ended": "hang", "answered": "refused"}
_ABOUT_LOAD = frozenset({"retry", "quota", "breaker"})


@dataclass(frozen=True, slots=True)
class Fix:
    """One failed row, told by the case that shows it best."""

    row: RowResult
    case: CaseResult
    consequence: str
    """A key of `CONSEQUENCES`."""
    broken: int
    """How many of its cases fail."""
    judged: int
    gated: bool
    """Whether the gate does not hold because of it."""

    @property
    def costs(self) -> str:
        """What the failure does to people."""
        return CONSEQUENCES[self.consequence]

    @property
    def seen(self) -> str:
        """What was seen, with numbers."""
        shown = leading(self.case)
        return shown.saw if shown else self.case.reason

    @property
    def promised(self) -> str:
        """What was promised; empty where the reason says all."""
        shown = leading(self.case)
        return shown.promised if shown else ""

    @property
    def anchor(self) -> str:
        """Where the HTML report shows it."""
        return anchor(self.row.id, self.case.case)


def fixes(results: Results) -> list[Fix]:
    """Every failed row, most urgent first."""
    found = [_fix(row, row.id in results.gate.failed) for row in results.results if row.verdict == "fail"]
    ranks = list(CONSEQUENCES)
    return sorted(found, key=lambda fix: (not fix.gated, ranks.index(fix.consequence), -fix.broken))


def groups(found: list[Fix]) -> list[tuple[str, bool, list[Fix]]]:
    """The same in the same order, what costs the same and is gated alike together: what it costs, gated, fixes."""
    together = groupby(found, key=lambda fix: (fix.costs, fix.gated))
    return [(costs, gated, list(members)) for (costs, gated), members in together]


def leading(case: CaseResult) -> ViolationResult | None:
    """The violation that the case's reason is about."""
    about = (violation for violation in case.violations if case.reason.startswith(violation.saw))
    return next(about, next(iter(case.violations), None))


def anchor(row_id: str, case: str) -> str:
    """The name of a case inside a page: the same in every report, and never the same for two cases."""
    name = f"{row_id}.{case}" if case else row_id
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", name)
    return f"case-{plain}" if plain == name else f"case-{plain}-{zlib.crc32(name.encode('utf-8', 'replace')):08x}"


def _fix(row: RowResult, gated: bool) -> Fix:
    failed = [case for case in row.cases if case.verdict == "fail"] or row.cases[:1] or [CaseResult("", "fail")]
    ranks = list(CONSEQUENCES)
    worst = min(failed, key=lambda case: ranks.index(_consequence(row, case)))
    judged = sum(case.verdict in {"pass", "fail"} for case in row.cases)
    return Fix(row, worst, _consequence(row, worst), len(failed), max(judged, 1), gated)


def _consequence(row: RowResult, case: CaseResult) -> str:
    if row.id in _OF_ROW:
        return _OF_ROW[row.id]
    about = family(row.id)
    if about in _OF_FAMILY:
        return _OF_FAMILY[about]
    ranks = list(CONSEQUENCES)
    # What callers experienced is what failed only where a violation points at a call: attempts may be wrong all alone.
    calls = any(re.fullmatch(r"c\d+", id_) for violation in case.violations for id_ in violation.evidence)
    outcomes = {case.outcome, *case.outcomes} if calls else set()
    checks = {violation.check for violation in case.violations}
    found = {_OF_OUTCOME[o] for o in outcomes if o in _OF_OUTCOME} | {_OF_CHECK[c] for c in checks if c in _OF_CHECK}
    if found:
        return min(found, key=ranks.index)
    if about not in _ABOUT_LOAD:
        return "other"
    # A caller that was given up on after one attempt at each provider presses nobody.
    return "load" if max(case.attempts.values(), default=0) > 1 else "refused"
