"""Markdown, usable as a GitHub step summary, a comment or a chat message.

Whatever came over a wire stands in a code span, where nothing can become a link, a mention, a tag or a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import changes, recall
from .fixes import Fix, fixes
from .results import LoadResult, Results, Since
from .wording import (
    ORDER,
    SYMBOLS,
    WORDS,
    count,
    counts,
    dollars,
    families,
    gate_sentence,
    gate_verdict,
    one_line,
    seconds,
)

MOST_FIXES = 10
MARKS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "not_applicable": "⚪"}


def render(results: Results, report: str | None = None) -> str:
    """The run: the verdict, what to fix first, the counts by family. `report` is where the HTML report can be read."""
    return "\n".join(_lines(results, report)).rstrip("\n") + "\n"


def _lines(results: Results, report: str | None) -> Iterator[str]:
    verdict = gate_verdict(results)
    version = f" {results.target.version}" if results.target.version else ""
    yield f"## {MARKS[verdict]} {WORDS[verdict].capitalize()}: {code(results.target.name + version)}"
    yield ""
    yield gate_sentence(results)
    yield ""
    found = fixes(results)
    if found:
        yield "### What to fix first"
        yield ""
        for number, fix in enumerate(found[:MOST_FIXES], 1):
            yield from _fix(number, fix, report)
        if len(found) > MOST_FIXES:
            yield f"… and {count(len(found) - MOST_FIXES, 'more failed row')}."
        yield ""
    if results.since is not None:
        yield from _since(results.since)
    if results.notes:
        yield "### Also"
        yield ""
        yield from (f"- {code(note)}" for note in results.notes)
        yield ""
    if (found_table := recall.telling(results)) is not None:
        yield from _recall(found_table)
    if results.load is not None:
        yield from _load(results.load)
    yield from _families(results)
    yield from _doubts(results)
    yield f"Seed {results.seed}, {seconds(results.wall_seconds)}, brownout {code(results.brownout)}."
    yield ""
    if results.repeat:
        yield fence(results.repeat)
    if report:
        yield f"[The whole report, with the proof](<{_target(report)}>)"


def _fix(number: int, fix: Fix, report: str | None) -> Iterator[str]:
    name = f"[{code(fix.row.id)}](<{_target(report)}#{fix.anchor}>)" if report else code(fix.row.id)
    cases = f", {fix.broken} of {count(fix.judged, 'case')}" if fix.judged > 1 else ""
    promised = f", promised {code(fix.promised)}" if fix.promised else ""
    yield f"{number}. **{name}** ({fix.row.level}{cases}; {fix.costs}): {escape(fix.row.title)}"
    yield f"   Seen {code(fix.seen)}{promised}."
    yield f"   Repeat: {code(fix.case.repeat)}"


def _since(found: Since) -> Iterator[str]:
    yield "### What has changed"
    yield ""
    yield escape(changes.sentence(found))
    yield ""
    for verdict, word, change in changes.told(found, MOST_FIXES):
        if change is None:
            yield f"- {MARKS[verdict]} {word}"
        else:
            reason = f": {code(change.reason)}" if change.reason else ""
            yield f"- {MARKS[verdict]} {word}: {code(changes.label(change))} ({change.level}){reason}"
    yield ""


def _recall(found: recall.Table) -> Iterator[str]:
    yield f"Personal data in {code(found.row)}: {found.sentence}."
    yield ""
    yield "| " + " | ".join(map(escape, found.head)) + " |"
    yield "|---|" + "--:|" * (len(found.head) - 1)
    for line in found.lines:
        yield "| " + " | ".join(map(escape, line)) + " |"
    yield ""


def _load(load: LoadResult) -> Iterator[str]:
    """The figures of a load run; the curves are in the page."""
    each = f", {load.exchanges / load.calls:.2f} requests for each" if load.calls else ""
    about = f"{count(load.calls, 'call')}{each}, {load.errors:,} failed, {dollars(load.microdollars)} billed"
    yield f"Profile {code(load.profile)}, {count(load.users, 'user')} for {seconds(load.seconds)}: {about}."
    yield ""
    yield "| | number | p50 | p95 | p99 |"
    yield "|---|--:|--:|--:|--:|"
    for name, latency in load.latency.items():
        figures = (latency.p50, latency.p95, latency.p99)
        if latency.count:
            told = " | ".join("" if figure is None else seconds(figure) for figure in figures)
            yield f"| {name} | {latency.count:,} | {told} |"
    yield ""


def _families(results: Results) -> Iterator[str]:
    yield "| family | " + " | ".join(f"{MARKS[name]} {WORDS[name]}" for name in ORDER) + " |"
    yield "|---|" + "--:|" * len(ORDER)
    for name, rows in families(results).items():
        numbers = (sum(row.verdict == verdict for row in rows) for verdict in ORDER)
        yield f"| {code(name)} | " + " | ".join(str(number or "") for number in numbers) + " |"
    yield "| **all** | " + " | ".join(f"**{number}**" for number in counts(results).values()) + " |"
    yield ""


def _doubts(results: Results) -> Iterator[str]:
    doubtful = [row for row in results.results if row.verdict == "inconclusive"]
    if doubtful:
        yield f"<details><summary>{SYMBOLS['inconclusive']} {count(len(doubtful), 'row')} inconclusive</summary>"
        yield ""
        for row in doubtful:
            yield f"- {code(row.id)} ({row.level}): {code(row.reason)}"
        yield ""
        yield "</details>"
        yield ""


def code(text: str) -> str:
    """A code span; the fence is longer than any run of backticks in the text."""
    shown = one_line(text) or " "
    # A pipe ends a table cell even inside a code span; GitHub shows the look-alike as it stands.
    shown = shown.replace("|", "\u2758")
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    ticks, gap = "`" * (longest + 1), " " if longest else ""
    return f"{ticks}{gap}{shown}{gap}{ticks}"


def fence(text: str) -> str:
    """A block of code, of one line."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}sh\n{one_line(text, 2000)}\n{ticks}"


def escape(text: str) -> str:
    """Text in which nothing is Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>()#+\-!|~@&])", r"\\\1", one_line(text))


def _target(report: str) -> str:
    return one_line(report, 2000).replace("<", "%3C").replace(">", "%3E").replace(" ", "%20")
