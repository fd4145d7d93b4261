"""Several targets side by side: the format of `compare.json`, and how it is made from the results of each.

Nothing is added up to a score: promises weigh differently for everybody, and each target is judged by its own. What is
counted is what is broken, the `must`s first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from .fixes import anchor
from .results import CaseResult, Gate, LevelName, Results, RowResult, VerdictName
from .story import Story, read
from .wording import family

SCHEMA: Literal["brownout.compare/1"] = "brownout.compare/1"
PUBLISHED = Path(__file__).with_name("compare.schema.json")


@dataclass(frozen=True, slots=True)
class Side:
    """One target's run, or why there is none."""

    label: str
    results: Results | None
    not_run: str = ""
    report: str = ""
    """Address of the target's own report, from the page of the comparison."""
    histories: Callable[[str], bytes | None] = field(default=lambda path: None)


class Target(msgspec.Struct):
    """What was compared."""

    label: str
    """Its name, and what else it takes to tell it from the others."""
    name: str = ""
    version: str | None = None
    not_run: str = ""
    """Why there are no results, where there are none."""
    report: str = ""
    """Address of its own report, from where the comparison is."""
    started: str = ""
    seed: int = 0
    profile: str = ""
    wall_seconds: float = 0.0
    target_seconds: float = 0.0
    brownout: str = ""
    interrupted: bool = False
    repeat: str = ""
    """The command that repeats its run."""
    contract: dict[str, Any] = {}
    environment: dict[str, str] = {}
    gate: Gate | None = None
    broken: dict[LevelName, int] = {}
    """How many rows of each level it fails."""
    judged: dict[LevelName, int] = {}
    """How many rows of each level it passes or fails."""
    verdicts: dict[VerdictName, int] = {}


class Cell(msgspec.Struct):
    """What came of a row, or of one of its cases, at one target."""

    verdict: VerdictName
    reason: str = ""
    outcomes: dict[str, int] = {}
    """What the callers lived through; of a row, in how many of its cases."""
    attempts: dict[str, int] = {}
    """Exchanges at each fake; of a case only."""
    seconds: float = 0.0
    """Target time; of a case only."""
    broken: int = 0
    """How many cases of a row fail."""
    judged: int = 0
    """How many cases of a row pass or fail."""
    evidence: str = ""
    """Address of the proof in the target's own report."""


class CaseLine(msgspec.Struct):
    """A case at every target; None where it was not run."""

    case: str
    different: bool
    cells: list[Cell | None]


class RowLine(msgspec.Struct):
    """A row at every target; None where it was not run."""

    id: str
    level: LevelName
    title: str
    different: bool
    """Whether a verdict differs, or what callers lived through."""
    cells: list[Cell | None]
    cases: list[CaseLine]

    @property
    def family(self) -> str:
        """The part of its id before the dot."""
        return family(self.id)

    @property
    def failed(self) -> bool:
        """Whether any target fails it."""
        return any(cell is not None and cell.verdict == "fail" for cell in self.cells)

    @property
    def applies(self) -> bool:
        """Whether it has anything to say of any target."""
        return any(cell is not None and cell.verdict != "not_applicable" for cell in self.cells)


class FaultCell(msgspec.Struct):
    """What a fault came to for one caller."""

    verdict: VerdictName
    outcome: str
    answered_by: str
    """The fake whose answer the caller got; empty where it got none, or not a whole one."""
    seconds: float | None
    """Until the caller had it; None where nothing came."""
    attempts: dict[str, int]
    microdollars: int
    """What the providers bill for all of its attempts."""
    evidence: str = ""


class FaultLine(msgspec.Struct):
    """A case in which faults struck a single call, at every target."""

    row: str
    case: str
    level: LevelName
    faults: list[str]
    different: bool
    cells: list[FaultCell | None]

    @property
    def failed(self) -> bool:
        """Whether any target fails the case."""
        return any(cell is not None and cell.verdict == "fail" for cell in self.cells)


class Comparison(msgspec.Struct):
    """Targets side by side; every list of cells is in the order of `targets`."""

    brownout: str
    targets: list[Target]
    rows: list[RowLine]
    faults: list[FaultLine]
    families: dict[str, str] = {}
    interrupted: bool = False
    schema: Literal["brownout.compare/1"] = SCHEMA


def compare(sides: Sequence[Side], brownout: str, *, interrupted: bool = False) -> Comparison:
    """The comparison of several runs."""
    ran = [side.results for side in sides if side.results is not None]
    families = {name: text for results in reversed(ran) for name, text in results.families.items()}
    rows = [_row(sides, id_) for id_ in _ids(ran)]
    return Comparison(
        brownout,
        [_target(side) for side in sides],
        rows,
        list(_faults(sides, rows)),
        families,
        interrupted or any(results.interrupted for results in ran),
    )


def labels(named: Sequence[tuple[str, str | None, str]]) -> list[str]:
    """Names by which targets are told apart, from the name, the version and the command line's word of each."""

    def alone(candidates: list[str]) -> bool:
        return len(set(candidates)) == len(candidates)

    names = [name for name, _, _ in named]
    versions = [" ".join(filter(None, (name, version))) for name, version, _ in named]
    words = [f"{name} ({word})" for name, _, word in named]
    numbers = [f"{name} ({number})" for number, name in enumerate(names, 1)]
    return next(filter(alone, (names, versions, words)), numbers)


def save(comparison: Comparison, path: Path) -> None:
    """Write `compare.json`."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(comparison), indent=1) + b"\n")


def schema() -> dict[str, Any]:
    """The JSON Schema of `compare.json`."""
    made = msgspec.json.schema(Comparison)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **made}


def _target(side: Side) -> Target:
    results = side.results
    if results is None:
        return Target(side.label, not_run=side.not_run)
    rows = results.results
    levels: tuple[LevelName, ...] = ("must", "should", "may")
    return Target(
        side.label,
        results.target.name,
        results.target.version,
        side.not_run,
        side.report,
        results.started,
        results.seed,
        results.profile,
        results.wall_seconds,
        results.target_seconds,
        results.brownout,
        results.interrupted,
        results.repeat,
        results.target.contract,
        results.environment,
        results.gate,
        {level: sum(row.level == level and row.verdict == "fail" for row in rows) for level in levels},
        {level: sum(row.level == level and row.verdict in {"pass", "fail"} for row in rows) for level in levels},
        dict(Counter(row.verdict for row in rows)),
    )


def _ids(ran: Iterable[Results]) -> list[str]:
    """Every row of any run, in their order, whether there is anything to judge first."""
    ids = dict.fromkeys(row.id for results in ran for row in results.results)
    order = list(dict.fromkeys(["control", *map(family, ids)]))
    return sorted(ids, key=lambda id_: order.index(family(id_)))


def _row(sides: Sequence[Side], id_: str) -> RowLine:
    found = [_found(side, id_) for side in sides]
    told = next(row for row in found if row is not None)
    names = dict.fromkeys(case.case for row in found if row is not None for case in row.cases)
    cases = [_case(sides, found, name) for name in names]
    cells = [None if row is None else _of_row(side, row) for side, row in zip(sides, found, strict=True)]
    different = _differ(cells) or any(case.different for case in cases)
    return RowLine(id_, told.level, told.title, different, cells, cases)


def _found(side: Side, id_: str) -> RowResult | None:
    rows = side.results.results if side.results is not None else []
    return next((row for row in rows if row.id == id_), None)


def _case(sides: Sequence[Side], rows: Sequence[RowResult | None], name: str) -> CaseLine:
    cells: list[Cell | None] = []
    for side, row in zip(sides, rows, strict=True):
        case = _case_of(row, name)
        cells.append(None if row is None or case is None else _of_case(side, row, case))
    return CaseLine(name, _differ(cells), cells)


def _case_of(row: RowResult | None, name: str) -> CaseResult | None:
    return next((case for case in row.cases if case.case == name), None) if row is not None else None


def _of_case(side: Side, row: RowResult, case: CaseResult) -> Cell:
    outcomes = case.outcomes or ({case.outcome: 1} if case.outcome else {})
    address = _evidence(side, anchor(row.id, case.case))
    return Cell(case.verdict, case.reason, outcomes, case.attempts, case.target_seconds, evidence=address)


def _of_row(side: Side, row: RowResult) -> Cell:
    broken = sum(case.verdict == "fail" for case in row.cases)
    judged = sum(case.verdict in {"pass", "fail"} for case in row.cases)
    telling = [case for case in row.cases if case.verdict == row.verdict] or row.cases
    outcomes = dict(Counter(case.outcome for case in telling if case.outcome))
    return Cell(
        row.verdict,
        row.reason,
        outcomes,
        broken=broken,
        judged=judged,
        evidence=_evidence(side, f"row-{row.id}"),
    )


def _evidence(side: Side, place: str) -> str:
    return f"{side.report}#{place}" if side.report else ""


def _differ(cells: Iterable[Cell | None]) -> bool:
    """Whether targets that were judged came to something else, or let their callers live through something else."""
    told = {
        (cell.verdict, tuple(sorted(cell.outcomes)))
        for cell in cells
        if cell is not None and cell.verdict != "not_applicable"
    }
    return len(told) > 1


def _faults(sides: Sequence[Side], rows: Iterable[RowLine]) -> Iterator[FaultLine]:
    for row in rows:
        found = [_found(side, row.id) for side in sides]
        for line in row.cases:
            stories = [_story(side, one, line.case) for side, one in zip(sides, found, strict=True)]
            names = dict.fromkeys(name for story in stories if story for x in story.exchanges for name in x.faults)
            if not names:
                continue
            pairs = zip(stories, line.cells, strict=True)
            cells = [_came_to(story, cell) if story and cell else None for story, cell in pairs]
            told = {(cell.outcome, cell.answered_by, tuple(cell.attempts.items())) for cell in cells if cell}
            yield FaultLine(row.id, line.case, row.level, list(names), len(told) > 1, cells)


def _story(side: Side, row: RowResult | None, name: str) -> Story | None:
    """The history of a case of a single call that was struck by a fault."""
    case = _case_of(row, name)
    if case is None or not case.faults_fired or not case.history or case.outcome == "mixed":
        return None
    lines = side.histories(case.history)
    story = read(lines) if lines is not None else None
    return story if story is not None and len(story.calls) == 1 else None


def _came_to(story: Story, cell: Cell) -> FaultCell:
    (call,) = story.calls
    attempts = story.attempts(call)
    whole = [x.fake for x in attempts if x.answer is not None and x.answer == call.text]
    answered = whole[-1] if whole and call.ended is not None and call.error is None else ""
    return FaultCell(
        cell.verdict,
        next(iter(cell.outcomes), ""),
        answered,
        None if call.ended is None else round((call.ended - call.started) / 1e9, 3),
        dict(Counter(x.fake for x in attempts)),
        sum(x.microdollars for x in attempts),
        cell.evidence,
    )
