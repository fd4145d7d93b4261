"""What targets write as they end is judged as what they have written before."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from programs import PROGRAMS

from brownout.harness import scenario
from brownout.harness.engine import Engine, Plan
from brownout.harness.history import History, load
from brownout.harness.loop import run
from brownout.harness.target_file import read
from brownout.reports.results import Results

pytestmark = pytest.mark.slow

PROGRAM = json.dumps([sys.executable, str(PROGRAMS / "last_words.py")])[1:-1]
CALLS = {
    "http": f"""
[call.http]
url = "http://127.0.0.1:{{port}}/"
[start]
command = [{PROGRAM}, "service", "{{port}}"]
ready = {{ port = true }}""",
    "command": f"""
[call.command]
command = [{PROGRAM}, "command"]
[start]""",
    "python": f"""
[call.python]
callable = "last_words:complete"
path = [{json.dumps(str(PROGRAMS))}]
[start]""",
}
FILE = """
logs = ["{{workdir}}/own.log"]
env = {{ URL = "{{primary.url}}", KEY = "{{primary.key}}", LOG = "{{workdir}}/own.log", MODE = "{mode}" }}
[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"
[contract]
deadline = "20s"
[contract.pii]
types = ["email", "phone"]
"""
ROWS = ("keys.not-logged", "pii.logs")


def judged(folder: Path, call: str, mode: str) -> tuple[Results, dict[str, History]]:
    """What rows about logs say of a target in fair weather, and what they go by."""
    (folder / "target.toml").write_text(f'name = "last-words"\n{CALLS[call]}\n{FILE.format(mode=mode)}', "utf-8")
    rows = [scenario.load()[name] for name in (*ROWS, "control.alive-after")]
    plan = Plan(read(folder / "target.toml"), "last-words", tuple(rows), case="fair", report_dir=folder, clock="auto")
    results = run(Engine(plan).run())
    return results, {row.id: load(folder / row.cases[0].history) for row in results.results if row.cases}


def verdicts(results: Results) -> list[str]:
    """What is said of the rows, in their order."""
    return [row.verdict for name in ROWS for row in results.results if row.id == name]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("mode", "verdict"), [("prints", "fail"), ("polite", "pass")])
def test_a_key_that_is_printed_at_exit_is_judged(tmp_path: Path, call: str, mode: str, verdict: str) -> None:
    """
    What is registered for the exit is heard: a key is held against the target, and a goodbye is not.
    """
    results, histories = judged(tmp_path, call, mode)

    assert [verdict, "pass"] == verdicts(results)
    assert [] == results.notes
    assert mode == "prints" or "goodbye" in [line.text for line in histories["keys.not-logged"].logs]


@pytest.mark.parametrize("call", CALLS)
def test_a_log_that_is_written_on_term_is_judged(tmp_path: Path, call: str) -> None:
    """
    A log file that is empty until the end is read then; the history marks where keys and personal data stood in it.
    """
    results, histories = judged(tmp_path, call, "buffered")
    written = [line.text for line in histories["pii.logs"].logs if line.source.endswith("own.log")]

    assert ["fail", "fail"] == verdicts(results)
    assert written
    assert all(re.search(r"\[bo:\w{6}\].*<pii:\w+:v\d+>.* with <[0-9a-f]{12}>$", line) for line in written), written
    assert not [line for line in written if "@" in line]


def test_who_is_killed_has_said_nothing(tmp_path: Path) -> None:
    """
    A target that ignores TERM writes nothing as it ends, and is not accused of what it might have written.
    """
    results, histories = judged(tmp_path, "http", "deaf")

    assert ["pass", "pass"] == verdicts(results)
    assert "ignored_term" in [event.what for event in histories["keys.not-logged"].events]
    assert ["did not end in time" in note for note in results.notes] == [True]
