"""The page of a comparison: one file, no network, no scripts needed, light and dark, on paper and on a phone.

It is made of the parts of a report's page: its style, its words, its escaping and its policy.
"""

from __future__ import annotations

from collections import Counter
from urllib.parse import quote

from markupsafe import Markup

from . import html
from .comparison import CaseLine, Cell, Comparison, FaultCell, RowLine
from .results import LEVELS
from .wording import OUTCOMES, count, dollars, one_line, seconds

MOST_CASES = 24
"""Cases of a row that are all shown; of more, those that fail or differ."""


def render(comparison: Comparison) -> str:
    """The whole page."""
    environment = html.environment()
    style, script = html.source("report.css") + html.source("compare.css"), html.source("compare.js")
    families: dict[str, list[RowLine]] = {}
    for row in comparison.rows:
        if row.applies:
            families.setdefault(row.family, []).append(row)
    return environment.get_template("compare.html.j2").render(
        comparison=comparison,
        targets=comparison.targets,
        families=families,
        broken=sorted((row for row in comparison.rows if row.failed), key=lambda row: LEVELS.index(row.level)),
        applying=sum(row.applies for row in comparison.rows),
        idle=[row for row in comparison.rows if not row.applies],
        idle_told=idle(comparison),
        headline=headline(comparison),
        lived=lived,
        took=took,
        made=made,
        cost=cost,
        shown=shown,
        address=address,
        named=named,
        style=Markup(style),  # noqa: S704  # our own file
        script=Markup(script),  # noqa: S704  # our own file
        style_hash=html.digest(style),
        script_hash=html.digest(script),
    )


def headline(comparison: Comparison) -> str:
    """What there is to know first, in one sentence or two: broken `must`s, and how much differs."""
    ran = [target for target in comparison.targets if target.gate is not None]
    told = [
        f"{target.label} breaks {target.broken.get('must', 0)} of {target.judged.get('must', 0)}"
        for target in sorted(ran, key=lambda target: target.broken.get("must", 0))
    ]
    applying = [row for row in comparison.rows if row.applies]
    different = sum(row.different for row in applying)
    begin = "Of the musts that apply to it, " if told else "Nothing was run"
    stopped = "The comparison was interrupted. " if comparison.interrupted else ""
    rows = count(len(applying), "row")
    return f"{stopped}{begin}{', '.join(told)}. {different} of {rows} that apply came out differently."


def idle(comparison: Comparison) -> str:
    """How many rows apply to no target, in words; empty where all apply to any."""
    number = sum(not row.applies for row in comparison.rows)
    return f"{count(number, 'row')} that {'applies' if number == 1 else 'apply'} to no target" if number else ""


def lived(cell: Cell) -> str:
    """What the callers lived through, in words."""
    if len(cell.outcomes) == 1 and not cell.judged > 1:
        return named(next(iter(cell.outcomes)))
    told = sorted(cell.outcomes.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{number} \u00d7 {named(name)}" for name, number in told)


def named(outcome: str) -> str:
    """An outcome in words."""
    return OUTCOMES.get(outcome, outcome)


def made(cells: list[Cell]) -> str:
    """The attempts of one case, by provider, or the fewest and the most that a case made."""
    known = [cell.attempts for cell in cells if any(cell.attempts.values())]
    if not known:
        return ""
    if len(known) == 1:
        by = ", ".join(f"{number} {name}" for name, number in known[0].items() if number)
        total = sum(known[0].values())
        return count(total, "attempt") + (f" ({by})" if len(known[0]) > 1 else "")
    totals = [sum(attempts.values()) for attempts in known]
    fewest, most = min(totals), max(totals)
    return count(most, "attempt") if fewest == most else f"{fewest} to {count(most, 'attempt')}"


def took(cells: list[Cell]) -> str:
    """The time of one case, or the shortest and the longest that a case took."""
    known = [cell.seconds for cell in cells if cell.seconds]
    if not known:
        return ""
    shortest, longest = seconds(min(known)), seconds(max(known))
    return shortest if shortest == longest else f"{shortest} to {longest}"


def cost(cell: FaultCell) -> str:
    """What the providers bill."""
    return dollars(cell.microdollars)


def shown(row: RowLine) -> list[CaseLine]:
    """The cases of a row that the page has; a row of one case is told by the row."""
    if len(row.cases) <= 1:
        return []
    if len(row.cases) <= MOST_CASES:
        return row.cases
    return [case for case in row.cases if case.different or "fail" in verdicts(case)]


def verdicts(case: CaseLine) -> Counter[str]:
    """How many targets came to which verdict."""
    return Counter(cell.verdict for cell in case.cells if cell is not None)


def address(evidence: str) -> str:
    """An address inside the folder of the comparison, which can be nothing else."""
    path, _, place = one_line(evidence, 2000).partition("#")
    return "./" + quote(path) + ("#" + quote(place) if place else "")
