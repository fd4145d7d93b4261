"""Real Locust, real targets, a few seconds each."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest
from loading import brownout, direct, gone, ran, signalled_when_users_call, verdicts

from brownout.harness.history import load as load_history
from brownout.harness.load import swarm
from brownout.harness.load.wire import Settings
from brownout.reports.results import Results, load

pytestmark = pytest.mark.slow


def test_the_reference_stands_steady_traffic(tmp_path: Path) -> None:
    """
    In fair weather it breaks no promise, each call is one request, and both sides of every call are in the history.
    """
    results, done = ran(tmp_path, "reference", "--profile", "steady", "--duration", "6s", "--users", "8")
    told = results.load
    history = load_history(tmp_path / "brownout-report" / "load.jsonl")

    again = brownout(tmp_path, "judge", "brownout-report/load.jsonl")

    assert told is not None
    assert again.returncode == done.returncode, again.stdout
    assert "fail" not in verdicts(results).values(), done.stdout
    assert told.calls == told.exchanges == len(history.calls) == len(history.exchanges)
    assert {call.canary for call in history.calls} == {x.canary for x in history.exchanges}
    assert {"answered": told.calls} == told.outcomes
    assert told.latency["streams"].count + told.latency["answers"].count == told.calls
    assert 0 < told.microdollars == told.points[-1].microdollars
    assert "not_applicable" == verdicts(results)["load.retry-after"]
    page = (tmp_path / "brownout-report" / "report.html").read_text()
    assert "How long an answer took" in page
    assert "load.whole-answers" in (tmp_path / "brownout-report" / "junit.xml").read_text()


def test_the_reference_stands_an_outage(tmp_path: Path) -> None:
    """
    While its provider is down it breaks no promise that holds for every call.
    """
    words = ("--profile", "outage-under-load", "--duration", "9s", "--users", "8", "--seed", "3")
    results, done = ran(tmp_path, "reference", *words)

    assert "fail" not in verdicts(results).values(), done.stdout
    for row in ("load.bounded", "load.whole-answers", "load.deadline"):
        assert "pass" == verdicts(results)[row], done.stdout
    assert results.load is not None
    assert ["outage"] == [spell.name for spell in results.load.weather]


def test_naive_passes_parts_off_as_whole_in_an_outage(tmp_path: Path) -> None:
    """
    It never looks at a status: refused streams reach their callers as answers, and the proof can be judged again.
    """
    words = ("--profile", "outage-under-load", "--duration", "9s", "--users", "8", "--report-dir", "brownout-report")
    results, done = ran(tmp_path, "naive", *words)
    again = brownout(tmp_path, "judge", "brownout-report/histories/load.whole-answers.jsonl")

    assert 1 == done.returncode
    assert "fail" == verdicts(results)["load.whole-answers"]
    assert ["load.whole-answers"] == [row for row, verdict in verdicts(results).items() if verdict == "fail"]
    assert 1 == again.returncode, again.stdout


def test_a_service_is_called_by_several_locust_processes(tmp_path: Path) -> None:
    """
    Two Locust processes call a service by themselves; no canary and no name of a user comes twice.
    """
    results, done = ran(tmp_path, direct(tmp_path), "--duration", "4s", "--users", "8", "--processes", "2")
    history = load_history(tmp_path / "brownout-report" / "load.jsonl")

    assert "fail" not in verdicts(results).values(), done.stdout
    assert {"u1", "u2"} == {(call.user or "").partition("-")[0] for call in history.calls}
    assert (
        len(history.calls) == len({call.canary for call in history.calls}) == len({x.canary for x in history.exchanges})
    )
    assert any(call.stream and call.chunks for call in history.calls)


def test_a_known_failure_is_excused_until_it_is_fixed(tmp_path: Path) -> None:
    """
    An update makes the gate hold; what is fixed after that is told, on the terminal and in the results.
    """
    target = Path(direct(tmp_path))
    promises = target.read_text()
    words = ("--duration", "4s", "--users", "8")
    target.write_text(promises + "[contract.load]\np95 = 0.001\n")
    results, updated = ran(tmp_path, "direct.toml", *words, "--update-baseline")
    entries = tomllib.loads((tmp_path / "brownout-baseline.toml").read_text())["known"]

    assert 0 == updated.returncode, updated.stdout
    assert [("load.p95", "known    load.p95 fails, as the baseline says")] == [
        (entry["row"], note) for entry, note in zip(entries, results.notes, strict=False)
    ]
    assert {"load.p95": entries[0]["expires"].isoformat()} == results.gate.known
    assert "--baseline brownout-baseline.toml" in results.repeat

    target.write_text(promises)
    results, fixed = ran(tmp_path, "direct.toml", *words, "--baseline", "brownout-baseline.toml")
    assert 0 == fixed.returncode, fixed.stdout
    assert ["fixed    load.p95 passes: take it out of the baseline"] == results.notes
    assert results.notes[0] in fixed.stdout


@pytest.mark.parametrize("kind", ["reference", "service"])
def test_interruption_leaves_reports_and_no_process(tmp_path: Path, kind: str) -> None:
    """
    Ctrl-C ends a run with 130: what had come until then is judged, and neither Locust nor the target is left.
    """
    target = direct(tmp_path) if kind == "service" else "reference"
    words = [sys.executable, "-m", "brownout.harness.cli", "load", target, "--duration", "100s", "--users", "4"]
    process = subprocess.Popen(  # noqa: S603  # our own command
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    below = signalled_when_users_call(process, tmp_path)
    out, err = process.communicate(timeout=60)

    assert 130 == process.returncode, err
    assert "The run was interrupted." in out
    assert below
    assert gone(below)
    assert load(tmp_path / "brownout-report" / "results.json").interrupted


def test_without_locust_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without Locust the command ends with 2 and says what to install.
    """
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nf = u.find_spec\nu.find_spec = lambda n, *a: None if n == 'locust' else f(n, *a)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = brownout(tmp_path, "load", "reference")

    assert 2 == done.returncode
    assert "pip install 'brownout[load]'" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--profile", "stead"], 'did you mean "steady"'),
        (["--duration", "soon"], "soon"),
        (["--duration", "0"], "a run takes some time"),
        (["--baseline", "gone.toml"], "gone.toml: cannot be read"),
    ],
)
def test_what_makes_no_sense_is_told(tmp_path: Path, words: list[str], said: str) -> None:
    """
    An unknown profile, a length that is none and a baseline that is not there end with 2, and say what is wrong.
    """
    done = brownout(tmp_path, "load", "reference", *words)

    assert 2 == done.returncode
    assert said in done.stderr


def test_a_locust_that_cannot_run_says_why(tmp_path: Path) -> None:
    """
    When Locust ends in error so does the run, with 4 and Locust's own words.
    """
    done = brownout(tmp_path, "load", "reference", "--locust", "--no-such-option")

    assert 4 == done.returncode
    assert "no-such-option" in done.stderr


def test_results_can_go_anywhere(tmp_path: Path) -> None:
    """
    On standard output the results are JSON, where they are asked for.
    """
    words = ("load", direct(tmp_path), "--duration", "2s", "--users", "2", "--format", "json")
    done = brownout(tmp_path, *words)

    assert "steady" == msgspec.json.decode(done.stdout.encode(), type=Results).profile
    github = brownout(tmp_path, *words[:-1], "github")
    assert "verdict" in github.stdout


async def test_a_swarm_that_was_never_started_stops(tmp_path: Path) -> None:
    """
    There is nothing to stop, and nothing happens.
    """
    settings = Settings("nowhere", "steady", 1.0, 1, 0.0, 1.0, 0, 1, None)

    await swarm.Swarm(settings, tmp_path / "log").stop()
