"""The one result format; every report is rendered from it.

`SCHEMA` names its version: additions keep it, anything that could mislead a reader changes it. The JSON Schema that
`schema()` makes is published beside this module as `results.schema.json`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

SCHEMA: Literal["brownout.results/1"] = "brownout.results/1"
PUBLISHED = Path(__file__).with_name("results.schema.json")

VerdictName = Literal["pass", "fail", "inconclusive", "not_applicable"]
LevelName = Literal["must", "should", "may"]


class ViolationResult(msgspec.Struct):
    """What was seen, what was promised, and the exchanges and calls that prove it."""

    check: str
    saw: str
    promised: str
    evidence: list[str] = []
    """Ids in the history: `c1` is a call, `x1` an exchange."""


class RecallResult(msgspec.Struct):
    """How much personal data of one type and locale was kept back."""

    type: str
    locale: str
    planted: int
    """How many values callers said."""
    seen: int
    """How many of them were seen where they should not be."""
    promised: float = 1.0
    """The part that is kept back, if the promise is."""


class CaseResult(msgspec.Struct):
    """One variant of a row."""

    case: str
    verdict: VerdictName
    reason: str = ""
    violations: list[ViolationResult] = []
    doubts: list[str] = []
    """Why something could not be judged."""
    outcome: str = ""
    """What the caller experienced."""
    outcomes: dict[str, int] = {}
    attempts: dict[str, int] = {}
    """Exchanges at each fake."""
    faults_fired: int = 0
    target_seconds: float = 0.0
    wall_seconds: float = 0.0
    rate: float = 1.0
    repeat: str = ""
    """The command that runs this case again."""
    history: str = ""
    """Path of the saved history, from the results file."""
    recall: list[RecallResult] = []


class RowResult(msgspec.Struct):
    """One row of the catalogue."""

    id: str
    level: LevelName
    title: str
    verdict: VerdictName
    reason: str = ""
    cases: list[CaseResult] = []
    why: str = ""
    """Why the promise matters."""
    source: str = ""


class TargetResult(msgspec.Struct):
    """What was judged."""

    name: str
    version: str | None = None
    contract: dict[str, Any] = {}


class Gate(msgspec.Struct):
    """Whether the target may pass."""

    holds: bool
    level: LevelName = "must"
    failed: list[str] = []
    inconclusive: list[str] = []
    known: dict[str, str] = {}
    """Rows that fail and that a baseline excuses from breaking the gate, each with the day on which that ends."""


class Results(msgspec.Struct):
    """One run."""

    brownout: str
    seed: int
    started: str
    """ISO 8601, UTC."""
    wall_seconds: float
    target_seconds: float
    target: TargetResult
    profile: str
    gate: Gate
    results: list[RowResult]
    environment: dict[str, str] = {}
    repeat: str = ""
    """The command that repeats the run."""
    families: dict[str, str] = {}
    """What each family of rows is about, in one sentence."""
    checks: dict[str, str] = {}
    """What each check requires, in one sentence that is true or false."""
    interrupted: bool = False
    """Whether somebody ended the run before it had ended; what had not been judged is inconclusive."""
    schema: Literal["brownout.results/1"] = SCHEMA


def save(results: Results, path: Path) -> None:
    """Write `results.json`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def load(path: Path) -> Results:
    """Read `results.json`; raises `msgspec.MsgspecError` where it is none."""
    return msgspec.json.decode(path.read_bytes(), type=Results)


def schema() -> dict[str, Any]:
    """The JSON Schema of `results.json`."""
    made = msgspec.json.schema(Results)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **made}
