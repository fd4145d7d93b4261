"""Every wait of the C library, in a C program that measures itself."""

from __future__ import annotations

import os
import platform
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from brownout.harness.clock import WarpClock

from .conftest import Starter

SLEEPS = ["nanosleep", "sleep", "usleep", "thrd_sleep", "clock_nanosleep"]
SLEEPS_UNTIL = [f"sleep_until_{clock}" for clock in ("realtime", "monotonic", "boottime", "tai")]
FILES = ["poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait", "epoll_pwait2"]
SEMAPHORES = ["sem_timedwait", "sem_clockwait"]
LOCKS = [
    "mutex_timedlock",
    "mutex_clocklock",
    "mtx_timedlock",
    "rwlock_timedrdlock",
    "rwlock_timedwrlock",
    "rwlock_clockrdlock",
    "timedjoin",
]
CONDITIONS = [
    "cond_realtime",
    "cond_monotonic",
    "cond_clockwait_monotonic",
    "cond_clockwait_realtime",
    "cnd_timedwait",
]
BY_NUMBER = ["sys_nanosleep", "sys_clock_nanosleep", "sys_epoll_pwait", "sys_epoll_pwait2"]
BY_NUMBER += ["sys_epoll_wait", "sys_poll"] if platform.machine() == "x86_64" else []
QUEUES = ["mq_timedreceive", "mq_timedsend"]
FUTEXES = ["futex_wait", "futex_wait_bitset", "futex_wait_bitset_realtime"]
TIMERS = [
    "timerfd",
    "timerfd_until_realtime",
    "timerfd_until_monotonic",
    "timerfd_until_boottime",
    "timer_settime",
    "timer_until_realtime",
    "setitimer",
    "alarm",
]
SOCKETS = ["recv", "read", "recvmsg", "send", "accept", "connect"]
ONCE = [*SLEEPS, *SLEEPS_UNTIL, *FILES, *SEMAPHORES, *LOCKS, *CONDITIONS, *FUTEXES, *BY_NUMBER, *QUEUES, *TIMERS]
ONCE += ["sys_sleep_until_realtime", "sigtimedwait", *SOCKETS]

# What each wait reports when nothing but the end of its time came.
OUTCOMES = (
    dict.fromkeys([*SEMAPHORES, *LOCKS, *CONDITIONS, *FUTEXES, *QUEUES], "-1 ETIMEDOUT")
    | dict.fromkeys([*SOCKETS, "sigtimedwait"], "-1 EAGAIN")
    | {"connect": "-1 EINPROGRESS"}
)
# One of each mechanism.
SOME = [
    "nanosleep",
    "sleep_until_realtime",
    "select",
    "epoll_wait",
    "sem_clockwait",
    "mutex_timedlock",
    "cond_monotonic",
    "futex_wait",
    "sys_epoll_pwait",
    "mq_timedreceive",
    "timerfd_until_monotonic",
    "timer_settime",
    "setitimer",
    "sigtimedwait",
    "recv",
]
# How late is late, in target seconds: far more than a busy machine's noise, far less than a wait that was not scaled
# or not woken. How precise waits are is for the benchmark to say.
LATE = 120.0


@dataclass(frozen=True)
class Wait:
    """How long a wait took, by the clock it was on and by CLOCK_MONOTONIC, and what it returned."""

    own: float
    monotonic: float
    outcome: str


def read(line: str) -> Wait:
    """One line of the program."""
    own, monotonic, outcome = line.split(" ", 2)
    return Wait(float(own), float(monotonic), outcome)


@pytest.mark.parametrize("kind", [*ONCE, "timerfd_repeating"])
def test_a_wait_takes_its_time_in_target_time(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """At rate 50 a wait of 5 s takes 5 s by both clocks of the program, and nothing else comes of it."""
    clock.rate = 50

    (line,) = start(waits, kind, "5").end()

    wait = read(line)
    assert OUTCOMES.get(kind, "0 0") == wait.outcome
    assert 5 <= wait.own <= 5 + LATE
    assert 5 <= wait.monotonic <= 5 + LATE


@pytest.mark.parametrize("kind", ONCE)
def test_a_leap_wakes_a_sleeper(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """A program that has begun to wait for an hour in real time has waited it when the clock leaps an hour."""
    program = start(waits, kind, "3600")
    program.until_it_waits()
    clock.leap(3600)

    (line,) = program.end()

    assert OUTCOMES.get(kind, "0 0") == read(line).outcome
    assert 3600 <= read(line).own <= 3600 + LATE


@pytest.mark.parametrize("kind", SOME)
def test_a_sleeper_notices_a_faster_rate(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """A program that has begun to wait for ten minutes in real time is done in a second at rate 600."""
    program = start(waits, kind, "600")
    program.until_it_waits()
    clock.rate = 600

    (line,) = program.end()

    assert OUTCOMES.get(kind, "0 0") == read(line).outcome
    assert read(line).own >= 600


@pytest.mark.parametrize("kind", SOME)
def test_a_sleeper_notices_a_slower_rate(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """A wait that goes on at half the rate it began at takes its time all the same."""
    program = start(waits, kind, "5")
    program.until_it_waits()
    clock.rate = 50
    clock.rate = 25

    (line,) = program.end()

    assert OUTCOMES.get(kind, "0 0") == read(line).outcome
    assert 5 <= read(line).own <= 5 + LATE


@pytest.mark.parametrize(
    "kind", [*SOME, "poll", "sleep", "usleep", "alarm", "ppoll", "cond_realtime", "futex_wait_bitset"]
)
def test_an_enormous_wait_is_no_short_one(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """A wait of centuries, or of as much as the function takes, is still going on after nearly as long as poll can."""
    program = start(waits, kind, {"usleep": "4294", "sleep": "4e9", "alarm": "4e9", "recv": "1e15"}.get(kind, "1e18"))
    program.until_it_waits()
    clock.leap(4000 if kind == "usleep" else 86400 * 23)
    clock.rate = 50

    assert len(start(waits, "nanosleep", "1").end()) == 1
    assert program.runs()


@pytest.mark.parametrize("kind", [*SLEEPS_UNTIL, *SEMAPHORES, *LOCKS, *CONDITIONS, *QUEUES])
def test_a_moment_that_has_passed_is_not_waited_for(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """Waiting until a second ago is over at once."""
    clock.rate = 50

    (line,) = start(waits, kind, "-1").end()

    assert OUTCOMES.get(kind, "0 0") == read(line).outcome
    assert read(line).monotonic < LATE


@pytest.mark.parametrize("kind", [*FILES, *SLEEPS, *BY_NUMBER])
def test_no_time_at_all_is_no_wait(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """A timeout of zero returns at once, with the C library's own answer."""
    clock.rate = 50

    (line,) = start(waits, kind, "0").end()

    assert read(line).outcome == "0 0"
    assert read(line).monotonic < LATE


@pytest.mark.parametrize(
    "kind",
    [
        "nanosleep",
        "clock_nanosleep",
        "ppoll",
        "select",
        "pselect",
        "epoll_pwait2",
        "sys_nanosleep",
        "sys_clock_nanosleep",
    ],
)
def test_a_negative_time_is_refused(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """The C library's own refusal of a negative relative time reaches the program."""
    clock.rate = 50

    *_, line = start(waits, kind, "-1").end()

    assert read(line).outcome == "-1 EINVAL"


@pytest.mark.parametrize(
    "kind",
    [
        *SLEEPS_UNTIL,
        *FILES,
        *SEMAPHORES,
        *FUTEXES,
        *BY_NUMBER,
        *QUEUES,
        "nanosleep",
        "usleep",
        "clock_nanosleep",
        "recv",
        "accept",
    ],
)
def test_a_signal_interrupts(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """A handled signal ends a wait with EINTR, between two slices or within one."""
    program = start(waits, kind, "3600")
    program.until_it_waits()
    clock.leap(1000)
    os.kill(program.pid, signal.SIGUSR1)

    *_, line = program.end()

    assert read(line).outcome == "-1 EINTR"
    assert 1000 <= read(line).own <= 1000 + LATE


@pytest.mark.parametrize("kind", ["nanosleep", "sleep", "select"])
def test_an_interrupted_wait_says_what_is_left(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """What is left of an interrupted wait is told in target time."""
    program = start(waits, kind, "3600")
    program.until_it_waits()
    clock.leap(1000)
    os.kill(program.pid, signal.SIGUSR1)

    rest, _ = program.end()

    assert 2600 - LATE <= float(rest.removeprefix("rest ")) <= 2600


@pytest.mark.parametrize("kind", [*CONDITIONS, *LOCKS])
def test_a_signal_does_not_interrupt_a_lock(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """A signal handler runs while a lock or a condition is waited for, and the wait goes on."""
    program = start(waits, kind, "3600")
    program.until_it_waits()
    os.kill(program.pid, signal.SIGUSR1)
    clock.leap(3600)

    (line,) = program.end()

    assert read(line).outcome == "-1 ETIMEDOUT"
    assert read(line).own >= 3600


@pytest.mark.parametrize("kind", [kind for kind in SOME if kind not in {"timer_settime", "setitimer"}])
def test_many_threads_wait_at_once(kind: str, clock: WarpClock, start: Starter, waits: Path) -> None:
    """Thirty-two threads that wait at once are all done in time, through a change of rate and a leap."""
    clock.rate = 50
    program = start(waits, kind, "60", "32")
    program.until_it_waits()
    clock.rate = 25
    clock.leap(20)
    clock.rate = 50

    lines = program.end()

    assert len(lines) == 32
    assert {OUTCOMES.get(kind, "0 0")} == {read(line).outcome for line in lines}
    assert min(read(line).own for line in lines) >= 60


@pytest.mark.slow
def test_no_signal_of_a_condition_is_lost(clock: WarpClock, start: Starter, waits: Path) -> None:
    """Two threads that hand a token back and forth a hundred times never miss that it is theirs."""
    clock.rate = 50

    (line,) = start(waits, "cond_exchange", "0").end()

    assert read(line).outcome == "0 0"
    assert read(line).own < 3600
