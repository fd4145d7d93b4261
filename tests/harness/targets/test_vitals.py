from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from brownout.fakes.clock import RealClock
from brownout.harness.targets.keeper import descendants
from brownout.harness.targets.vitals import cpu_share

SPINS = "print(flush=True)\nwhile True: pass"
WAKES = "import time\nprint(flush=True)\nwhile True: time.sleep(0.02)"


async def share_beside(spinning: int, program: str) -> float:
    """The share of a program, once it has begun, while so many others spin."""
    others = [await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass") for _ in range(spinning)]
    keeps = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"
    keeper = await asyncio.create_subprocess_exec(sys.executable, "-c", keeps, stdout=asyncio.subprocess.PIPE)
    assert keeper.stdout is not None
    try:
        await keeper.stdout.readline()
        return await cpu_share(keeper.pid, 0.2, RealClock())
    finally:
        for pid in descendants(keeper.pid):
            os.kill(pid, signal.SIGKILL)
        for process in others:
            process.kill()
        for process in (*others, keeper):
            await process.wait()


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("spinning", [0, 3 * (os.cpu_count() or 1)])
async def test_what_spins_is_seen_on_a_busy_machine_too(spinning: int) -> None:
    """
    A program that spins uses nearly all that it can get, however little that is.
    """
    assert await share_beside(spinning, SPINS) > 0.8


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("spinning", [0, 3 * (os.cpu_count() or 1)])
async def test_what_rests_is_not_accused_on_a_busy_machine(spinning: int) -> None:
    """
    A program that wakes now and then, and waits for a processor each time, is at rest.
    """
    assert await share_beside(spinning, WAKES) < 0.2
