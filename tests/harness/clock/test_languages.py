"""Programs in Python, Node and Java, run as they are, measure their own waits."""

from __future__ import annotations

import pytest

from brownout.harness.clock import WarpClock

from .conftest import Started, Starter

PYTHON = [
    "sleep",
    "asyncio",
    "uvloop",
    "event",
    "condition",
    "queue",
    "future",
    "socket",
    "select",
    "httpx",
    "requests",
    "subprocess",
]
NODE = ["setTimeout", "setInterval", "fetch", "http"]
JAVA = ["sleep", "scheduler", "socket", "orTimeout", "monitor", "parkUntil"]
# Far more than a busy machine's noise at rate 50, far less than a wait that was not scaled.
LATE = 120.0
# Runtimes that keep their time in milliseconds may round a wait down by one.
EARLY = 0.002


def measured(clock: WarpClock, program: Started) -> float:
    """How long a wait of ten seconds took at rate 50, the program having started in real time."""
    assert program.line() == "ready"
    clock.rate = 50
    program.tell("go")
    return float(program.line())


@pytest.mark.slow
@pytest.mark.parametrize("kind", PYTHON)
def test_python_waits_in_target_time(kind: str, clock: WarpClock, start: Starter, python_waits: list[str]) -> None:
    """Ten seconds are ten seconds for every way in which a Python program waits."""
    if kind in {"uvloop", "httpx", "requests"}:
        pytest.importorskip(kind)

    took = measured(clock, start(*python_waits, kind, "10", "1"))

    assert 10 - EARLY <= took <= 10 + LATE


@pytest.mark.slow
@pytest.mark.parametrize("kind", NODE)
def test_node_waits_in_target_time(kind: str, clock: WarpClock, start: Starter, node_waits: list[str]) -> None:
    """Ten seconds are ten seconds for timers, intervals and timeouts of Node."""
    took = measured(clock, start(*node_waits, kind, "10", "1"))

    assert 10 - EARLY <= took <= 10 + LATE


@pytest.mark.slow
@pytest.mark.parametrize("kind", JAVA)
def test_java_waits_in_target_time(kind: str, clock: WarpClock, start: Starter, java_waits: list[str]) -> None:
    """Ten seconds are ten seconds for threads, schedulers, sockets and futures of the JVM."""
    took = measured(clock, start(*java_waits, kind, "10", "1"))

    assert 10 - EARLY <= took <= 10 + LATE


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sleep", "asyncio", "uvloop", "event"])
def test_python_is_woken_by_a_leap(kind: str, clock: WarpClock, start: Starter, python_waits: list[str]) -> None:
    """A Python program that sleeps for a day has slept it after a leap of a day."""
    if kind == "uvloop":
        pytest.importorskip(kind)
    program = start(*python_waits, kind, "86400", "1")
    assert program.line() == "ready"
    clock.attached()
    program.tell("go")
    program.until_it_waits()
    clock.leap(86400)
    clock.rate = 50

    assert 86400 - EARLY <= float(program.line()) <= 86400 + LATE
