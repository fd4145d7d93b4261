"""How those who wait hear that the clock has changed, and that nobody else does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brownout.harness.clock import WarpClock

from .conftest import COMPILER, PROGRAMS, Starter
from .test_waits import SOME, read

LISTENING = [kind for kind in SOME if kind not in {"timerfd_until_monotonic", "timer_settime", "setitimer"}]

# Sleeps for an hour while it handles or blocks the signal that changes are told by; says how often it has come.
HANDLES = """
import signal, sys, threading, time
came = []
def sleep():
    began = time.monotonic()
    time.sleep(3600)
    took.append(time.monotonic() - began)
took = []
threads = [threading.Thread(target=sleep) for _ in range(4)]
if sys.argv[1] == "later":
    for thread in threads: thread.start()
    time.sleep(0.1)
if sys.argv[1] == "blocked":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGURG})
else:
    signal.signal(signal.SIGURG, lambda *_: came.append(1))
if sys.argv[1] != "later":
    for thread in threads: thread.start()
print("ready", flush=True)
for thread in threads: thread.join()
print(len(came), *took)
"""

# Has the kernel keep a timer for it, and takes the signal that changes are told by; says which signals have come.
TIMED = """
import signal, sys
came = []
def take(): signal.signal(signal.SIGURG, lambda number, _: came.append(number))
if sys.argv[1] == "handled": take()
if sys.argv[1] == "waited-for": signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
signal.setitimer(signal.ITIMER_REAL, 86400)
if sys.argv[1] == "later": take()
print("ready", flush=True)
if sys.argv[1] == "waited-for": came.append(int(signal.sigwait(signal.valid_signals())))
else: input()
print(*came)
"""
ENDLESS = ["poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait2", "sigsuspend", "sigwaitinfo", "pause"]


def switches(pid: int) -> int:
    """How often the threads of a process have gone to sleep."""
    return sum(
        int(line.split()[1])
        for task in Path(f"/proc/{pid}/task").iterdir()
        for line in (task / "status").read_text().splitlines()
        if line.startswith("voluntary")
    )


@pytest.fixture(scope="session")
def strays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C program that counts interrupted waits."""
    if COMPILER is None:
        pytest.skip("the program that counts interrupted waits is compiled here, and there is no C compiler")
    program = tmp_path_factory.mktemp("programs") / "strays"
    subprocess.run([COMPILER, "-O1", "-pthread", PROGRAMS / "strays.c", "-o", program], check=True)
    return program


@pytest.mark.slow
@pytest.mark.parametrize("kind", LISTENING)
def test_who_waits_for_long_is_seldom_awake(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """Who waits looks at the clock a few times a second, in real time and at a rate."""
    clock.rate = 50
    program = start(waits, kind, "100000")
    program.until_it_waits()
    time.sleep(0.05)
    before = switches(program.pid)
    time.sleep(0.5)

    assert switches(program.pid) - before <= 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nanosleep", "epoll_wait", "cond_monotonic", "sem_clockwait", "mutex_timedlock"])
def test_a_leap_reaches_many_at_once(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """Of sixty threads that wait nobody is told of a leap much later than the first."""
    late = []
    for _ in range(3):  # a machine that is busy may be late once, and those who are not told always are
        program = start(waits, kind, "3600", "60")
        while len(list(Path(f"/proc/{program.pid}/task").iterdir())) < 62 or clock.runs is None:  # all, and two more
            time.sleep(0.001)
        clock.leap(3600)
        late.append(max(read(line).own for line in program.end()) - 3600)

    assert min(late) < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("how", ["handled", "later", "blocked"])
def test_the_program_has_its_signal_for_itself(how: str, clock: WarpClock, start: Starter) -> None:
    """A program that handles or blocks the signal sees none of ours, and sleeps as long as it wanted to."""
    program = start(sys.executable, "-c", HANDLES, how)
    assert program.line() == "ready"
    for _ in range(36):
        clock.leap(100)
        time.sleep(0.002)

    (line,) = program.end()

    came, *took = line.split()
    assert came == "0"
    assert len(took) == 4
    assert all(3600 <= float(seconds) < 3610 for seconds in took)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["handled", "later", "waited-for"])
def test_so_it_has_with_a_timer_of_the_kernels(how: str, clock: WarpClock, start: Starter) -> None:
    """A program whose timers the kernel keeps, and that handles the signal or waits for it, is sent none of ours."""
    program = start(sys.executable, "-c", TIMED, how)
    assert program.line() == "ready"
    for rate in (50, 20, 5):
        clock.rate = rate
        time.sleep(0.01)
    os.kill(program.pid, signal.SIGWINCH)
    program.tell("")

    assert program.end() == [str(int(signal.SIGWINCH)) if how == "waited-for" else ""]


@pytest.fixture(scope="session")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C program that waits without an end."""
    if COMPILER is None:
        pytest.skip("the program that waits without an end is compiled here, and there is no C compiler")
    program = tmp_path_factory.mktemp("programs") / "endless"
    subprocess.run([COMPILER, "-O1", PROGRAMS / "endless.c", "-o", program], check=True)
    return program


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENDLESS)
def test_a_wait_without_an_end_is_interrupted_by_signals_alone(
    kind: str, clock: WarpClock, start: Starter, endless: Path
) -> None:
    """A program that has a timer moved does not see it while it waits without an end; its own signal ends that."""
    program = start(endless, kind)
    assert program.line() == "waits"
    for rate in (50, 20, 5):
        clock.rate = rate
        time.sleep(0.01)
    os.kill(program.pid, signal.SIGUSR1)

    assert program.end() == ["0 SIGUSR1"]


@pytest.mark.slow
def test_nobody_is_told_who_does_not_wait_for_a_moment(clock: WarpClock, start: Starter, strays: Path) -> None:
    """However often the clock changes, no wait without a limit is interrupted by it."""
    program = start(strays, "1")
    program.until_it_waits()
    while program.runs():
        for _ in range(100):
            clock.leap(0.000001)

    assert program.end() == ["0"]
