"""The one result format; every report is rendered from it.

`SCHEMA` names its version: additions keep it, anything that could mislead a reader changes it. The JSON Schema that
`schema()` makes is published beside this module as `results.schema.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

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


LEVELS: tuple[LevelName, ...] = get_args(LevelName)
"""The strongest first."""


def stronger(level: LevelName, than: LevelName) -> bool:
    """Whether a level is as strong as another."""
    return LEVELS.index(level) <= LEVELS.index(than)


def gate_of(rows: Sequence[RowResult], level: LevelName) -> Gate:
    """Whether the rows of a level, and of stronger ones, let the target pass."""
    gated = [row for row in rows if stronger(row.level, level)]
    failed = [row.id for row in gated if row.verdict == "fail"]
    inconclusive = [row.id for row in gated if row.verdict == "inconclusive"]
    return Gate(not failed and not inconclusive, level, failed, inconclusive)


class Latency(msgspec.Struct):
    """How long something took, in seconds: half of it, 95 and 99 of 100 at the most so long."""

    count: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    worst: float | None = None


class LoadPoint(msgspec.Struct):
    """A stretch of a load run."""

    at: float
    """Its beginning, in seconds since the users began."""
    calls: int = 0
    """Calls that began in it."""
    p50: float | None = None
    """Seconds, of the answers to those; errors do not count."""
    p95: float | None = None
    errors: int = 0
    attempts: int = 0
    """Exchanges of those calls."""
    microdollars: int = 0
    """Billed since the beginning of the run."""


class LoadSpell(msgspec.Struct):
    """Weather that was not fair."""

    name: str
    start: float
    """Seconds since the users began."""
    end: float


class LoadResult(msgspec.Struct):
    """The figures of a load run."""

    profile: str
    about: str
    users: int
    """At the most."""
    seconds: float
    calls: int
    exchanges: int
    errors: int
    latency: dict[str, Latency]
    """Of `answers` and of `streams` taken whole, of `first tokens`, and `between tokens`; errors do not count."""
    fair: dict[str, Latency]
    """The same of the calls that met nothing but fair weather, by which the gates judge."""
    outcomes: dict[str, int]
    """What the callers experienced."""
    refusals: int = 0
    """Requests that were over a provider's own limits."""
    microdollars: int = 0
    noise: float = 0.0
    """How late the harness itself was at worst, in seconds."""
    cpu_seconds: dict[str, float] = {}
    """Of the harness and of the target."""
    width: float = 1.0
    """Seconds that a point of the curves stands for."""
    points: list[LoadPoint] = []
    weather: list[LoadSpell] = []
    history: str = ""
    """Path of the whole history, from the results file."""


class Change(msgspec.Struct):
    """A case whose verdict is another than in an earlier run."""

    row: str
    level: LevelName
    case: str
    before: VerdictName | None
    """None where it was not run."""
    after: VerdictName
    reason: str = ""


class Since(msgspec.Struct):
    """What has changed since an earlier run."""

    started: str
    target: str
    version: str | None = None
    changes: list[Change] = []


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
    load: LoadResult | None = None
    """What a load run was and came to; None of any other run."""
    interrupted: bool = False
    """Whether somebody ended the run before it had ended; what had not been judged is inconclusive."""
    notes: list[str] = []
    """What there is to know beside the verdicts: how the target behaved, and what has become of a baseline."""
    since: Since | None = None
    """What has changed since an earlier run, where that was given."""
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
