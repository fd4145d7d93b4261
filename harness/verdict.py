"""From a history to a verdict.

    fail            a promise was seen broken
    inconclusive    nothing was seen broken, and something could not be judged
    pass            every expectation was judged and kept
    not_applicable  the target does not claim what the row is about

A row fails if any of its cases fails, else it is inconclusive if any is, else it passes; it is not applicable only when
all are. Nothing to judge, a fault that never fired, a check that crashed and a clock too noisy for the figure are
inconclusive. A verdict is never guessed.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

import msgspec

from . import checks
from .checks import NothingToJudge, Violation
from .history import Expectation, History
from .pii.tally import Count

SHAKY = 2.0
"""Seconds by which a busy machine may be late."""


class Verdict(StrEnum):
    """The four things that can be said."""

    PASS = "pass"  # noqa: S105  # a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"


class Judgement(msgspec.Struct):
    """A verdict with its reason and evidence."""

    verdict: Verdict
    reason: str = ""
    violations: list[Violation] = []
    doubts: list[str] = []
    """Why something could not be judged."""
    counts: list[Count] = []
    """What became of personal data, where that was judged."""

    @property
    def shaky(self) -> bool:
        """Whether the verdict hangs on nothing but figures about time that were missed by little.

        A busy machine can be that late, so such a case is run again alone before anybody is accused.
        """
        if self.verdict is Verdict.PASS or not self.violations:
            return False
        return all(violation.margin is not None and violation.margin < SHAKY for violation in self.violations)


def judge(history: History) -> Judgement:
    """Judge every expectation that the scenario wrote down."""
    for event in history.events:
        if event.what == Verdict.NOT_APPLICABLE:
            return Judgement(Verdict.NOT_APPLICABLE, event.details["reason"])
    registry = checks.load()
    violations: list[Violation] = []
    counts: list[Count] = []
    crashed = [event.details.get("error", "") for event in history.events if event.what == "scenario_crashed"]
    doubts = [f"the scenario itself failed: {_told(error)}" for error in crashed]
    doubts += [] if history.expectations or crashed else ["the scenario expected nothing"]
    for expectation in history.expectations:
        try:
            found, counted = _apply(registry, expectation, history)
            violations += found
            counts += counted
        except NothingToJudge as nothing:
            doubts.append(f"{expectation.check}: {nothing}")
        except Exception:  # a check that crashes must not take the run with it
            doubts.append(f"{expectation.check} crashed: {_told(traceback.format_exc())}")
    doubts += _doubts(history)
    sure = [v for v in violations if v.margin is None or v.margin > history.heading.noise]
    if sure:
        return Judgement(Verdict.FAIL, f"{sure[0].saw}; promised: {sure[0].promised}", violations, doubts, counts)
    if violations:
        noise = history.heading.noise
        doubts.insert(0, f"{violations[0].saw}, but wake-ups were up to {noise:.3f} s late here")
    if doubts:
        return Judgement(Verdict.INCONCLUSIVE, doubts[0].splitlines()[0], violations, doubts, counts)
    return Judgement(Verdict.PASS, counts=counts)


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a row from those of its cases."""
    found = set(verdicts)
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS):
        if verdict in found:
            return verdict
    return Verdict.NOT_APPLICABLE


def _apply(
    registry: dict[str, checks.Check], expectation: Expectation, history: History
) -> tuple[list[Violation], list[Count]]:
    check = registry.get(expectation.check)
    if check is None:
        raise NothingToJudge("this version has no such check")
    calls = [call for call in history.calls if expectation.calls is None or call.id in expectation.calls]
    subject: Any
    match expectation.of:
        case "attempts":
            subject = history.attempts(calls, expectation.fake)
            if expectation.calls is None:
                subject = [x for x in history.exchanges if expectation.fake in (None, x.fake)]
        case "calls":
            subject = calls
        case _:
            subject = history
    if not subject and not expectation.params.get("allow_none"):
        raise NothingToJudge(f"there are no {expectation.of} to judge")
    params = {name: value for name, value in expectation.params.items() if name != "allow_none"}
    found = list(check(subject, **_offered(check, history), **params))
    for violation in found:
        violation.check = expectation.check
    counts = checks.COUNTS.get(expectation.check)
    return found, [] if counts is None else counts(subject, **_offered(counts, history), **params)


def _offered(function: Callable[..., Any], history: History) -> dict[str, Any]:
    """What a function asks for beside its subject and its parameters."""
    offered = {"history": history, "contract": history.contract}
    wanted = list(inspect.signature(function).parameters)[1:]
    return {name: value for name, value in offered.items() if name in wanted}


def _doubts(history: History) -> list[str]:
    if any(event.what == "weather" and event.details.get("rules") for event in history.events):
        doors = any(event.details.get("doors") for event in history.events)
        if not doors and not any(exchange.faults for exchange in history.exchanges):
            return ["no fault ever fired: the target made no exchange that the weather was for"]
    return []


def _told(trace: str) -> str:
    """A traceback with what went wrong on its first line."""
    return f"{trace.strip().rpartition(chr(10))[2]}\n{trace}"
