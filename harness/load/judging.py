"""From a ledger to verdicts.

Promises about the run as a whole are judged by the slim records. Those about calls are judged shelf by shelf, on whole
records; what the shelves come to is put together again. The proof of whatever was broken is taken out of the shelves
and saved as a small history of its own, which reports show and `brownout judge` judges again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from ...reports.results import CaseResult, RowResult, ViolationResult
from ..account import history_path, recall_of
from ..history import Heading, History, Sighting
from ..outcome import outcomes
from ..verdict import Judgement, Verdict, judge
from .ledger import Ledger
from .rows import Row

MOST_VIOLATIONS = 20
"""So many violations of a row are told, and the number of the others."""
MOST_PROOF = 12
"""So many calls are shown as proof."""


@dataclass(slots=True)
class Found:
    """What has come of one row so far."""

    row: Row
    frame: History
    judgements: list[Judgement] = field(default_factory=list)
    proof: set[str] = field(default_factory=set)
    """Ids of calls and exchanges."""
    shown: History | None = None
    """The proof itself."""

    def add(self, judgement: Judgement) -> None:
        """One more part has been judged."""
        self.judgements.append(judgement)
        for violation in judgement.violations:
            if len(self.proof) < MOST_PROOF:
                self.proof |= set(violation.evidence)

    def keep(self, shelf: History) -> None:
        """Keep the proof that is on a shelf."""
        if not self.proof:
            return
        shown = self.shown = self.shown or self.frame.empty()
        canaries = {call.canary for call in shelf.calls if call.id in self.proof}
        canaries |= {x.canary for x in shelf.exchanges if x.id in self.proof and x.canary is not None}
        kept = {call.canary for call in shown.calls}
        chosen = set(sorted(canaries - kept)[: max(0, MOST_PROOF - len(kept))])
        shown.calls += [call for call in shelf.calls if call.canary in chosen]
        shown.exchanges += [x for x in shelf.exchanges if x.canary in chosen]
        proven = {call.id for call in shown.calls} | {x.id for x in shown.exchanges}
        shown.sightings += [one for one in shelf.sightings if one.where in proven]

    def judgement(self) -> Judgement:
        """What the parts come to.

        A broken promise anywhere is one; a part in which nothing could be judged takes nothing from another that was.
        """
        violations = [violation for one in self.judgements for violation in one.violations]
        counts = [count for one in self.judgements for count in one.counts]
        for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
            for one in self.judgements:
                if one.verdict is verdict and (verdict is Verdict.FAIL or one.violations or _crashed(one)):
                    return Judgement(verdict, one.reason, violations, one.doubts, counts)
        if any(one.verdict is Verdict.PASS for one in self.judgements):
            return Judgement(Verdict.PASS, counts=counts)
        first = self.judgements[0]
        reason = next((one.reason for one in self.judgements if not one.reason.endswith("to judge")), first.reason)
        return Judgement(Verdict.NOT_APPLICABLE if self.row.idle else Verdict.INCONCLUSIVE, reason, [], first.doubts)


def judged(
    rows: Iterable[Row], ledger: Ledger, frame: History, folder: Path, repeat: str
) -> tuple[list[RowResult], Counter[str]]:
    """A result for each row, and what the callers experienced; proofs go into `folder`."""
    applying: list[Found] = []
    made: dict[str, RowResult] = {}
    for row in rows:
        expectation = row.expectation(frame.contract)
        heading = _heading(frame.heading, row)
        if expectation is None:
            case = CaseResult("", "not_applicable", f"the contract does not claim {row.needs}")
            made[row.id] = _row(row, case)
        else:
            made[row.id] = _row(row, CaseResult("", "inconclusive"))  # keeps its place
            own = History(heading, events=frame.events, expectations=[expectation], planted=frame.planted)
            applying.append(Found(row, own))
    whole = History(frame.heading, ledger.exchanges, ledger.calls, frame.logs, frame.events, planted=frame.planted)
    whole.sightings = [*ledger.sightings, *frame.sightings]
    for found in applying:
        if found.row.whole:
            found.add(judge(_about(whole, whole.sightings, found)))
    experienced: Counter[str] = Counter()
    for shelf in ledger.shelves(frame):
        experienced.update(outcomes(shelf))
        for found in applying:
            if not found.row.whole:
                # Whose a value is that somebody was told may be known from another shelf alone.
                found.add(judge(_about(shelf, [*shelf.sightings, *whole.sightings], found)))
            found.keep(shelf)
    for found in applying:
        made[found.row.id] = _row(found.row, _case(found, folder, repeat))
    return list(made.values()), experienced


def _about(history: History, sightings: list[Sighting], found: Found) -> History:
    """A history in which nothing but one row is expected."""
    own = found.frame
    parts = (history.exchanges, history.calls, history.logs, history.events)
    return History(own.heading, *parts, own.expectations, own.planted, sightings)


def _case(found: Found, folder: Path, repeat: str) -> CaseResult:
    judgement = found.judgement()
    heading = found.frame.heading
    case = CaseResult("", judgement.verdict.value, judgement.reason, repeat=repeat)
    case.target_seconds = case.wall_seconds = round(heading.seconds, 3)
    case.doubts = judgement.doubts
    case.recall = [recall_of(count, heading.contract) for count in judgement.counts]
    told = judgement.violations[:MOST_VIOLATIONS]
    case.violations = [ViolationResult(v.check, v.saw, v.promised, list(v.evidence)) for v in told]
    if (more := len(judgement.violations) - len(told)) > 0:
        case.doubts = [*case.doubts, f"{more} more of the same are not told"]
    if found.shown is not None and judgement.violations:
        path = history_path(heading)
        sighted = {one.value for one in found.shown.sightings}
        found.shown.planted = [one for one in found.shown.planted if one.id in sighted]
        found.shown.save(folder / path)
        case.history = str(path)
    return case


def _row(row: Row, case: CaseResult) -> RowResult:
    return RowResult(row.id, row.level.value, row.title, case.verdict, case.reason, [case], row.why)


def _heading(heading: Heading, row: Row) -> Heading:
    return replace(heading, scenario=row.id, level=row.level.value, title=row.title)


def _crashed(judgement: Judgement) -> bool:
    return any(" crashed:" in doubt for doubt in judgement.doubts)
