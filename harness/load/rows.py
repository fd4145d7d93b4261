"""What is judged of a load run: gates over all of it, and invariants that hold for every call.

A family joins by one row: a check of `harness/checks`, what it looks at, and its parameters from the contract. A row
says nothing of a target that does not claim what it `needs`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..contract import Contract, Load
from ..history import Expectation
from ..scenario import MUST, SHOULD, Level

Params = dict[str, Any]
Figures = Callable[[Contract], Params]


@dataclass(frozen=True, slots=True)
class Row:
    """One promise."""

    id: str
    level: Level
    title: str
    check: str
    of: Literal["calls", "attempts", "history"]
    figures: Figures = lambda contract: {}
    """The check's parameters, from the contract."""
    needs: str | None = None
    """The claim without which it is not applicable."""
    whole: bool = False
    """Whether it is about the run as a whole, and needs figures alone; else it is about calls one by one."""
    idle: bool = False
    """Whether it is not applicable to a run that gave no occasion to break it, rather than inconclusive."""
    why: str = ""

    def expectation(self, contract: Contract) -> Expectation | None:
        """What is to hold of the run; None where the contract does not promise it."""
        if self.needs is not None and not contract.claims(self.needs):
            return None
        return Expectation(self.check, self.of, params=self.figures(contract))


def _gate(contract: Contract) -> Load:
    return contract.load or Load()


def _latency(figure: str, share: float) -> Figures:
    return lambda contract: {"share": share, "within": getattr(_gate(contract), figure)}


def _share(figure: str) -> Figures:
    return lambda contract: {"at_most": getattr(_gate(contract), figure)}


SLOW = "What is quick for one caller and slow for fifty is slow where it matters."

GATES = (
    Row(
        "load.p50",
        MUST,
        "In fair weather half of all answers are there within the time promised.",
        "latency",
        "calls",
        _latency("p50", 0.5),
        needs="load.p50",
        whole=True,
        why=SLOW,
    ),
    Row(
        "load.p95",
        MUST,
        "In fair weather 95 of 100 answers are there within the time promised.",
        "latency",
        "calls",
        _latency("p95", 0.95),
        whole=True,
        why=SLOW,
    ),
    Row(
        "load.p99",
        MUST,
        "In fair weather 99 of 100 answers are there within the time promised.",
        "latency",
        "calls",
        _latency("p99", 0.99),
        needs="load.p99",
        whole=True,
        why=SLOW,
    ),
    Row(
        "load.first-token",
        MUST,
        "In fair weather 95 of 100 streamed answers begin within the time promised.",
        "first_token",
        "calls",
        _latency("first_token", 0.95),
        needs="load.first_token",
        whole=True,
        why="Readers of a stream notice its beginning, and forgive its end.",
    ),
    Row(
        "load.errors",
        MUST,
        "In fair weather hardly any call fails.",
        "errors_are_rare",
        "calls",
        _share("errors"),
        whole=True,
        why="Traffic alone is no excuse: pools that run dry and queues that overflow fail callers for nothing.",
    ),
    Row(
        "load.rate-limited",
        MUST,
        "Hardly any request is turned away by a provider's own limits.",
        "rate_limits_are_rare",
        "history",
        _share("rate_limited"),
        whole=True,
        why="Each refusal costs a round trip, and keeps the limit in force.",
    ),
    Row(
        "load.amplification",
        SHOULD,
        "Foul weather included, callers' requests are not multiplied on their way to the providers.",
        "amplifies_little",
        "history",
        _share("amplification"),
        whole=True,
        why="A provider that is down stays down under three times its usual traffic.",
    ),
)

INVARIANTS = (
    Row(
        "load.deadline",
        MUST,
        "Every caller has an answer or an error before the deadline.",
        "ended",
        "calls",
        lambda contract: {"within": contract.deadline},
    ),
    Row(
        "load.whole-answers",
        MUST,
        "No part of an answer is passed off as whole, and nobody gets another's words.",
        "no_part_as_whole",
        "calls",
    ),
    Row(
        "load.bounded",
        MUST,
        "A call makes no more attempts at a provider than promised.",
        "bounded",
        "attempts",
        lambda contract: {"at_most": contract.max_attempts},
    ),
    Row(
        "load.retry-after",
        MUST,
        "A call that is asked to come back later does not come back sooner.",
        "waits_for_retry_after",
        "attempts",
        lambda contract: {"followed": False},
        idle=True,
    ),
    Row(
        "load.key-not-logged",
        MUST,
        "No key stands in what the target writes, however much it has to log.",
        "not_logged",
        "history",
        whole=True,
    ),
    Row(
        "load.key-not-returned", MUST, "No key reaches a caller, in an answer or in an error.", "not_returned", "calls"
    ),
    Row("load.key-not-in-url", MUST, "No key stands in the URL of a request.", "not_in_url", "attempts"),
    Row(
        "load.pii-not-sent",
        MUST,
        "Personal data of the types that a target says it masks reaches no provider, whoever says it when.",
        "nothing_personal_leaves",
        "attempts",
        needs="pii",
        whole=True,
        why="Retries, fallbacks and crowded queues are the paths on which a request is built again, and masked again.",
    ),
    Row(
        "load.pii-not-logged",
        MUST,
        "What the target writes holds no personal data of the types that it masks, however much it has to log.",
        "nothing_personal_is_logged",
        "history",
        needs="pii",
        whole=True,
        why="It is the path of errors that prints the request it could not serve.",
    ),
    Row(
        "load.pii-not-returned",
        MUST,
        "An error that a caller is given repeats nothing personal.",
        "nothing_personal_in_errors",
        "calls",
        needs="pii",
        whole=True,
        idle=True,
    ),
    Row(
        "load.pii-no-crosstalk",
        MUST,
        "What one user has said is told to no other, whoever calls at the same time.",
        "nothing_of_others",
        "calls",
        needs="pii",
        why="A map from placeholders to values that users share hands one user's values to the next.",
    ),
    Row(
        "load.pii-restored",
        MUST,
        "The caller's own values come back in the reply, each in its place.",
        "restored",
        "calls",
        needs="pii.restore",
    ),
    Row(
        "load.spend",
        MUST,
        "What is billed stays under the cap, whoever calls at the same time.",
        "within_cap",
        "history",
        lambda contract: {"at_once": True},
        needs="spend.cap",
        whole=True,
        idle=True,
        why="Callers who ask at the same moment all see that something is left.",
    ),
)

ROWS = (*GATES, *INVARIANTS)
