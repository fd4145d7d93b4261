"""A real master and real workers that are started by hand, a few seconds each."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from loading import brownout, children, direct, gone, signalled_when_users_call

from brownout.harness.history import load as load_history
from brownout.harness.load import swarm
from brownout.reports.results import load

pytestmark = pytest.mark.slow


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A load run, or a worker of one."""
    command = [sys.executable, "-m", "brownout.harness.cli", "load", *words]
    return subprocess.Popen(  # noqa: S603  # our own command
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def with_workers(folder: Path, target: str, *words: str) -> tuple[subprocess.Popen[str], list[subprocess.Popen[str]]]:
    """A master and two workers, one of them there before it."""
    port = str(swarm.free_port())
    workers = [started(folder, "--worker", "--master-port", port)]
    master = started(folder, target, "--master", "--expect-workers", "2", "--master-bind-port", port, *words)
    return master, [*workers, started(folder, "--worker", "--master-port", port)]


def ended(worker: subprocess.Popen[str]) -> str:
    """What a worker has said; it ends when its master does, or, where it has not heard of that, a minute later."""
    try:
        return worker.communicate(timeout=90)[0]
    finally:
        worker.kill()


@pytest.mark.parametrize("kind", ["reference", "service"])
def test_workers_report_to_one_run_that_is_judged_once(tmp_path: Path, kind: str) -> None:
    """
    Users live in both workers, say what the master's run has for them, and all of their calls are in its history.
    """
    target = direct(tmp_path) if kind == "service" else "reference"
    master, workers = with_workers(tmp_path, target, "--users", "6", "--duration", "4s")
    out, _ = master.communicate(timeout=120)
    said = [ended(worker) for worker in workers]
    codes = [worker.returncode for worker in workers]

    assert master.returncode in {0, 3}, out  # a busy machine makes few calls
    assert [0, 0] == codes, said
    assert "brownout load --worker --master-port" in out
    history = load_history(tmp_path / "brownout-report" / "load.jsonl")
    users = Counter((call.user or "").partition("-")[0] for call in history.calls)
    assert {"u1", "u2"} == set(users)
    assert len(history.calls) == len({call.canary for call in history.calls})
    assert {call.canary for call in history.calls} == {x.canary for x in history.exchanges}
    assert (kind == "reference") == bool(history.sightings)


def test_when_the_master_is_interrupted_nothing_is_left(tmp_path: Path) -> None:
    """
    Ctrl-C at the master ends it with 130 and a report, and its workers with it.
    """
    master, workers = with_workers(tmp_path, "reference", "--users", "4", "--duration", "100s")
    below = signalled_when_users_call(master, tmp_path)
    out, _ = master.communicate(timeout=120)
    said = [ended(worker) for worker in workers]

    assert 130 == master.returncode, out
    assert [0, 0] == [worker.returncode for worker in workers], said
    assert below
    assert gone(below)
    assert load(tmp_path / "brownout-report" / "results.json").interrupted


def test_a_worker_that_is_interrupted_leaves_the_run_to_the_others(tmp_path: Path) -> None:
    """
    Ctrl-C at a worker ends that one; the run goes on to its end, and is judged.
    """
    master, workers = with_workers(tmp_path, "reference", "--users", "4", "--duration", "12s")
    below = signalled_when_users_call(master, tmp_path, to=workers[0])
    out, _ = master.communicate(timeout=120)
    for worker in workers:
        ended(worker)

    assert master.returncode in {0, 3}, out
    assert gone(below)
    assert load(tmp_path / "brownout-report" / "results.json").load is not None
    assert load_history(tmp_path / "brownout-report" / "load.jsonl").calls


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--master", "--worker"], "--master or --worker"),
        (["--master", "--processes", "2"], "--processes starts master and workers by itself"),
        (["--expect-workers", "2"], "--expect-workers is the master's"),
        (["--master-bind-port", "7000"], "--master-bind-port is the master's"),
        (["--master", "--master-port", "7000"], "--master-bind-port"),
    ],
)
def test_options_that_contradict_each_other_are_told(tmp_path: Path, words: list[str], said: str) -> None:
    """
    Options of the other side end with 2, and the right one is named.
    """
    done = brownout(tmp_path, "load", "reference", *words)

    assert 2 == done.returncode
    assert said in done.stderr


def test_the_command_that_repeats_it_names_the_workers(tmp_path: Path) -> None:
    """
    What is printed as the command that repeats the run starts a master again.
    """
    master, workers = with_workers(tmp_path, direct(tmp_path), "--users", "2", "--duration", "1s")
    out, _ = master.communicate(timeout=120)
    for worker in workers:
        ended(worker)

    assert "--master --expect-workers 2 --master-bind-port" in out
    assert not children(master.pid)
