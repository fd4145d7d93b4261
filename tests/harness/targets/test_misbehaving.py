"""Targets that misbehave, run as users run them: a clear result, nothing left running, and the run comes to its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from brownout.reports.results import Results, load

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parent / "programs" / "misbehaving.py"
TARGET = """
name = "misbehaving"
[start]
env = {{ URL = "{{primary.url}}", KEY = "{{primary.key}}", MARK = "{mark}" }}
[call.command]
command = ["{python}", "{program}", "{mode}"]
[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"
[contract]
deadline = 20
[contract.stream]
"""
ROWS = ("control.answers", "stream.whole", "keys.not-logged")


def ran(folder: Path, mode: str) -> tuple[Results, str]:
    """A run of a few rows against a target that misbehaves in one way, and what it says."""
    path = folder / "target.toml"
    path.write_text(TARGET.format(mark=folder, python=sys.executable, program=PROGRAM, mode=mode))
    command = [sys.executable, "-m", "brownout.harness.cli", "run", str(path), *ROWS, "--clock", "real"]
    done = subprocess.run(  # noqa: S603  # our own command
        command, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
    assert (folder / "brownout-report" / "results.json").exists(), done.stderr
    return load(folder / "brownout-report" / "results.json"), done.stdout


def left(folder: Path) -> list[str]:
    """Every process that was started for the target and is still there, detached ones too."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={folder}".encode() in (place / "environ").read_bytes().split(b"\0"):
                found.append((place / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def verdicts(results: Results) -> dict[str, str]:
    """Every row's."""
    return {row.id: row.verdict for row in results.results}


@pytest.mark.parametrize(
    ("mode", "row", "verdict", "reason", "note"),
    [
        ("twice", "stream.whole", "fail", "2 ends; promised: one", "ended a call that it had ended"),
        ("nobody", "stream.whole", "pass", "", "answered a call that nobody had made"),
        ("closes-stdout", "control.answers", "fail", "closed its standard output", "closed its standard output"),
        ("dies", "control.answers", "fail", "the target has ended: exit code 3", "died"),
        ("ignores-term", "stream.whole", "pass", "", "did not end in time after TERM"),
        ("detaches", "stream.whole", "pass", "", "left processes behind"),
        (
            "floods",
            "keys.not-logged",
            "inconclusive",
            "stdout had more to say than is kept",
            "wrote more than is kept",
        ),
    ],
)
def test_it_is_told_and_survived(tmp_path: Path, mode: str, row: str, verdict: str, reason: str, note: str) -> None:
    """
    The row that it concerns says what happened, the run says how the target behaved, and no process is left of it.
    """
    results, said = ran(tmp_path, mode)
    told = {one.id: one for one in results.results}

    assert verdict == told[row].verdict, said
    assert reason in told[row].reason
    assert [one for one in results.notes if note in one], results.notes
    assert note in said
    assert set(ROWS) == set(told)
    assert [] == left(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 64_000_000
