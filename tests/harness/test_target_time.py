"""Runs in target time, each with the whole command line, real fakes and real targets."""

from __future__ import annotations

import contextlib
import os
import shutil
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest

import brownout
from brownout.harness.clock import unavailable
from brownout.reports.results import CaseResult, Results, load

PACKAGE = Path(brownout.__file__).parent
CLIENT = '''
import json, os, time, urllib.error, urllib.request

def complete(messages):
    """Tries twice, and waits as long as it is told to."""
    body = json.dumps({"model": "gpt-4o-mini", "messages": messages}).encode()
    headers = {"Authorization": "Bearer " + os.environ["KEY"], "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["BASE"] + "/chat/completions", body, headers)
    try:
        reply = urllib.request.urlopen(request, timeout=100)
    except urllib.error.HTTPError as refused:
        time.sleep(float(refused.headers["Retry-After"]))
        reply = urllib.request.urlopen(request, timeout=100)
    return json.load(reply)["choices"][0]["message"]["content"]
'''
COMMAND = """
import json, sys
from client import complete

print(json.dumps({"event": "ready"}), flush=True)
for line in sys.stdin:
    op = json.loads(line)
    if op["op"] == "call":
        print(json.dumps({"id": op["id"], "event": "done", "text": complete(op["messages"])}), flush=True)
    elif op["op"] == "quit":
        break
"""
SERVICE = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from client import complete

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = {"role": "assistant", "content": complete(asked["messages"])}
        body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "model": "m"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
KINDS = {
    "python": '[call.python]\ncallable = "client:complete"\npath = ["."]',
    "command": f'[call.command]\ncommand = ["{sys.executable}", "command.py"]',
    "http": '[call.http]\nurl = "http://127.0.0.1:{port}/v1/chat/completions"',
}
ROWS = '''
from brownout import MUST, expect, first, scenario
from brownout.fakes.faults.replies import RateLimited
from brownout.harness.checks.hints import waits_for_retry_after

@scenario("minute.waits", MUST, seconds=60)
async def waits(stage):
    """A minute that was asked for is waited."""
    await stage.weather(first(1, RateLimited(retry_after=58)))
    call = await stage.call()
    expect(call).answered()
    expect(stage.attempts(call)).to(waits_for_retry_after)

@scenario("minute.passes", MUST, seconds=60)
async def passes(stage):
    """A minute passes, and nothing else."""
    await stage.sleep(60)
    expect(await stage.call()).answered()
'''


class Slow(socketserver.BaseRequestHandler):
    """Somebody who lives in wall time, and answers after a while."""

    def handle(self) -> None:
        """One answer."""
        time.sleep(0.3)
        self.request.sendall(b"!")


def folder_with(kind: str, tmp_path: Path, start: str = "") -> Path:
    """A target of a kind, and rows about a minute."""
    command = f'command = ["{sys.executable}", "service.py", "{{port}}"]' if kind == "http" else ""
    (tmp_path / "brownout.toml").write_text(
        f"""
name = "{kind}"
[start]
env = {{ BASE = "{{primary.url}}", KEY = "{{primary.key}}" }}
{command}
{start}
{KINDS[kind]}
[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"
[contract]
deadline = 90
[run]
scenarios = ["rows.py"]
"""
    )
    for name, text in (("client", CLIENT), ("command", COMMAND), ("service", SERVICE), ("rows", ROWS)):
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def run(folder: Path, *words: str, **env: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """`brownout run` in a process of its own, and a word that marks everything it started."""
    mark = uuid4().hex
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "brownout.harness.cli", "run", *words],
        cwd=folder,
        env={**os.environ, "MARK": mark, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done, mark


def results(folder: Path) -> Results:
    """What a run came to."""
    return load(folder / "brownout-report" / "results.json")


def cases(folder: Path) -> dict[tuple[str, str], CaseResult]:
    """Every case of a run, but those that follow others."""
    rows = [row for row in results(folder).results if row.id != "control.alive-after"]
    return {(row.id, case.case): case for row in rows for case in row.cases}


def left(mark: str) -> list[str]:
    """The processes that carry a mark."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"MARK={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text())
    return found


needs_target_time = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))


@needs_target_time
class TestWarped:
    @pytest.mark.slow
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_minute_takes_seconds(self, kind: str, tmp_path: Path) -> None:
        """
        A wait of a minute, in the target or in the scenario, is judged right and takes a rate's part of it, whatever
        the target is; nothing is left of it.
        """
        folder = folder_with(kind, tmp_path)

        done, mark = run(folder, "minute.passes", "--clock", "warp", "--rate", "50")

        assert 0 == done.returncode, done.stdout + done.stderr
        case = cases(folder)["minute.passes", ""]
        assert case.rate > 1
        assert case.target_seconds >= 60
        assert case.wall_seconds * case.rate == pytest.approx(case.target_seconds, rel=0.1)
        assert [] == left(mark)

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_target_waits_in_target_time(self, kind: str, tmp_path: Path) -> None:
        """
        A `Retry-After` of a minute is obeyed by a target that sleeps on its own clock, in a quarter of that at most.
        """
        folder = folder_with(kind, tmp_path)

        done, _ = run(folder, "minute.waits", "--clock", "warp")

        assert 0 == done.returncode, done.stdout + done.stderr
        case = cases(folder)["minute.waits", ""]
        assert 58 <= case.target_seconds < 90
        assert {"primary": 2} == case.attempts

    @pytest.mark.slow
    def test_verdicts_are_those_of_real_time(self, tmp_path: Path) -> None:
        """
        Row by row the verdicts of a run in target time are those of one in real time.
        """
        rows = ("control.answers", "content.html-200", "retry.recovers", "retry.bounded", "retry.after-ms")
        rows += ("retry.not-on-quota-exhausted", "stream.cut-clean", "stream.prompt-first-token", "retry.no-overwait")
        verdicts = []
        for clock in ("real", "warp"):
            folder = tmp_path / clock
            folder.mkdir()
            done, mark = run(folder, "naive", *rows, "--clock", clock)
            assert 1 == done.returncode, done.stdout + done.stderr
            assert [] == left(mark)
            verdicts.append({name: case.verdict for name, case in cases(folder).items()})

        assert verdicts[0] == verdicts[1]
        assert {"pass", "fail"} <= set(verdicts[0].values())

    @pytest.mark.slow
    def test_nothing_leaps_for_a_target_that_talks_to_a_stranger(self, tmp_path: Path) -> None:
        """
        A target that asks a database, which takes its time, is not made to give it up: its time runs faster instead,
        and the run says why.
        """
        folder = folder_with("python", tmp_path)
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as database:
            port = database.server_address[1]
            asks = f"    with socket.create_connection(('127.0.0.1', {port}), timeout=5) as made:\n"
            asks += '        assert made.recv(1) == b"!"\n'
            client = CLIENT.replace("import json", "import socket, json").replace("    try:", f"{asks}    try:")
            (folder / "client.py").write_text(client)
            threading.Thread(target=database.serve_forever).start()
            try:
                done, mark = run(folder, "control.answers")
            finally:
                database.shutdown()

        assert 0 == done.returncode, done.stdout + done.stderr
        why = f"target time, up to 50 times as fast, without leaps: the target talks to 127.0.0.1:{port}"
        assert results(folder).environment["clock"].startswith(why)
        assert why in done.stderr
        assert [] == left(mark)


class TestRealTime:
    def test_without_the_library_it_is_said_once(self, tmp_path: Path) -> None:
        """
        Where the library was not built the run says so in one line, goes on in real time, and `--clock warp` is wrong.
        """
        package = tmp_path / "site" / "brownout"
        unneeded = shutil.ignore_patterns("tests", ".git", ".nox", "*.so", "__pycache__", "*.egg-info", "build")
        shutil.copytree(PACKAGE, package, ignore=unneeded)
        folder = folder_with("python", tmp_path)

        done, _ = run(folder, "control.answers", "--clock", "auto", PYTHONPATH=str(package.parent))

        assert 0 == done.returncode, done.stdout + done.stderr
        assert [
            "in real time: libwarp.so was not built when brownout was installed (a C compiler and glibc are needed)"
        ] == (done.stderr.splitlines())
        assert {1.0} == {case.rate for case in cases(folder).values()}
        assert results(folder).environment["clock"].startswith("real time: libwarp.so")
        assert 2 == run(folder, "control.answers", "--clock", "warp", PYTHONPATH=str(package.parent))[0].returncode

    @needs_target_time
    @pytest.mark.parametrize(
        ("start", "why"),
        [
            ("warp = false", "the target file says start.warp = false"),
            ('fresh = "run"', "one process serves the whole run (start.fresh)"),
        ],
    )
    def test_a_file_may_ask_for_it(self, start: str, why: str, tmp_path: Path) -> None:
        """
        A target file that forbids target time, or keeps one process for all, is run in real time, and the run says why.
        """
        folder = folder_with("python", tmp_path, start)

        done, _ = run(folder, "control.answers", "--clock", "auto")
        warped, _ = run(folder, "control.answers", "--clock", "warp")

        assert (0, f"in real time: {why}\n") == (done.returncode, done.stderr)
        assert 2 == warped.returncode
        assert why in warped.stderr

    @needs_target_time
    def test_a_target_that_scrubs_its_environment_is_recognised(self, tmp_path: Path) -> None:
        """
        A target that is started by a program which drops the preloaded library runs in real time, or not at all.
        """
        folder = folder_with("command", tmp_path)
        file = folder / "brownout.toml"
        scrubbing = '["/usr/bin/env", "-u", "LD_PRELOAD", '
        file.write_text(file.read_text().replace("command = [", f"command = {scrubbing}"))

        done, mark = run(folder, "control.answers", "--clock", "auto")
        warped, _ = run(folder, "control.answers", "--clock", "warp")

        assert 0 == done.returncode, done.stdout + done.stderr
        assert 1 == len(done.stderr.splitlines())
        assert "scrubs the environment" in done.stderr
        assert 4 == warped.returncode
        assert "scrubs the environment" in warped.stderr
        assert [] == left(mark)
