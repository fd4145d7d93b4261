"""From judged histories to results: what a case, a row and a run come to."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from ..reports.results import CaseResult, RecallResult, RowResult, ViolationResult
from .contract import Contract
from .history import Heading, History
from .outcome import outcomes
from .pii.tally import Count
from .scenario import Level, Scenario
from .target_file import TargetFile
from .verdict import Judgement, Verdict, combine


def case_result(history: History, judgement: Judgement, repeat: str, path: str) -> CaseResult:
    """One case; `repeat` is the command that runs it again, `path` where its history is saved."""
    heading = history.heading
    counted = outcomes(history)
    return CaseResult(
        heading.case,
        judgement.verdict.value,
        judgement.reason,
        [ViolationResult(v.check, v.saw, v.promised, list(v.evidence)) for v in judgement.violations],
        judgement.doubts,
        next(iter(counted)) if len(counted) == 1 else "mixed" if counted else "",
        counted if len(counted) > 1 else {},
        {name: sum(x.fake == name for x in history.exchanges) for name in heading.keys},
        sum(bool(x.faults) for x in history.exchanges),
        round(heading.seconds, 3),
        round(heading.wall_seconds, 3),
        heading.rate,
        repeat,
        path,
        [recall_of(count, history.contract) for count in judgement.counts],
    )


def recall_of(count: Count, contract: Contract) -> RecallResult:
    """What became of the values of one type and locale, beside what is promised of them."""
    promised = 1.0 if contract.pii is None else contract.pii.recall_of(count.type)
    return RecallResult(count.type, count.locale, len(count.planted), len(count.seen), promised)


def row_result(scenario: Scenario, found: Iterable[CaseResult]) -> RowResult:
    """One row, from the results of its cases."""
    cases = list(found)
    if not scenario.after:
        order = {name: number for number, name in enumerate(scenario.case_names)}
        cases.sort(key=lambda case: order.get(case.case, len(order)))
    verdict = combine(Verdict(case.verdict) for case in cases)
    reason = next((case.reason for case in cases if case.verdict == verdict and case.reason), "")
    if not cases:
        reason = "no row was run that it could follow"
    return RowResult(
        scenario.id,
        scenario.level.value,
        scenario.title,
        verdict.value,
        reason,
        cases,
        scenario.reason,
        scenario.source,
    )


def not_applicable(scenario: Scenario, case: str, file: TargetFile, profile: str) -> CaseResult | None:
    """Why a case says nothing of a target, or fails it without being run; None where it is to be run."""
    dialects = scenario.case(case).dialects
    spoken = next(iter(file.providers.values())).dialect
    if dialects and spoken not in dialects:
        return CaseResult(case, "not_applicable", f"is about {', '.join(dialects)}, and the target speaks {spoken}")
    needs = [need for need in (scenario.needs, scenario.case(case).needs) if need is not None]
    need = next((need for need in needs if not file.contract.claims(need)), None)
    if need is None:
        return None
    if profile == "production" and scenario.level is Level.MUST:
        return CaseResult(case, "fail", f"not claimed: contract.{need}")
    return CaseResult(case, "not_applicable", f"the contract does not claim {need}")


def history_path(heading: Heading, folder: str = "histories") -> Path:
    """Where a case's history is saved, from the report directory."""
    case = "".join(c if c.isalnum() or c in "-_." else "_" for c in heading.case)
    return Path(folder) / (heading.scenario + (f".{case}" if case else "") + ".jsonl")


def environment() -> dict[str, str]:
    """What a run was made with."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {"python": platform.python_version(), "platform": platform.platform(), "cpus": str(cpus)}
