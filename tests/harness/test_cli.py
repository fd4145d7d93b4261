from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from brownout.harness import scenario
from brownout.harness.cli import main
from brownout.harness.commands.init import KINDS, text
from brownout.harness.contract import Contract
from brownout.harness.target_file import read
from brownout.reports.results import load

CALLABLE = """
import json, os, sys, urllib.request

def complete(messages):
    if os.environ.get("BROKEN"):
        raise RuntimeError("broken")
    body = {"model": "gpt-4o-mini", "messages": messages}
    request = urllib.request.Request(os.environ["BASE"] + "/chat/completions", json.dumps(body).encode(), {
        "Authorization": "Bearer " + os.environ["KEY"], "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)["choices"][0]["message"]["content"]
"""
TARGET = """
name = "plain"
version = { command = ["echo", "1.2.3"] }
[start]
env = { BASE = "{primary.url}", KEY = "{primary.key}" }
[call.python]
callable = "plain:complete"
path = ["."]
[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"
[contract]
deadline = 20
[run]
scenarios = ["mine.py"]
report = ["html", "junit", "md"]
"""
MINE = '''
"""Rows of ours."""

from brownout import MUST, SHOULD, expect, first, scenario
from brownout.fakes.faults.replies import ServerError

@scenario("mine.fair", MUST)
async def fair(stage):
    """Fair weather is answered."""
    expect(await stage.call()).answered()

@scenario("mine.retries", MUST, cases={"500": 500, "503": 503})
async def retries(stage, status):
    """A server error is retried."""
    await stage.weather(first(1, ServerError(status)))
    expect(await stage.call()).answered()

@scenario("mine.better", SHOULD)
async def better(stage):
    """A server error should be retried."""
    await stage.weather(first(1, ServerError(500)))
    expect(await stage.call()).answered()

@scenario("mine.nothing", MUST)
async def nothing(stage):
    """Nothing is expected."""

@scenario("mine.claimed", MUST, needs="breaker")
async def claimed(stage):
    """A breaker opens."""
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a target and rows of its own; the catalogue stays as it was."""
    before, modules = dict(scenario.load()), set(sys.modules)
    (tmp_path / "brownout.toml").write_text(TARGET)
    (tmp_path / "plain.py").write_text(CALLABLE)
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_STEP_SUMMARY", "BROWNOUT_TARGET", "BROKEN"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    scenario.REGISTRY.clear()
    scenario.REGISTRY.update(before)
    for name in set(sys.modules) - modules:
        if name.startswith("brownout_scenarios."):
            del sys.modules[name]


def brownout(*words: str, **env: str) -> Result:
    """What a command says, and how it ends."""
    return CliRunner().invoke(main, list(words), env=env, catch_exceptions=False)


def last_lines(result: Result) -> list[str]:
    """The first words of the last three lines."""
    return [line.partition(" ")[0] for line in result.stdout.splitlines()[-3:]]


class TestRun:
    def test_a_gate_that_holds(self, folder: Path) -> None:
        """
        Rows that pass end with 0; seed, verdict and report are the last lines, and the reports are written.
        """
        result = brownout("run", "mine.fair")

        assert 0 == result.exit_code, result.output
        assert ["seed", "verdict", "report"] == last_lines(result)
        assert "" == result.stderr
        assert {"results.json", "report.html", "junit.xml", "report.md", "histories"} == {
            path.name for path in (folder / "brownout-report").iterdir()
        }
        found = load(folder / "brownout-report" / "results.json")
        assert ("plain", "1.2.3") == (found.target.name, found.target.version)
        assert ["control.answers", "mine.fair"] == [row.id for row in found.results]

    def test_a_gate_that_does_not_hold(self, folder: Path) -> None:
        """
        A must that fails ends with 1, names what was seen, and gives the command that runs it again.
        """
        result = brownout("run", "brownout.toml", "mine.retries", "--case", "503", "--seed", "4")

        assert 1 == result.exit_code
        assert "brownout run brownout.toml mine.retries --case 503 --seed 4" in result.stdout
        (row,) = [row for row in load(folder / "brownout-report" / "results.json").results if row.id == "mine.retries"]
        assert ["503"] == [case.case for case in row.cases]

    def test_below_the_gate(self) -> None:
        """
        A should that fails lets the gate hold, unless the gate asks for it.
        """
        assert 0 == brownout("run", "mine.better").exit_code
        assert 1 == brownout("run", "mine.better", "--fail-on", "should").exit_code

    def test_what_cannot_be_judged(self) -> None:
        """
        A must that could not be judged ends with 3 where nothing failed.
        """
        assert 3 == brownout("run", "mine.nothing").exit_code

    def test_a_claim_that_is_missing(self) -> None:
        """
        What is not claimed is not applicable; for production it fails.
        """
        assert 0 == brownout("run", "mine.claimed").exit_code
        assert 1 == brownout("run", "mine.claimed", "--profile", "production").exit_code

    def test_a_target_that_is_broken_is_said_so_first(self) -> None:
        """
        Where not even fair weather is answered, that fails, and of everything else nothing is said.
        """
        result = brownout("run", "mine.retries", "--format", "json", BROKEN="1")

        rows = {row["id"]: row["verdict"] for row in json.loads(result.stdout)["results"]}
        assert {"control.answers": "fail", "mine.retries": "inconclusive"} == rows
        assert 1 == result.exit_code

    def test_a_target_that_does_not_start(self, folder: Path) -> None:
        """
        A target that does not start ends with 4 and its last lines.
        """
        (folder / "plain.py").write_text("raise SystemExit('no configuration')")

        result = brownout("run", "mine.fair")

        assert 4 == result.exit_code
        assert "no configuration" in result.stderr

    def test_formats(self, folder: Path) -> None:
        """
        JSON is the results and nothing else; GitHub gets annotations and a summary, and the last lines stay the last.
        """
        result = brownout("run", "mine.retries", "--case", "500", "--format", "json")
        assert "plain" == json.loads(result.stdout)["target"]["name"]

        summary = folder / "summary.md"
        words = ["run", "mine.retries", "--case", "500", "--format", "github"]
        result = brownout(*words, GITHUB_STEP_SUMMARY=str(summary))
        assert "::error title=mine.retries::" in result.stdout
        assert ["seed", "verdict", "report"] == last_lines(result)
        assert "mine.retries" in summary.read_text()

    def test_a_summary_that_cannot_be_written_changes_no_verdict(self) -> None:
        """
        The annotations, the verdict and the exit code are those of the run.
        """
        result = brownout("run", "mine.fair", "--format", "github", GITHUB_STEP_SUMMARY="/no/such/place")

        assert result.exit_code == 0
        assert "the step summary cannot be written" in result.stderr
        assert ["seed", "verdict", "report"] == last_lines(result)

    def test_a_place_that_is_a_file_is_refused(self) -> None:
        """
        Where no report can be written nothing is run.
        """
        Path("taken").write_text("")

        result = brownout("run", "mine.fair", "--report-dir", "taken")

        assert result.exit_code == 2
        assert "taken is no folder to write to" in result.stderr

    def test_verbose_names_every_case(self) -> None:
        """
        With -v every case is named, the ones that pass too.
        """
        result = brownout("run", "mine.fair", "-v")

        assert ["control.answers[plain]", "mine.fair"] == [
            line.split()[1] for line in result.stdout.splitlines() if line.startswith("pass ")
        ]

    def test_repeated(self, folder: Path) -> None:
        """
        Several runs are one result, each with its histories.
        """
        result = brownout("run", "mine.fair", "--repeat", "2", "--report-dir", "out")

        assert 0 == result.exit_code
        assert ["histories", "histories-2"] == sorted(path.name for path in (folder / "out").glob("his*"))
        assert "--repeat 2" in result.stdout

    def test_precedence(self, folder: Path) -> None:
        """
        The command line wins over the environment, that over the file, that over the default.
        """

        def seed(*words: str, **env: str) -> int:
            result = brownout("run", "mine.fair", "--format", "json", *words, **env)
            found: int = json.loads(result.stdout)["seed"]
            return found

        assert 0 == seed()
        (folder / "brownout.toml").write_text(TARGET + "seed = 1\n")
        assert [1, 2, 3] == [seed(), seed(BROWNOUT_SEED="2"), seed("--seed", "3", BROWNOUT_SEED="2")]

    def test_dry(self, folder: Path) -> None:
        """
        A dry run says what would be run, why something would not, and starts nothing.
        """
        result = brownout("run", "--dry-run", "mine")

        assert 0 == result.exit_code
        assert "mine.claimed  (not applicable: the contract does not claim breaker)" in result.stdout
        assert "would run 6 cases" in result.stdout
        assert not (folder / "brownout-report").exists()

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (["naive", "retry.jiter"], 5, 'did you mean "retry.jitter"?'),
            (["naive", "--level", "must", "retry.budget"], 5, 'is a "must"'),
            (["openai-skd"], 2, 'did you mean "openai-sdk"?'),
            (["gone.toml"], 2, "gone.toml: cannot be read"),
            (["--rate", "0.5"], 2, "0.5"),
            (["--fail-on", "may"], 2, "may"),
            (["--report", "html,pdf"], 2, '"pdf" is none of html'),
            (["--baseline", "gone.toml"], 2, "gone.toml: cannot be read"),
            (["--scenarios", "gone.py"], 2, "there are no scenarios here"),
            (["--jobs", "0"], 2, "0"),
        ],
    )
    def test_wrong_usage(self, words: list[str], code: int, said: str) -> None:
        """
        What was asked for wrongly ends with 2, and what means nothing with 5; both say what would be right.
        """
        result = brownout("run", *words)

        assert code == result.exit_code
        assert said in result.stderr

    def test_a_broken_file_is_told_in_full(self, folder: Path) -> None:
        """
        Everything that is wrong with a target file is told with its line, and the exit code is 2.
        """
        (folder / "brownout.toml").write_text(TARGET.replace("deadline", "deadlin"))

        result = brownout("run")

        assert 2 == result.exit_code
        assert result.stderr == 'brownout.toml:13: unknown key "deadlin" in [contract]\n  did you mean "deadline"?\n'

    def test_a_row_that_needs_the_impossible_is_refused(self, folder: Path) -> None:
        """
        A row that needs a claim which no contract can make is refused, since it would never be judged.
        """
        (folder / "mine.py").write_text(MINE.replace('needs="breaker"', 'needs="braker"'))

        result = brownout("run")

        assert 2 == result.exit_code
        assert 'mine.claimed needs "braker", and no contract can claim that; did you mean "breaker"?' in result.stderr


class TestBaseline:
    def test_a_known_failure_is_excused_until_it_is_fixed(self, folder: Path) -> None:
        """
        An update makes the gate hold; what is fixed after that is told; what is new fails.
        """
        assert 1 == brownout("run", "mine.retries", "--case", "500").exit_code

        updated = brownout("run", "mine.retries", "--case", "500", "--update-baseline")
        assert 0 == updated.exit_code
        assert "known    mine.retries fails, as the baseline says" in updated.stdout
        (entry,) = tomllib.loads((folder / "brownout-baseline.toml").read_text())["known"]
        assert ("mine.retries", "500") == (entry["row"], entry["case"])

        new = brownout("run", "mine.retries", "--baseline", "brownout-baseline.toml")
        assert 1 == new.exit_code

        (folder / "mine.py").write_text(MINE.replace("first(1, ServerError(status))", ""))
        fixed = brownout("run", "mine.retries", "--baseline", "brownout-baseline.toml")
        assert 0 == fixed.exit_code
        assert "fixed    mine.retries[500] passes: take it out of the baseline" in fixed.stdout

    def test_a_broken_baseline_is_told(self, folder: Path) -> None:
        """
        An entry without an owner is told with its line before anything is run.
        """
        (folder / "known.toml").write_text('[[known]]\nrow = "a.b"\nreason = "x"\nexpires = 2027-01-01\nowne = "me"\n')

        result = brownout("run", "--baseline", "known.toml")

        assert 2 == result.exit_code
        assert 'known.toml:5: unknown key "owne"' in result.stderr


class TestDiff:
    def test_what_has_changed_since_an_earlier_run_is_told(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        What is fixed and what is newly broken stands on the terminal, in results.json and in GitHub's step summary.
        """
        summary = folder / "summary.md"
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
        brownout("run", "mine.retries", "--report-dir", "earlier")
        (folder / "mine.py").write_text(MINE.replace("first(1, ServerError(status))", ""))

        fixed = brownout("run", "mine.retries", "--diff", "earlier", "--report-dir", "later", "--format", "github")
        broken = brownout("report", "earlier", "--diff", "later/results.json", "--report-dir", "again")

        assert 0 == fixed.exit_code
        assert "✓ fixed  mine.retries[500]" in fixed.stdout
        assert "Fixed: mine.retries[500], mine.retries[503]." in fixed.stdout
        assert "- ✅ fixed: `mine.retries[500]` (must)" in summary.read_text()
        since = load(folder / "later" / "results.json").since
        assert since is not None
        assert {("fail", "pass")} == {(one.before, one.after) for one in since.changes}
        assert "✗ newly broken  mine.retries[500]" in broken.stdout

    def test_what_is_no_earlier_run_is_told_before_anything_is_run(self, folder: Path) -> None:
        """
        A file that is missing or is something else ends with 2.
        """
        result = brownout("run", "mine.retries", "--diff", "gone")

        assert 2 == result.exit_code
        assert "gone: is no results.json" in result.stderr
        assert not (folder / "brownout-report").exists()


class TestAgain:
    def test_saved_histories_are_judged_as_they_were(self, folder: Path) -> None:
        """
        Judging the histories of a run gives its verdicts again, without a target.
        """
        first = brownout("run", "mine.retries", "mine.fair", "--format", "json")
        (folder / "plain.py").unlink()

        result = brownout("judge", "brownout-report/histories", "--report-dir", "again")

        assert 1 == result.exit_code
        before = {row["id"]: row["verdict"] for row in json.loads(first.stdout)["results"]}
        after = {row.id: row.verdict for row in load(folder / "again" / "results.json").results}
        assert before == after
        assert ["seed", "verdict", "report"] == last_lines(result)
        assert (folder / "again" / "mine.fair.jsonl").is_file()

    def test_reports_are_rendered_again(self, folder: Path) -> None:
        """
        The reports of a saved run can be made again, and others with them.
        """
        brownout("run", "mine.fair", "--report", "junit")
        (folder / "brownout-report" / "junit.xml").unlink()

        result = brownout("report", "brownout-report", "--report", "md,junit")

        assert 0 == result.exit_code
        assert {"junit.xml", "report.md"} <= {path.name for path in (folder / "brownout-report").iterdir()}

    def test_reports_elsewhere_carry_what_they_need(self, folder: Path) -> None:
        """
        The histories of a report come along, so that its tables are the same; where they are lost, that is said.
        """
        brownout("run", "mine.fair")
        before = (folder / "brownout-report" / "report.html").read_text()

        result = brownout("report", "brownout-report", "--report-dir", "elsewhere", "--report", "html")

        assert "" == result.stderr
        assert before == (folder / "elsewhere" / "report.html").read_text()
        assert (folder / "elsewhere" / "histories" / "mine.fair.jsonl").is_file()

        (folder / "brownout-report" / "histories" / "mine.fair.jsonl").unlink()
        lost = brownout("report", "brownout-report", "--report-dir", "third")
        assert 0 == lost.exit_code
        assert "1 histories are not beside brownout-report/results.json" in lost.stderr

    def test_what_is_no_history_and_no_result_is_told(self, folder: Path) -> None:
        """
        A file of something else ends with 2 and says so; a folder without any ends with 5.
        """
        (folder / "x.jsonl").write_text('{"kind":"call"}\n')
        (folder / "results.json").write_text("{}")

        assert (2, True) == _told(brownout("judge", "x.jsonl"), "x.jsonl:1: not a record of a history")
        assert (2, True) == _told(brownout("report", "results.json"), "is no results.json")
        (folder / "empty").mkdir()
        assert (5, True) == _told(brownout("judge", "empty"), "there are no histories here")


class TestLook:
    @pytest.mark.parametrize("what", ["scenarios", "faults", "checks", "dialects", "targets", "profiles"])
    def test_everything_is_listed_with_its_sentence(self, what: str) -> None:
        """
        Each thing there is stands on a line with what it is, and the same is to be had as JSON.
        """
        lines = brownout("list", what).stdout.splitlines()
        listed = json.loads(brownout("list", what, "--format", "json").stdout)

        assert lines
        assert [line.split()[0] for line in lines] == [entry["name"] for entry in listed]
        assert all(entry["about"] for entry in listed)

    def test_everything_can_be_shown(self) -> None:
        """
        Every scenario, fault and check has a page of the manual.
        """
        for what in ("scenarios", "faults", "checks"):
            for entry in json.loads(brownout("list", what, "--format", "json").stdout):
                shown = brownout("show", entry["name"])
                assert 0 == shown.exit_code
                assert len(shown.stdout.splitlines()) > 3

    def test_a_weather_for_nobody_is_refused(self) -> None:
        """
        A rule about a provider that does not stand is refused with those that do.
        """
        Path("weather.toml").write_text('[[rule]]\nwhen = { provider = "nosuch" }\nfault = { cut = {} }\n')

        result = brownout("serve", "naive", "--weather", "weather.toml")

        assert 2 == result.exit_code
        assert 'there is no provider "nosuch"\n  known here: primary' in result.stderr

    def test_rows_that_the_target_file_names_are_shown(self) -> None:
        """
        The rows of the folder's target file need no --scenarios; where that file is broken, what ships is shown.
        """
        shown, listed = brownout("show", "mine.retries"), brownout("list", "scenarios")
        Path("brownout.toml").write_text("nam = 1")

        assert "A server error is retried." in shown.stdout
        assert "mine.retries" in listed.stdout
        assert 0 == brownout("show", "retry.jitter").exit_code

    def test_rows_of_ones_own_are_shown(self) -> None:
        """
        A user's row has a page too, with its cases and the claim it needs.
        """
        shown = brownout("show", "mine.retries", "--scenarios", "mine.py").stdout

        assert "A server error is retried." in shown
        assert "cases    500\n         503\n" in shown
        assert "needs    contract.breaker" in brownout("show", "mine.claimed", "--scenarios", "mine.py").stdout
        assert "Rows of ours." in brownout("show", "mine", "--scenarios", "mine.py").stdout

    def test_a_name_that_is_none_is_told(self) -> None:
        """
        A misspelt name is answered with the nearest right one.
        """
        assert (2, True) == _told(brownout("show", "rate_limitd"), 'did you mean "rate_limited"?')

    def test_schemas(self, folder: Path) -> None:
        """
        Each schema is a good one; the target's takes every file that ships and this one, and refuses a misspelt key.
        """
        made = {what: json.loads(brownout("schema", what).stdout) for what in ("target", "weather", "results")}
        for schema in made.values():
            jsonschema.Draft202012Validator.check_schema(schema)
        target = jsonschema.Draft202012Validator(made["target"])
        files = [*(Path(__file__).parents[2] / "scenarios" / "targets").glob("*.toml"), folder / "brownout.toml"]

        for path in files:
            assert not list(target.iter_errors(tomllib.loads(path.read_text())))
        assert list(target.iter_errors(tomllib.loads(TARGET.replace("deadline", "deadlin"))))
        assert list(target.iter_errors(tomllib.loads(TARGET.replace("deadline = 20", 'deadline = "soon"'))))
        brownout("run", "mine.fair")
        results = json.loads((folder / "brownout-report" / "results.json").read_text())
        assert not list(jsonschema.Draft202012Validator(made["results"]).iter_errors(results))


class TestInit:
    @pytest.mark.parametrize("kind", list(KINDS))
    def test_what_is_written_is_a_good_target_file(self, folder: Path, kind: str) -> None:
        """
        Each kind of file can be read as it stands, whatever the name is.
        """
        result = brownout("init", "new.toml", "--kind", kind, "--name", 'our "llm" \\ app')

        assert 0 == result.exit_code
        file = read(folder / "new.toml")
        assert 'our "llm" \\ app' == file.name
        assert getattr(file.call, kind) is not None

    def test_what_is_commented_out_is_good_too(self, folder: Path) -> None:
        """
        With every comment that is a key or a table taken in, the file can still be read.
        """
        lines = []
        for line in text("all", "python").splitlines():
            bare = line.removeprefix("# ")
            is_toml = bare.startswith("[") or (" = " in bare.partition('"')[0] and bare.partition(" ")[0].islower())
            lines.append(bare if is_toml and "interpreter" not in bare and "version" not in bare else line)
        (folder / "all.toml").write_text("\n".join(lines).replace("# keys = 2", "keys = 2"))

        contract = read(folder / "all.toml").contract

        mentioned = {"retry", "stream", "breaker", "fallback", "context", "pii", "spend", "quota", "keys", "cache"}
        assert mentioned <= {name for name in Contract.__struct_fields__ if getattr(contract, name) is not None}

    def test_a_file_that_is_there_is_kept(self, folder: Path) -> None:
        """
        A file is never written over without being told to.
        """
        assert (2, True) == _told(brownout("init"), "brownout.toml is there already")
        assert TARGET == (folder / "brownout.toml").read_text()
        assert 0 == brownout("init", "--force").exit_code


def _told(result: Result, said: str) -> tuple[int, bool]:
    """The exit code, and whether it was said."""
    return result.exit_code, said in result.stderr
