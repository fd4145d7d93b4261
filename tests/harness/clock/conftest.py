from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brownout.harness.clock import WarpClock, unavailable

PROGRAMS = Path(__file__).with_name("programs")
POLL = 0.001
COMPILER = shutil.which("cc")

collect_ignore_glob = ["programs/*"]


@pytest.fixture
def clock() -> Iterator[WarpClock]:
    """A warp clock in real time; skipped where there is none to be had."""
    reason = unavailable()
    if reason:
        pytest.skip(reason)
    with WarpClock() as warp:
        yield warp


@pytest.fixture(scope="session")
def waits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C program that knows every wait."""
    if COMPILER is None:
        pytest.skip("the program that waits in every way is compiled here, and there is no C compiler")
    program = tmp_path_factory.mktemp("programs") / "waits"
    subprocess.run([COMPILER, "-O1", "-pthread", PROGRAMS / "waits.c", "-o", program, "-lrt"], check=True)
    return program


@pytest.fixture(scope="session")
def java_waits(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of the Java program, compiled."""
    if not shutil.which("javac") or not shutil.which("java"):
        pytest.skip("the Java program needs a JDK")
    classes = tmp_path_factory.mktemp("classes")
    subprocess.run(["javac", "-d", classes, PROGRAMS / "Waits.java"], check=True)
    return ["java", "-cp", str(classes), "Waits"]


@pytest.fixture(scope="session")
def python_waits() -> list[str]:
    """The command of the Python program."""
    return [sys.executable, str(PROGRAMS / "waits.py")]


@pytest.fixture(scope="session")
def node_waits() -> list[str]:
    """The command of the Node program."""
    if not shutil.which("node"):
        pytest.skip("the Node program needs node")
    return ["node", str(PROGRAMS / "waits.mjs")]


class Started:
    """A program on a clock, with its standard streams."""

    def __init__(self, command: list[str | Path], clock: WarpClock) -> None:
        self._process = subprocess.Popen(
            command,
            env=clock.environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._clock = clock
        self.pid = self._process.pid

    def until_it_waits(self) -> None:
        """Return once the program is in a wait."""
        while not any(process.has_waited for process in self._clock.attached()):
            assert self._process.poll() is None
            time.sleep(POLL)

    def runs(self) -> bool:
        """Whether it is still there."""
        return self._process.poll() is None

    def line(self) -> str:
        """What it prints next."""
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def tell(self, line: str) -> None:
        """Write a line to it."""
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def end(self) -> list[str]:
        """All that it still prints, once it has ended well by itself."""
        output, _ = self._process.communicate(timeout=60)
        assert self._process.returncode == 0
        return output.splitlines()

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        self._process.kill()
        self._process.communicate()


class Starter:
    """Starts programs on a clock, and ends them with the test."""

    def __init__(self, clock: WarpClock) -> None:
        self._clock = clock
        self._started: list[Started] = []

    def __call__(self, *command: str | Path) -> Started:
        """Start one."""
        started = Started(list(command), self._clock)
        self._started.append(started)
        return started

    def end(self) -> None:
        """End what still runs."""
        for started in self._started:
            started.kill()


@pytest.fixture
def start(clock: WarpClock) -> Iterator[Starter]:
    """Starts a program on the test's clock."""
    starter = Starter(clock)
    yield starter
    starter.end()
