from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from programs import PROGRAMS, alive, until

from brownout.harness.targets.keeper import descendants

PYTHON = """
name = "naive"

[start]
env = {{ OPENAI_BASE_URL = "{{primary.url}}", OPENAI_API_KEY = "{{primary.key}}" }}

[call.python]
callable = "brownout.scenarios.targets.naive:complete"

[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"

[contract]
deadline = 60
"""
FILE = """
name = "fragile"

[start]
env = {{ URL = "{{primary.url}}", KEY = "{{primary.key}}" }}
{start}

[call.command]
command = [{python}, {program}]

[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"

[contract]
deadline = 60
"""


def target_file(folder: Path, program: str = "fragile.py", start: str = "", form: str = FILE) -> Path:
    """A target file for a program."""
    words = {"python": json.dumps(sys.executable), "program": json.dumps(str(PROGRAMS / program))}
    path = folder / "target.toml"
    path.write_text(form.format(start=start, **words), "utf-8")
    return path


def brownout(folder: Path, *words: str, **options: Any) -> subprocess.Popen[bytes]:
    """The command line in a folder, which has the temporary files too."""
    command = [sys.executable, "-c", "from brownout.harness.cli import main; main()", *words]
    env = {**os.environ, "TMPDIR": str(folder), "NO_COLOR": "1"}
    return subprocess.Popen(command, cwd=folder, env=env, **options)  # noqa: S603


def left(folder: Path) -> list[str]:
    """Working folders of targets that are still there."""
    return [
        path.name for path in folder.iterdir() if path.name.startswith("brownout-") and path.name != "brownout-report"
    ]


class TestRun:
    @pytest.mark.slow
    @pytest.mark.parametrize("start", ["", 'fresh = "run"'], ids=["scenario", "run"])
    async def test_a_target_that_dies_fails_its_rows_and_the_run_goes_on(self, tmp_path: Path, start: str) -> None:
        """
        Each case says that the target has ended, nothing is left running, and the run comes to its end.
        """
        path = target_file(tmp_path, start=start)

        run = brownout(tmp_path, "run", str(path), "control", "retry.recovers", "--case", "503", stdout=subprocess.PIPE)
        await asyncio.to_thread(run.communicate)

        results = json.loads((tmp_path / "brownout-report" / "results.json").read_text("utf-8"))
        rows = {row["id"]: row for row in results["results"]}
        assert run.returncode == 1
        assert rows["control.answers"]["verdict"] == "pass"
        assert results["target"]["version"] == "1.4.2"
        assert results["environment"]["target"] == "fragile-gateway 1.4.2"
        assert [case["verdict"] for case in rows["retry.recovers"]["cases"]] == ["fail"]
        assert "the target has ended: exit code 1" in rows["retry.recovers"]["reason"]
        assert "died" in rows["control.alive-after"]["reason"]
        assert left(tmp_path) == []

    @pytest.mark.slow
    async def test_what_the_target_left_behind_is_in_the_history(self, tmp_path: Path) -> None:
        """
        A process that the target detached is ended with it, and the history says so.
        """
        run = brownout(tmp_path, "run", str(target_file(tmp_path)), "control.answers", stdout=subprocess.PIPE)
        await asyncio.to_thread(run.communicate)

        lines = (
            (tmp_path / "brownout-report" / "histories" / "control.answers.plain.jsonl").read_text("utf-8").splitlines()
        )
        assert run.returncode == 0
        assert "left_processes" in [json.loads(line).get("what") for line in lines]

    async def test_a_target_that_does_not_start_is_exit_code_4(self, tmp_path: Path) -> None:
        """
        The last lines of the target are on stderr, and the exit code says that nothing could be run.
        """
        run = brownout(
            tmp_path, "run", str(target_file(tmp_path, "broken.py")), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        _, told = await asyncio.to_thread(run.communicate)

        assert run.returncode == 4
        assert b"exit code 1" in told
        assert b"RuntimeError: this module is broken" in told
        assert left(tmp_path) == []

    @pytest.mark.slow
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
    @pytest.mark.parametrize("form", [FILE, PYTHON], ids=["command", "python"])
    async def test_an_interrupted_run_leaves_nothing(self, tmp_path: Path, number: signal.Signals, form: str) -> None:
        """
        Ctrl-C, TERM and kill -9 of the harness end every target that runs, and remove its folder.
        """
        path = target_file(tmp_path, form=form)
        run = brownout(tmp_path, "run", str(path), "timeout.hang-before-headers", stdout=subprocess.DEVNULL)
        # A keeper, the target, and what it has detached; or a keeper, the worker, a keeper and the target.
        found = await until(lambda: len(below := descendants(run.pid)) >= (3 if form is FILE else 4) and below, 30.0)

        run.send_signal(number)
        await asyncio.to_thread(run.wait)

        await until(lambda: not any(alive(pid) for pid in found))
        await until(lambda: not left(tmp_path))
        assert run.returncode in {130, -number}
