"""Workflow commands: what GitHub Actions shows as annotations on the page of a run."""

from __future__ import annotations

from collections.abc import Iterator

from . import changes
from .fixes import fixes
from .results import Results
from .wording import SYMBOLS, breaks, gate_sentence, gate_verdict, one_line

MOST = 10
"""GitHub shows ten annotations of a kind and drops the rest."""


def render(results: Results) -> str:
    """The verdict, what has changed, an error for each failed row that breaks the gate, a warning for each other."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    found = fixes(results)
    verdict = gate_verdict(results)
    level = {"pass": "notice", "fail": "error"}.get(verdict, "warning")
    yield _command(level, f"brownout {results.target.name}", f"{SYMBOLS[verdict]} {gate_sentence(results)}")
    if results.since is not None:
        named = ", ".join(changes.label(one) for one in changes.fixed(results.since))
        text = changes.sentence(results.since) + (f" Fixed: {named}." if named else "")
        yield _command("notice", f"brownout {results.target.name} compared", text)
    for note in results.notes[: MOST - 2]:
        yield _command("notice", "brownout", note)
    new = {one.row for one in changes.newly_broken(results.since)}
    for fix in [f for f in found if f.gated][: MOST - 1] + [f for f in found if not f.gated][: MOST - 1]:
        promised = f"; promised: {fix.promised}" if fix.promised else ""
        text = f"{fix.row.title} Seen: {fix.seen}{promised}. Repeat: {fix.case.repeat}"
        name = f"{fix.row.id} (newly broken)" if fix.row.id in new else fix.row.id
        yield _command("error" if fix.gated else "warning", name, text)
    doubtful = [row for row in results.results if row.verdict == "inconclusive"]
    for row in [row for row in doubtful if breaks(results, row)][: MOST - 1]:
        yield _command("warning", row.id, f"could not be judged: {row.reason}")


def _command(level: str, title: str, text: str) -> str:
    name = one_line(title).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={name}::{one_line(text, 900).replace('%', '%25')}"
