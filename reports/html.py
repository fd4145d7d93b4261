"""One HTML file with everything in it: no network, no scripts needed, light and dark, on paper and on a phone.

What is shown of a case depends on its verdict: what failed is shown in full, what passed briefly. The page has a
budget of bytes; cases are given room in the order in which they matter, and one that finds no room says where its
whole history is. Everything that came over a wire passes through `visible` and through the template's escaping, and
the page's own policy forbids every script, style and address but the two that are written here.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from . import changes, recall, wording
from .curves import curves
from .delivery import Delivery, deliveries
from .fixes import anchor, fixes, groups
from .masking import Mask
from .results import CaseResult, Results, RowResult, VerdictName, ViolationResult, stronger
from .shapes import Chart
from .story import Call, Story, read, zero
from .timeline import draw
from .wire import TELLING, Elided, Entry, log
from .wording import families, seconds

BUDGET = 2_600_000
"""Characters that the cases may take together."""
SMALLEST = 4_000
"""Characters below which no case is shown with its timeline."""

Reader = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of a case is shown."""

    exchanges: int
    body: int
    lanes: int
    callers: int
    ticks: int
    logs: int


FULL = Detail(exchanges=14, body=1500, lanes=24, callers=8, ticks=60, logs=30)
BRIEF = Detail(exchanges=3, body=300, lanes=6, callers=3, ticks=24, logs=0)


@dataclass(frozen=True, slots=True)
class Expected:
    """One thing that was to hold of a case, and what came of it."""

    check: str
    requirement: str
    about: str
    verdict: VerdictName
    violations: list[ViolationResult]


@dataclass(slots=True)
class Shown:
    """A case as the template shows it."""

    row: RowResult
    case: CaseResult
    anchor: str
    expected: list[Expected]
    facts: list[tuple[str, str]]
    known: frozenset[str] = frozenset()
    """The ids in `evidence` that have a place on the page."""
    chart: Chart | None = None
    callers: list[tuple[str, str, bool]] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    entries: list[Entry | Elided] = field(default_factory=list)
    logs: list[tuple[str, str, str]] = field(default_factory=list)
    more_logs: int = 0
    unreadable: int = 0


def render(results: Results, histories: Reader) -> str:
    """The whole page; `histories` gives the JSON lines of a case's `history`, or None."""
    templates = environment()
    details = _details(results, histories, templates)
    style, script = source("report.css"), source("report.js")
    return templates.get_template("report.html.j2").render(
        results=results,
        verdict=wording.gate_verdict(results),
        sentence=wording.gate_sentence(results),
        counts=wording.counts(results),
        fixes=groups(fixes(results)),
        families=families(results),
        details=details,
        anchor=anchor,
        changes=changes,
        curves=curves(results.load) if results.load else [],
        recall=recall.table,
        style=Markup(style),  # noqa: S704  # our own file
        script=Markup(script),  # noqa: S704  # our own file
        style_hash=digest(style),
        script_hash=digest(script),
    )


def _details(results: Results, histories: Reader, templates: jinja2.Environment) -> dict[str, Markup]:
    """Each case's detail by its anchor; those that matter most are given room first."""
    template = templates.get_template("case.html.j2")
    order = {verdict: number for number, verdict in enumerate(wording.ORDER)}
    cases = [(row, case) for row in results.results for case in row.cases]
    cases.sort(key=lambda pair: (order[pair[1].verdict], not stronger(pair[0].level, results.gate.level)))
    made: dict[str, Markup] = {}
    left = BUDGET
    for row, case in cases:
        lines = histories(case.history) if case.history else None
        story = read(lines) if lines is not None else None
        wanted = (FULL, BRIEF, None) if case.verdict in {"fail", "inconclusive"} else (BRIEF, None)
        for detail in wanted if left > SMALLEST else (None,):
            shown = _shown(results, row, case, story, detail)
            text = template.render(shown=shown, elided=story is not None and detail is None, brief=detail is BRIEF)
            if len(text) <= left or detail is None:
                break
        left -= len(text)
        made[anchor(row.id, case.case)] = Markup(text)  # noqa: S704  # it comes from the escaping template
    return made


def _shown(results: Results, row: RowResult, case: CaseResult, story: Story | None, detail: Detail | None) -> Shown:
    expected = list(_expected(results, case, story))
    shown = Shown(row, case, anchor(row.id, case.case), expected, list(_facts(case, story)))
    if story is None or detail is None:
        return shown
    proof = frozenset(id_ for violation in case.violations for id_ in violation.evidence)
    mask = Mask(story.heading.keys)
    shown.chart = draw(story, proof, detail.lanes, detail.ticks)
    shown.callers = _callers(story, proof, mask, detail)
    shown.deliveries = deliveries(story)
    shown.entries = log(story, proof, mask, detail.exchanges, detail.body)
    begin = zero(story)
    lines = story.logs[-detail.logs :] if detail.logs else []
    shown.logs = [(f"{(x.at - begin) / 1e9:+.2f} s", x.source, mask.text(x.text)[:500]) for x in lines]
    shown.more_logs = len(story.logs) - len(lines) if detail.logs else 0
    shown.unreadable = story.unreadable
    ids = {entry.id for entry in shown.entries if isinstance(entry, Entry)} | {id_ for id_, *_ in shown.callers}
    shown.known = frozenset(ids)
    return shown


def _callers(story: Story, proof: frozenset[str], mask: Mask, detail: Detail) -> list[tuple[str, str, bool]]:
    """What callers got, those that prove something first: id, text, whether it proves."""
    ordered = sorted(story.calls, key=lambda call: call.id not in proof)[: detail.callers]
    return [(call.id, mask.text(_got(call, detail.body)), call.id in proof) for call in ordered]


def _got(call: Call, at_most: int) -> str:
    """What a caller was told, in one line."""
    if call.error is not None:
        partial = f" after {len(call.text)} characters of text" if call.text else ""
        return f"error {call.error}{partial}: {call.message[:at_most]}"
    if call.ended is None and not call.text:
        return "nothing"
    at_most = min(at_most, 240)
    text = call.text if len(call.text) <= at_most else f"{call.text[:at_most]}… ({len(call.text):,} characters)"
    finish = f" (finish {call.finish})" if call.finish else ""
    return f"{text!r}{finish}"


def _expected(results: Results, case: CaseResult, story: Story | None) -> Iterator[Expected]:
    by_check: dict[str, list[ViolationResult]] = {}
    for violation in case.violations:
        by_check.setdefault(violation.check, []).append(violation)
    wanted: dict[str, str] = {}
    for expectation in story.expectations if story else []:
        about = ", ".join(
            f"{name} {_figure(value)}" for name, value in expectation.params.items() if name != "allow_none"
        )
        wanted[expectation.check] = "; ".join(part for part in (wanted.get(expectation.check), about) if part)
    for check in dict.fromkeys([*by_check, *wanted]):
        violations = by_check.get(check, [])
        doubtful = any(doubt.startswith((f"{check}:", f"{check} ")) for doubt in case.doubts)
        broken: VerdictName = "fail" if case.verdict == "fail" else "inconclusive"
        verdict: VerdictName = broken if violations else "inconclusive" if doubtful else "pass"
        yield Expected(check, results.checks.get(check, ""), wanted.get(check, ""), verdict, violations)


def _figure(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _facts(case: CaseResult, story: Story | None) -> Iterator[tuple[str, str]]:
    if case.outcome:
        told = ", ".join(f"{number} {wording.OUTCOMES.get(name, name)}" for name, number in case.outcomes.items())
        yield "callers experienced", told or wording.OUTCOMES.get(case.outcome, case.outcome)
    if case.attempts:
        yield "attempts", ", ".join(f"{number} at {name}" for name, number in case.attempts.items())
        yield "struck by a fault", str(case.faults_fired)
    cap = (story.heading.contract.get("spend") or {}).get("cap") if story is not None else None
    if story is not None and isinstance(cap, int):
        billed = sum(exchange.microdollars for exchange in story.exchanges)
        yield "billed", f"{wording.dollars(billed)} of a cap of {wording.dollars(cap)}"
    if case.target_seconds:
        wall = f" ({seconds(case.wall_seconds)} of wall time at rate {case.rate:g})" if case.rate != 1 else ""
        yield "took", seconds(case.target_seconds) + wall
    if story is not None and story.heading.noise:
        yield "precision", f"wake-ups up to {seconds(story.heading.noise)} late"


@cache
def environment() -> jinja2.Environment:
    """The templates of pages, which escape whatever is put in."""
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    made.filters |= {
        "dollars": wording.dollars,
        "seconds": seconds,
        "count": wording.count,
        "path": _path,
        "one_line": wording.one_line,
    }
    made.globals |= {
        "SYMBOLS": wording.SYMBOLS,
        "OUTCOMES": wording.OUTCOMES,
        "WORDS": wording.WORDS,
        "ORDER": wording.ORDER,
        "TELLING": TELLING,
    }
    made.tests["link"] = lambda shape: hasattr(shape, "shapes")
    made.tests["box"] = lambda shape: hasattr(shape, "width")
    made.tests["words"] = lambda shape: hasattr(shape, "text")
    made.tests["elided"] = lambda entry: isinstance(entry, Elided)
    return made


def _finalized(value: Any) -> Any:
    """What a template prints: text made visible, unless it is the template's own."""
    return wording.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _path(history: str) -> str:
    """A path as a relative address, which can be nothing but a path."""
    return "./" + quote(history.encode("utf-8", "replace"))


def source(name: str) -> str:
    """A file of this folder."""
    return files(__package__).joinpath(name).read_text("utf-8")


def digest(text: str) -> str:
    """By what a page's policy knows its style and its script."""
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()
