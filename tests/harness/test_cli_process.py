from __future__ import annotations

import os
import pty
import select
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from brownout.fakes.dialects import NAMES, dialect
from brownout.fakes.fake import key_id, models_of
from brownout.harness import finding
from brownout.reports.results import load

SLOW = '''
"""Rows that take their time; the one that says that it takes longer is run first."""

from brownout import MUST, expect, scenario

@scenario("slow.first", MUST, seconds=90)
async def first(stage):
    """Fair weather is answered."""
    expect(await stage.call()).answered()

@scenario("slow.second", MUST, seconds=60)
async def second(stage):
    """A minute passes."""
    call = await stage.call()
    stage.note("waiting")
    open("waiting", "w").close()
    await stage.sleep(60)
    expect(call).answered()
'''
TARGET = """
name = "plain"
[start]
env = { OPENAI_BASE_URL = "{primary.url}", OPENAI_API_KEY = "{primary.key}" }
[call.python]
callable = "brownout.scenarios.targets.naive:complete"
[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"
[run]
scenarios = ["slow.py"]
clock = "real"
"""


@contextmanager
def brownout(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that is running."""
    process = subprocess.Popen(  # noqa: S603  # our own command
        [sys.executable, "-m", "brownout.harness.cli", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def appears(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a file is there, for as long as its writer lives."""
    while not path.exists():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            raise AssertionError(process.communicate())


def descendants(pid: int) -> set[int]:
    """Every living process below one."""
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                found |= {int(folder.name), *descendants(int(folder.name))}
    return found


@pytest.mark.slow
class TestInterruption:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_what_had_finished_is_reported_and_nothing_is_left(self, tmp_path: Path, number: signal.Signals) -> None:
        """
        An interrupted run ends with 130, reports what had ended and what had not, and leaves no process.
        """
        (tmp_path / "brownout.toml").write_text(TARGET)
        (tmp_path / "slow.py").write_text(SLOW)

        with brownout(tmp_path, "run", "slow", "--jobs", "1") as process:
            appears(tmp_path / "waiting", process)
            below = descendants(process.pid)
            process.send_signal(number)
            out, err = process.communicate(timeout=30)

        assert 130 == process.returncode
        assert "" == err
        assert ["seed", "verdict", "report"] == [line.split()[0] for line in out.splitlines()[-3:]]
        assert below
        assert not {pid for pid in below if Path(f"/proc/{pid}").exists()}
        assert "INCONCLUSIVE  The run was interrupted." in out
        rows = {row.id: row for row in load(tmp_path / "brownout-report" / "results.json").results}
        assert ["pass", "pass", "inconclusive"] == [
            rows[name].verdict for name in ("control.answers", "slow.first", "slow.second")
        ]
        assert "the run was interrupted before it ended" == rows["slow.second"].reason

    def test_an_impatient_user_sees_no_traceback(self, tmp_path: Path) -> None:
        """
        A second Ctrl-C disturbs neither the stopping of the targets nor the reports.
        """
        (tmp_path / "brownout.toml").write_text(TARGET)
        (tmp_path / "slow.py").write_text(SLOW)

        with brownout(tmp_path, "run", "slow", "--jobs", "1") as process:
            appears(tmp_path / "waiting", process)
            below = descendants(process.pid)
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)

        assert 130 == process.returncode
        # Two signals that come before the first is handled are one to the system.
        assert err in ("", "stopping what runs; Ctrl-C once more leaves at once\n")
        assert ["seed", "verdict", "report"] == [line.split()[0] for line in out.splitlines()[-3:]]
        assert not {pid for pid in below if Path(f"/proc/{pid}").exists()}


@pytest.mark.slow
class TestTerminal:
    def test_progress_is_drawn_on_a_terminal_only_and_colour_is_obeyed(self, tmp_path: Path) -> None:
        """
        On a terminal standard error shows progress; with NO_COLOR neither it nor the results have a colour.
        """
        (tmp_path / "brownout.toml").write_text(TARGET.partition("[run]")[0])
        shown = {colour: on_a_terminal(tmp_path, {"NO_COLOR": colour} if colour else {}) for colour in ("", "1")}

        assert all("cases" in err for _, err in shown.values())
        assert "\x1b[32m" in shown[""][0]
        assert "\x1b[3" not in shown["1"][0]
        assert "seed     0" in shown["1"][0]


def on_a_terminal(folder: Path, more: dict[str, str]) -> tuple[str, str]:
    """Standard output and error of a run, each on a terminal of its own."""
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "CI", "TERM")}
    ends = [pty.openpty(), pty.openpty()]
    process = subprocess.Popen(  # our own command
        [sys.executable, "-m", "brownout.harness.cli", "run", "control.answers"],
        cwd=folder,
        stdout=ends[0][1],
        stderr=ends[1][1],
        env={**env, "TERM": "xterm-256color", **more},
    )
    for _, inner in ends:
        os.close(inner)
    told = {outer: b"" for outer, _ in ends}
    open_ends = set(told)
    while open_ends:
        for outer in select.select(list(open_ends), [], [])[0]:
            try:
                data = os.read(outer, 65536)
            except OSError:  # the other end of a terminal is gone
                data = b""
            told[outer] += data
            if not data:
                open_ends.remove(outer)
    assert 0 == process.wait(30)
    for outer in told:
        os.close(outer)
    out, err = (data.decode() for data in told.values())
    return out, err


@pytest.mark.slow
class TestServe:
    def test_without_a_target_every_dialect_stands(self, tmp_path: Path) -> None:
        """
        Each is served with one of the models that the price list has for it, and its key with an id where it signs.
        """
        with brownout(tmp_path, "serve") as process:
            assert process.stdout is not None
            lines = sum(3 + dialect(name).signs for name in NAMES)
            told = dict(process.stdout.readline().strip().split("=", 1) for _ in range(lines))
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)

        models = {name: told[f"{name.upper()}_MODEL"] for name in NAMES}
        assert not [name for name, model in models.items() if model not in models_of(name)]
        assert key_id(told["BEDROCK_API_KEY"]) == told["BEDROCK_KEY_ID"]

    def test_over_tls_the_certificate_to_trust_is_told(self, tmp_path: Path) -> None:
        """
        A provider over TLS has an https address and a file by which a client of HTTP/2 reaches it.
        """
        naive = (finding.READY_MADE / "naive.toml").read_text("utf-8")
        text = naive.replace("[providers.primary]", "[providers.primary]\ntls = true\nhttp2 = true")
        (tmp_path / "brownout.toml").write_text(text)

        with brownout(tmp_path, "serve", "brownout.toml") as process:
            assert process.stdout is not None
            told = dict(process.stdout.readline().strip().split("=", 1) for _ in range(4))
            headers = {"Authorization": f"Bearer {told['PRIMARY_API_KEY']}"}
            trusting = ssl.create_default_context(cafile=told["PRIMARY_CA"])
            with httpx.Client(
                base_url=told["PRIMARY_BASE_URL"], headers=headers, verify=trusting, http2=True
            ) as client:
                reply = client.get("/models")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)

        assert (200, "HTTP/2") == (reply.status_code, reply.http_version)
        assert not Path(told["PRIMARY_CA"]).exists()

    def test_fakes_stand_until_they_are_told_to_go(self, tmp_path: Path) -> None:
        """
        The fakes' addresses and keys are printed, the weather file rules, a fixed port is kept, and Ctrl-C ends it.
        """
        (tmp_path / "weather.toml").write_text(
            '[[rule]]\nwhen = { attempts = 1 }\nfault = { rate_limited = { retry_after = "7s" } }\n'
        )

        with brownout(tmp_path, "serve", "naive", "--weather", "weather.toml") as process:
            assert process.stdout is not None
            told = dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
            ask = {"model": told["PRIMARY_MODEL"], "messages": [{"role": "user", "content": "[bo:k7q2x9] hello"}]}
            headers = {"Authorization": f"Bearer {told['PRIMARY_API_KEY']}"}
            with httpx.Client(base_url=told["PRIMARY_BASE_URL"], headers=headers) as client:
                replies = [client.post("/chat/completions", json=ask) for _ in range(2)]
            port = told["PRIMARY_BASE_URL"].split(":")[2].partition("/")[0]
            with brownout(tmp_path, "serve", "naive", "--port", port) as other:
                _, taken = other.communicate(timeout=30)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)

        assert [(429, "7"), (200, None)] == [(r.status_code, r.headers.get("retry-after")) for r in replies]
        assert (2, True) == (other.returncode, f"--port: {port} cannot be had" in taken)
        assert (0, "") == (process.returncode, err)
