from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from brownout.harness.cli import main
from brownout.reports.comparison import schema

TARGET = """
name = "NAME"
[start]
env = { OPENAI_BASE_URL = "{primary.url}", OPENAI_API_KEY = "{primary.key}" }
[call.python]
callable = "CALLABLE"
[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"
"""
NAIVE = "brownout.scenarios.targets.naive:complete"
CAREFUL = "brownout.scenarios.targets.openai_sdk:complete"
SLOW = '''
"""A row that takes its time."""

from brownout import MUST, expect, scenario

@scenario("slow.one", MUST, seconds=60)
async def one(stage):
    """A minute passes."""
    call = await stage.call()
    open("waiting", "w").close()
    await stage.sleep(60)
    expect(call).answered()
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a careless target, a careful one, and one that does not start."""
    for name, function in (("naive", NAIVE), ("careful", CAREFUL), ("broken", "no_such_module:complete")):
        (tmp_path / f"{name}.toml").write_text(TARGET.replace("NAME", name).replace("CALLABLE", function))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def brownout(*words: str) -> Result:
    """What a command says, and how it ends."""
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def compared(folder: Path) -> dict[str, object]:
    """What compare.json says, which follows its schema."""
    found = json.loads((folder / "brownout-compare" / "compare.json").read_text())
    jsonschema.validate(found, schema())
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
class TestRuns:
    def test_targets_stand_side_by_side(self, folder: Path) -> None:
        """
        Two targets are run, each leaves its own report, and a gate that does not hold ends the comparison with 1.
        """
        result = brownout("compare", "naive.toml", "careful.toml", "--", "retry.recovers")

        assert 1 == result.exit_code, result.output
        assert ["seed", "report"] == [line.split()[0] for line in result.stdout.splitlines()[-2:]]
        assert {"compare.html", "compare.md", "compare.json", "naive", "careful"} == {
            path.name for path in (folder / "brownout-compare").iterdir()
        }
        assert (folder / "brownout-compare" / "naive" / "report.html").is_file()
        rows = {row["id"]: row for row in compared(folder)["rows"]}  # type: ignore[attr-defined]
        assert ["fail", "pass"] == [cell["verdict"] for cell in rows["retry.recovers"]["cells"]]

    def test_saved_results_are_compared_without_a_run(self, folder: Path) -> None:
        """
        Results of two runs of one target, in folders or as files, are told apart by where they are.
        """
        for place in ("old", "new"):
            assert 0 == brownout("run", "careful.toml", "control.answers", "--report-dir", place).exit_code
        (folder / "new" / "report.html").unlink()

        result = brownout("compare", "old", "new/results.json")

        assert 0 == result.exit_code, result.output
        targets = compared(folder)["targets"]
        assert ["careful (old/results.json)", "careful (new/results.json)"] == [
            target["label"]
            for target in targets  # type: ignore[attr-defined]
        ]
        addresses = [target["report"] for target in targets]  # type: ignore[attr-defined]
        assert "../old/report.html" == addresses[0]
        assert all((folder / "brownout-compare" / address).is_file() for address in addresses)

    def test_one_that_does_not_start_spoils_no_other(self, folder: Path) -> None:
        """
        The comparison has the others, says why one is missing, and ends with 4.
        """
        result = brownout("compare", "broken.toml", "careful.toml", "--", "control.answers")

        assert 4 == result.exit_code
        broken, careful = compared(folder)["targets"]  # type: ignore[misc]
        assert "no_such_module" in broken["not_run"]
        assert 1 == careful["verdicts"]["pass"]
        assert "broken: not run:" in result.stdout

    def test_an_interrupted_comparison_shows_what_finished(self, folder: Path) -> None:
        """
        Ctrl-C ends it with 130; the page has what had finished and says what had not begun.
        """
        (folder / "slow.py").write_text(SLOW)
        process = subprocess.Popen(  # noqa: S603  # our own command
            [
                *(sys.executable, "-m", "brownout.harness.cli", "compare", "careful.toml", "naive.toml"),
                *("--scenarios", "slow.py", "--", "slow"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            while not (folder / "waiting").exists():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
                    raise AssertionError(process.communicate())
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

        assert 130 == process.returncode
        assert b"The comparison was interrupted." in out
        first, second = compared(folder)["targets"]  # type: ignore[misc]
        assert first["interrupted"]
        assert "the comparison was interrupted before its turn" == second["not_run"]


class TestUsage:
    def test_one_target_is_nothing_to_compare(self) -> None:
        """
        A single target is an error of usage that says where rows stand.
        """
        result = brownout("compare", "naive.toml")

        assert 2 == result.exit_code
        assert "rows stand behind `--`" in result.stderr

    def test_what_is_wrong_is_told_before_anything_runs(self, folder: Path) -> None:
        """
        Unknown rows end with 5, unknown targets and files that are no results with 2, and nothing is written.
        """
        (folder / "no.json").write_text("{}")

        codes = [
            brownout("compare", "naive.toml", "careful.toml", "--", "no.such-row").exit_code,
            brownout("compare", "naive.toml", "no-such-target").exit_code,
            brownout("compare", "naive.toml", "no.json").exit_code,
            brownout("compare", "naive.toml", "missing.json").exit_code,
        ]

        assert [5, 2, 2, 2] == codes
        assert not (folder / "brownout-compare").exists()

    def test_a_name_that_ships_is_no_folder(self, folder: Path) -> None:
        """
        A folder of reports that is called like a target that ships does not stand in for it.
        """
        (folder / "naive").mkdir()
        (folder / "naive" / "results.json").write_text("{}")

        assert 5 == brownout("compare", "naive", "careful.toml", "--", "no.such-row").exit_code

    def test_the_schema_is_published(self) -> None:
        """
        The schema of compare.json is printed.
        """
        assert schema() == json.loads(brownout("schema", "compare").stdout)

    def test_help_says_where_rows_stand(self) -> None:
        """
        The usage line has the rows behind `--`.
        """
        assert "TARGET... [-- ROW...]" in brownout("compare", "--help").stdout
