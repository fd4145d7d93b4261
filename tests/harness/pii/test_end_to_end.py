from __future__ import annotations

import sys
from pathlib import Path

import pytest
from programs import PROGRAMS, start

from brownout.harness import history as saved
from brownout.harness import scenario
from brownout.harness.contract import Contract, Pii
from brownout.harness.engine import Engine, Plan
from brownout.harness.pii.drawing import DRAWN, LOCALES
from brownout.harness.pii.finder import Finder
from brownout.harness.pii.people import people
from brownout.harness.target_file import Calling, Provider, PythonCall, TargetFile
from brownout.harness.verdict import judge
from brownout.reports import console, write

TYPES = ("email", "phone", "card", "iban", "name", "password", "address", "date_of_birth")
ROWS = ("control.answers", "pii.stream", "pii.logs", "pii.caller-errors")
SEED = 3


def texts(folder: Path) -> dict[str, str]:
    """Every file that a run has left."""
    return {path.name: path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
async def test_nothing_that_was_planted_is_written_anywhere(tmp_path: Path) -> None:
    """
    A target that lets out everything fails for it, and no history, report or line of the console holds a value; judged
    again, each history has the verdict that it had.
    """
    calling = Calling(python=PythonCall("leaks:complete", sys.executable, (str(PROGRAMS),)))
    file = TargetFile(
        "leaks",
        calling,
        {"primary": Provider("openai", "gpt-4o-mini")},
        start=start(env={"URL": "{primary.url}", "KEY": "{primary.key}"}),
        contract=Contract(deadline=10.0, pii=Pii(TYPES)),
    )
    rows = tuple(row for row in scenario.load().values() if row.id in ROWS)

    results = await Engine(Plan(file, "leaks", rows, seed=SEED, case="500", report_dir=tmp_path)).run()
    written = write.files(results, tmp_path, ("html", "junit", "md", "json"))

    verdicts = {row.id: row.verdict for row in results.results}
    shown = texts(tmp_path)
    shown["console"] = console.render(results)
    values = [value for person in people(len(LOCALES), LOCALES, TYPES, str(SEED)) for value in person.values]
    finder = Finder(values)
    assert {"pii.logs": "fail", "pii.caller-errors": "fail"} == {
        row: verdict for row, verdict in verdicts.items() if row in {"pii.logs", "pii.caller-errors"}
    }
    assert len(written) + 2 <= len(shown)
    assert {} == {name: len(list(finder.find(text))) for name, text in shown.items() if any(finder.find(text))}
    assert all(
        case.verdict == judge(saved.load(tmp_path / case.history)).verdict
        for row in results.results
        for case in row.cases
        if case.history
    )
    assert any("<pii:email:" in text for text in shown.values())
    assert set(TYPES) <= set(DRAWN)
