"""The library under ThreadSanitizer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from brownout.harness import clock as package
from brownout.harness.clock import WarpClock

from .conftest import COMPILER, PROGRAMS

SOURCES = sorted(Path(package.__file__).parent.glob("*.c"))
# Each mechanism, eight threads at a time. C11's mutexes are left out: the sanitizer does not know them.
KINDS = [
    "nanosleep",
    "select",
    "epoll_wait",
    "sem_timedwait",
    "mutex_clocklock",
    "cond_monotonic",
    "cond_exchange",
    "futex_wait_bitset",
    "timerfd_repeating",
    "timerfd_until_realtime",
    "recv",
    "send",
]


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library and the program that waits in every way, in one and instrumented."""
    program = tmp_path_factory.mktemp("sanitized") / "waits"
    if COMPILER is None:
        pytest.skip("the library is instrumented here, and there is no C compiler")
    built = subprocess.run(
        [
            *(COMPILER, "-std=gnu11", "-O1", "-g", "-fsanitize=thread", "-fexceptions", "-pthread"),
            *(*SOURCES, PROGRAMS / "waits.c", "-o", program, "-ldl", "-lrt"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if built.returncode:
        pytest.skip(f"this compiler has no ThreadSanitizer: {built.stderr[-200:]}")
    return program


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_race(kind: str, clock: WarpClock, sanitized: Path) -> None:
    """ThreadSanitizer finds nothing while eight threads wait and the clock changes its rate and leaps."""
    process = subprocess.Popen(
        [sanitized, kind, "20", "8"],
        env={**os.environ, "BROWNOUT_CLOCK": clock.path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    changes = 0
    while True:
        clock.rate = [50, 20, 5, 100][changes % 4]
        clock.leap(0.1)
        changes += 1
        try:
            output, complaints = process.communicate(timeout=0.01)
            break
        except subprocess.TimeoutExpired:
            assert changes < 6000

    assert complaints == ""
    assert process.returncode == 0
    assert len(output.splitlines()) == 8
