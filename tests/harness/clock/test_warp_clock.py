"""The harness's side of a warped clock."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.clock import Clock
from brownout.harness.clock import WarpClock, preloading
from brownout.harness.clock.library import RATE_ONE, Line

RATES = st.floats(1, 1000).map(lambda rate: round(rate * RATE_ONE))
MOMENTS = st.integers(0, 10**17)


class TestALine:
    @given(wall=MOMENTS, target=MOMENTS, rate=RATES, due=MOMENTS)
    def test_wakes_at_the_first_moment_that_is_late_enough(self, wall: int, target: int, rate: int, due: int) -> None:
        """At the wall time of a target time that time has come, and a nanosecond before it has not."""
        line = Line(wall, target, rate, 0)

        first = line.wall_at(due)

        assert line.at(first - 1) < due <= line.at(first)


class TestAWarpClock:
    def test_is_a_clock(self, clock: WarpClock) -> None:
        """It satisfies the protocol that the fakes are given their time by."""
        as_protocol: Clock = clock

        assert as_protocol.rate == 1

    def test_begins_in_real_time(self, clock: WarpClock) -> None:
        """A new clock tells the machine's own time, both of the day and since the start."""
        before = time.monotonic_ns()

        assert before <= clock.nanoseconds() <= time.monotonic_ns()
        assert abs(clock.epoch() - time.time()) < 1

    def test_tells_wall_time(self, clock: WarpClock) -> None:
        """A target second takes a fiftieth of a wall second at rate 50."""
        clock.rate = 50

        assert clock.wall(10) == 0.2

    @pytest.mark.parametrize("rate", [0, -1, 0.5, 1001, math.inf, math.nan])
    def test_refuses_a_rate_that_it_cannot_keep(self, clock: WarpClock, rate: float) -> None:
        """A rate below real time or beyond a thousand is an error, and changes nothing."""
        with pytest.raises(ValueError, match="a rate is between"):
            clock.rate = rate

        assert clock.rate == 1

    @pytest.mark.parametrize("seconds", [-1, math.inf, math.nan])
    def test_refuses_to_leap_back(self, clock: WarpClock, seconds: float) -> None:
        """Time does not go backward, and not to the end of days."""
        with pytest.raises(ValueError, match="a leap goes forward"):
            clock.leap(seconds)

    def test_never_steps_back(self, clock: WarpClock) -> None:
        """Readings only grow, whatever the changes between them."""
        readings = []
        for rate in [50, 1, 1000, 3.7, 1, 20] * 50:
            clock.rate = rate
            readings.append(clock.nanoseconds())
            clock.leap(0.001)
            readings.append(clock.nanoseconds())

        assert readings == sorted(readings)

    def test_keeps_the_date_with_the_time(self, clock: WarpClock) -> None:
        """A leap of a day is a day later by the date too."""
        date = clock.epoch()

        clock.leap(86400)

        assert 86400 <= clock.epoch() - date < 86400 + 60

    async def test_sleeps_in_target_time(self, clock: WarpClock) -> None:
        """A sleep of 10 s at rate 50 has passed on the clock, and takes no 10 s of ours."""
        clock.rate = 50
        begun, wall = clock.nanoseconds(), time.monotonic()

        await clock.sleep(10)

        assert clock.nanoseconds() - begun >= 10_000_000_000
        assert time.monotonic() - wall < 9

    async def test_calls_in_the_order_of_what_is_due(self, clock: WarpClock) -> None:
        """Callbacks come in the order of their times, and of their planning where those are the same."""
        called: list[str] = []
        clock.call_later(300, called.append, "third")
        clock.call_later(100, called.append, "first")
        clock.call_later(200, called.append, "second")
        clock.call_later(200, called.append, "cancelled").cancel()

        clock.leap(299)
        await clock.sleep(0.001)
        before_the_last = called.copy()
        clock.leap(1)
        await clock.sleep(0.001)

        assert before_the_last == ["first", "second"]
        assert called == ["first", "second", "third"]

    async def test_a_leap_wakes_sleepers(self, clock: WarpClock) -> None:
        """Who sleeps for a day is awake after a leap of a day, and who sleeps for longer is not."""
        day = asyncio.create_task(clock.sleep(86400))
        week = asyncio.create_task(clock.sleep(7 * 86400))
        await asyncio.sleep(0)

        clock.leap(86400)
        await day

        assert not week.done()
        week.cancel()

    async def test_a_change_of_rate_reaches_sleepers(self, clock: WarpClock) -> None:
        """Who began to sleep for a minute in real time is awake soon at rate 1000."""
        minute = asyncio.create_task(clock.sleep(60))
        await asyncio.sleep(0)

        clock.rate = 1000
        wall = time.monotonic()
        await minute

        assert time.monotonic() - wall < 30

    async def test_may_be_changed_from_another_thread(self, clock: WarpClock) -> None:
        """A leap made in a thread wakes a sleeper in the loop."""
        sleeper = asyncio.create_task(clock.sleep(3600))
        await asyncio.sleep(0)

        await asyncio.to_thread(clock.leap, 3600)
        await sleeper

        assert sleeper.done()

    async def test_forgets_what_was_cancelled(self, clock: WarpClock) -> None:
        """Thousands of deadlines that were called off are not kept until they would have come."""
        for _ in range(5000):
            clock.call_later(3600, print).cancel()
        (alarms,) = clock._alarms.values()

        assert len(alarms._planned) < 200

    async def test_sleeps_on_any_loop(self, clock: WarpClock) -> None:
        """Two event loops in two threads each wake their own sleepers."""
        ends: list[int] = []
        threads = [threading.Thread(target=lambda: ends.append(asyncio.run(_sleep(clock)))) for _ in range(2)]
        clock.rate = 50
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(ends) == 2

    def test_is_closed_once(self, clock: WarpClock) -> None:
        """A closed clock still tells the time, does not change, and closing it again does nothing."""
        clock.close()
        clock.close()

        assert clock.nanoseconds() > 0
        assert clock.attached() == []
        with pytest.raises(RuntimeError, match="closed"):
            clock.rate = 2

    async def test_leaves_no_files_open(self, clock: WarpClock) -> None:
        """After a clock was used and closed, this process has the open files it had before."""
        await asyncio.sleep(0)
        before = _open_files()

        with WarpClock() as another:
            await another.sleep(0.001)

        assert _open_files() == before


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _sleep(clock: WarpClock) -> int:
    await clock.sleep(1)
    return clock.nanoseconds()


class TestTheEnvironment:
    def test_keeps_what_was_preloaded(self, clock: WarpClock) -> None:
        """Another library that a target preloads stays, after ours."""
        environment = clock.environment({"LD_PRELOAD": "libjemalloc.so", "A": "b"})

        assert environment["LD_PRELOAD"].endswith("libwarp.so:libjemalloc.so")
        assert environment["A"] == "b"

    def test_of_a_worker_warps_nothing(self, clock: WarpClock) -> None:
        """A program that loads the library without a clock is in real time."""
        clock.leap(86400)
        code = "import time; print(time.time())"

        told = subprocess.run([sys.executable, "-c", code], env=preloading(os.environ), capture_output=True, check=True)

        assert abs(float(told.stdout) - time.time()) < 3600
