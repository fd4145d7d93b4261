"""The comparison as Markdown: the counts, the rows that somebody fails or that came out differently, and who answered.

Whatever came over a wire stands in a code span or is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator

from .compare_html import headline, idle, lived, made, named, took
from .comparison import Cell, Comparison, FaultCell, RowLine, Target
from .markdown import MARKS, code, escape
from .wording import WORDS, count, dollars, seconds


def render(comparison: Comparison, page: str | None = None) -> str:
    """The comparison; `page` is where the HTML page can be read."""
    return "\n".join(_lines(comparison, page)).rstrip("\n") + "\n"


def _lines(comparison: Comparison, page: str | None) -> Iterator[str]:
    targets = comparison.targets
    yield "## " + " and ".join(code(target.label) for target in targets)
    yield ""
    yield escape(headline(comparison))
    yield ""
    yield "| target | version | gate | musts broken | shoulds broken | could not be judged | do not apply |"
    yield "|---|---|---|--:|--:|--:|--:|"
    for target in targets:
        yield _counts(target)
    yield ""
    telling = [row for row in comparison.rows if row.failed or row.different]
    alike = sum(row.applies for row in comparison.rows) - len(telling)
    if telling:
        yield from _rows(targets, telling)
    if alike:
        yield f"{count(alike, 'more row')} that no target fails and that came out alike."
        yield ""
    if told := idle(comparison):
        yield f"{told}: not claimed, or about another dialect."
        yield ""
    if comparison.faults:
        yield from _faults(comparison)
    if page is not None:
        yield f"[Every case, with the proof](<{page}>)"


def _counts(target: Target) -> str:
    if target.gate is None:
        return f"| {code(target.label)} | | not run: {code(target.not_run)} | | | | |"
    verdict = "pass" if target.gate.holds else "fail" if target.gate.failed else "inconclusive"
    figures = [f"**{target.broken.get(x, 0)}** of {target.judged.get(x, 0)}" for x in ("must", "should")]
    rest = [str(target.verdicts.get(x, 0)) for x in ("inconclusive", "not_applicable")]
    cells = [code(target.label), code(target.version or ""), f"{MARKS[verdict]} {verdict}", *figures, *rest]
    return f"| {' | '.join(cells)} |"


def _rows(targets: list[Target], rows: list[RowLine]) -> Iterator[str]:
    yield "| promise | level | " + " | ".join(code(target.label) for target in targets) + " |"
    yield "|---|---|" + "---|" * len(targets)
    for row in rows:
        cells = []
        for place, cell in enumerate(row.cells):
            cases = [line.cells[place] for line in row.cases]
            cells.append(_cell(cell, [case for case in cases if case is not None]))
        yield f"| {code(row.id)} {escape(row.title)} | {row.level} | {' | '.join(cells)} |"
    yield ""


def _cell(cell: Cell | None, cases: list[Cell]) -> str:
    if cell is None:
        return "not run"
    verdict = f"{MARKS[cell.verdict]} {WORDS[cell.verdict]}"
    if cell.verdict == "not_applicable":
        return verdict
    broken = f" ({cell.broken} of {cell.judged})" if cell.broken and cell.judged > 1 else ""
    return verdict + broken + "".join(f"; {told}" for told in (lived(cell), made(cases), took(cases)) if told)


def _faults(comparison: Comparison) -> Iterator[str]:
    targets = comparison.targets
    yield "### Who answered, when a fault struck"
    yield ""
    yield "| fault | " + " | ".join(code(target.label) for target in targets) + " |"
    yield "|---|" + "---|" * len(targets)
    for line in comparison.faults:
        if line.different or line.failed:
            case = f"{line.row}[{line.case}]" if line.case else line.row
            cells = [_came_to(cell) for cell in line.cells]
            yield f"| {code(', '.join(line.faults))} in {code(case)} | {' | '.join(cells)} |"
    yield ""


def _came_to(cell: FaultCell | None) -> str:
    if cell is None:
        return "-"
    who = f"{code(cell.answered_by)} answered" if cell.answered_by else named(cell.outcome)
    after = "never" if cell.seconds is None else f"after {seconds(cell.seconds)}"
    attempts = ", ".join(f"{number} \u00d7 {code(name)}" for name, number in cell.attempts.items()) or "no attempt"
    return f"{who}, {after}, {attempts}, {dollars(cell.microdollars)}"
