"""The report on a terminal: live progress, and at the end what to fix first."""

from __future__ import annotations

from collections import Counter
from io import StringIO
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from . import changes, recall
from .fixes import Fix, fixes, groups
from .results import Results, RowResult, Since, VerdictName
from .wording import (
    ORDER,
    SYMBOLS,
    WORDS,
    case_label,
    count,
    counts,
    families,
    gate_sentence,
    gate_verdict,
    one_line,
    seconds,
    visible,
)

COLOURS: dict[VerdictName, str] = {"pass": "green", "fail": "red", "inconclusive": "yellow", "not_applicable": "dim"}
MOST_ALIKE = 3
"""Broken promises that are told of each kind."""
MOST_DOUBTS = 7
MOST_CHANGES = 10
"""Changes since an earlier run that are told of each kind."""


def render(results: Results, *, colour: bool = False, width: int = 100, report: str | None = None) -> str:
    """The end of a run: what to fix first, the counts, and last the seed, the verdict and where the report is."""
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    console.print(Group(*_parts(results, report)), crop=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _parts(results: Results, report: str | None) -> list[RenderableType]:
    parts: list[RenderableType] = []
    found = fixes(results)
    if found:
        parts += [Text("What to fix first", "bold"), Text("")]
        for costs, gated, members in groups(found):
            asked = "" if gated else ", which the gate lets pass"
            head = _mark("fail", f"{SYMBOLS['fail']} {costs.capitalize()}")
            parts.append(head.append(f"  {count(len(members), 'broken promise')}{asked}", "dim"))
            parts += [_fix(found.index(fix) + 1, fix) for fix in members[:MOST_ALIKE]]
            if len(members) > MOST_ALIKE:
                parts.append(Text(f"    … and {len(members) - MOST_ALIKE} more of these in the report", "dim"))
            parts.append(Text(""))
    if (found_table := recall.telling(results)) is not None:
        parts += [_recall(found_table), Text("")]
    if results.since is not None:
        parts += [_since(results.since), Text("")]
    if results.notes:
        parts += [Text("Also", "bold"), *(Text(f" {visible(note)}") for note in results.notes), Text("")]
    parts += [_families(results), Text("")]
    doubtful = [row for row in results.results if row.verdict == "inconclusive"]
    if doubtful:
        parts += [_doubts(doubtful), Text("")]
    return [*parts, *_last(results, report)]


def _last(results: Results, report: str | None) -> list[Text]:
    verdict = gate_verdict(results)
    lines: list[Text] = []
    if results.repeat:
        lines.append(Text(f"repeat   {one_line(results.repeat, 2000)}"))
    lines.append(Text(f"seed     {results.seed}"))
    took = Text(f" ({seconds(results.wall_seconds)})", "dim")
    lines.append(
        _mark(verdict, f"verdict  {SYMBOLS[verdict]} {WORDS[verdict].upper()}  {gate_sentence(results)}") + took
    )
    if report:
        lines.append(Text(f"report   {one_line(report, 2000)}"))
    for line in lines:  # each is one line, for whoever copies it or reads the last three
        line.no_wrap, line.overflow = True, "ignore"
    return lines


def _fix(number: int, fix: Fix) -> RenderableType:
    cases = f", {fix.broken} of {count(fix.judged, 'case')}" if fix.judged > 1 else ""
    head = Text.assemble((f"{number:2}. {one_line(fix.row.id)}", "bold"), (f"  {fix.row.level}{cases}", "dim"))
    promised = f"; promised: {one_line(fix.promised)}" if fix.promised else ""
    where = f" ({one_line(fix.case.case, 60)})" if fix.case.case else ""
    body = Group(
        Text(one_line(fix.row.title)),
        Text.assemble(("saw ", "dim"), one_line(fix.seen) + promised + where),
        Text(one_line(fix.case.repeat, 2000), "cyan"),
    )
    return Group(head, Padding(body, (0, 0, 0, 4)))


def _families(results: Results) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("rows of")
    for name in ORDER:
        table.add_column(f"{SYMBOLS[name]} {WORDS[name]}", justify="right", no_wrap=True)
    for about, rows in families(results).items():
        found = Counter(row.verdict for row in rows)
        table.add_row(one_line(about), *(_mark(v, str(found[v])) if found[v] else Text("") for v in ORDER))
    table.add_row("all", *(_mark(v, str(number)) for v, number in counts(results).items()), style="bold")
    return table


def _recall(found: recall.Table) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for number, name in enumerate(found.head):
        table.add_column(one_line(name, 40), justify="right" if number else "left", no_wrap=True)
    for line in found.lines:
        table.add_row(*(Text(one_line(cell, 40), "red" if recall.less(cell) else "") for cell in line))
    title = Text.assemble((f"Personal data in {one_line(found.row)}", "bold"), (f"  {found.sentence}", "dim"))
    return Group(title, Padding(table, (0, 0, 0, 4)))


def _since(found: Since) -> RenderableType:
    lines: list[RenderableType] = [Text(one_line(changes.sentence(found)), "bold")]
    for verdict, word, change in changes.told(found, MOST_CHANGES):
        line = _mark(verdict, f" {SYMBOLS[verdict]} {word}")
        if change is not None:
            reason = f": {one_line(change.reason)}" if change.reason else ""
            line += Text(f"  {one_line(changes.label(change))}") + Text(f"  {change.level}{reason}", "dim")
        lines.append(line)
    return Group(*lines)


def _doubts(rows: list[RowResult]) -> RenderableType:
    lines: list[RenderableType] = [Text("What could not be judged", "bold")]
    alike: dict[str, list[RowResult]] = {}
    for row in rows:
        alike.setdefault(row.reason, []).append(row)
    groups = list(alike.values())
    for first, *others in groups[:MOST_DOUBTS]:
        mark = _mark("inconclusive", f" {SYMBOLS['inconclusive']} {one_line(first.id)}")
        lines.append(mark + Text(f"  {first.level}: {one_line(first.reason)}"))
        if others:
            lines.append(Text(f"   and for the same reason {', '.join(one_line(row.id) for row in others)}"))
    if left := sum(map(len, groups[MOST_DOUBTS:])):
        lines.append(Text(f"   … and {count(left, 'more row')}", "dim"))
    return Group(*lines)


def _mark(verdict: VerdictName, text: str) -> Text:
    return Text(text, COLOURS[verdict])


class Live:
    """Progress while a run is under way; drawn on a terminal only, and silent elsewhere.

    What fails is written as it happens; with `verbose` so is everything else.
    """

    def __init__(self, file: TextIO, *, verbose: bool = False, colour: bool | None = None) -> None:
        self._console = Console(file=file, highlight=False, markup=False, emoji=False, no_color=_no_colour(colour))
        self._verbose = verbose
        self._found: Counter[VerdictName] = Counter()
        self._progress = Progress(
            BarColumn(30, complete_style="default", finished_style="default"),
            TextColumn("{task.completed}/{task.total} cases", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            refresh_per_second=4,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was, without the bar."""
        self._progress.stop()

    def update(
        self, row: str, case: str, verdict: VerdictName, reason: str, *, done: int, total: int, running: int
    ) -> None:
        """One case has ended."""
        if not self._console.is_terminal:
            return
        self._found[verdict] += 1
        if self._verbose or verdict in {"fail", "inconclusive"}:
            line = _mark(verdict, f"{SYMBOLS[verdict]} {WORDS[verdict]:<14} {one_line(case_label(row, case))}")
            self._progress.print(line.append(f"  {one_line(reason, 160)}" if reason else "", "default"))
        found = "  ".join(f"{SYMBOLS[v]} {self._found[v]}" for v in ORDER if self._found[v])
        description = f"{found}  ({running} running)"
        if self._task is None:
            self._task = self._progress.add_task(description, total=total)
        self._progress.update(self._task, completed=done, total=total, description=description)


class Counting:
    """Progress of a load run, drawn on a terminal only: how long it has run, and how many calls there were."""

    def __init__(self, file: TextIO, about: str) -> None:
        console = Console(file=file, highlight=False, markup=False, emoji=False)
        columns = (
            BarColumn(30, complete_style="default"),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._about = about
        self._progress = Progress(
            *columns, console=console, refresh_per_second=2, transient=True, disable=not console.is_terminal
        )
        self._task = self._progress.add_task(about, total=None)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()

    def update(self, passed: float, total: float, calls: int) -> None:
        """So many seconds of so many have passed."""
        waiting = "" if passed < total else ", the last calls end"
        description = f"{self._about}: {count(calls, 'call')}{waiting}"
        self._progress.update(self._task, completed=min(passed, total), total=total, description=description)


def _no_colour(colour: bool | None) -> bool | None:
    """None leaves it to `NO_COLOR` and the terminal."""
    return None if colour is None else not colour
